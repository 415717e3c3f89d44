//! What a fold refuses, and what it says of its memory and of a clock that runs backwards.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, new_null_array},
    datatypes::{Field, Schema},
};
use clicktrail_log::{event::Kind, schema};

use super::world::{NOON, SECOND, World, batch, event, rule};
use crate::{
    fold::{Error, Fold, Originals},
    ruleset::Ruleset,
};

fn fold() -> Fold {
    Fold::new(Arc::new(Ruleset::shipped()))
}

/// A batch of one click with `column` replaced.
fn with(column: &str, array: &ArrayRef) -> RecordBatch {
    let mut world = World::default();
    world.click("a", NOON, |_| ());
    let whole = batch(&world.entries);
    let own = whole.schema();
    let fields = own.fields().iter().map(|field| {
        let is_it = field.name() == column;
        if is_it { Field::new(column, array.data_type().clone(), true) } else { field.as_ref().clone() }
    });
    let schema = Schema::new(fields.collect::<Vec<_>>());
    let columns = own
        .fields()
        .iter()
        .zip(whole.columns())
        .map(|(field, given)| if field.name() == column { Arc::clone(array) } else { Arc::clone(given) });
    RecordBatch::try_new(Arc::new(schema), columns.collect()).unwrap()
}

#[test]
fn batch_that_is_none_of_the_log_is_refused_by_name() {
    for (column, array, names) in [
        ("position", Arc::new(Int64Array::from(vec![7])) as ArrayRef, "7 is no position"),
        ("position", new_null_array(&arrow::datatypes::DataType::Int64, 1), "position has 1 nulls"),
        ("event_time", new_null_array(&schema::timestamp_type(), 1), "event_time has 1 nulls"),
        ("logged_at", Arc::new(Int64Array::from(vec![7])), "logged_at is of type"),
        ("kind", Arc::new(StringArray::from(vec!["glance"])), "\"glance\" is no kind"),
        ("event_id", Arc::new(StringArray::from(vec![None::<&str>])), "event_id has 1 nulls"),
        ("ip", Arc::new(Int64Array::from(vec![7])), "ip is of type"),
    ] {
        let error = fold().judge(&with(column, &array), &Originals::none()).unwrap_err();
        assert!(matches!(&error, Error::Rows(_)) && error.to_string().contains(names), "{error}");
        assert!(fold().candidates(&with(column, &array)).is_err());
    }
    let missing = RecordBatch::new_empty(Arc::new(Schema::empty()));
    assert!(fold().judge(&missing, &Originals::none()).unwrap_err().to_string().contains("no column position"));
}

#[test]
fn rows_of_nulls_and_oddities_find_their_way_through() {
    let mut world = World::default();
    for kind in Kind::ALL {
        world.add(event(kind, "same", NOON));
        let mut odd = event(kind, "", i64::MIN / 2);
        odd.ip = Some("999.999.999.999".into());
        odd.user_agent = Some("\u{fffd}\n\t".into());
        odd.user_id = Some("".into());
        world.add_logged(odd, i64::MAX);
        world.add_logged(event(kind, "same", i64::MAX), i64::MIN);
    }
    let mut fold = fold();
    fold.judge(&batch(&world.entries), &Originals::none()).unwrap();
    let empty = RecordBatch::new_empty(schema::read());
    assert_eq!(fold.judge(&empty, &Originals::none()), Ok(vec![]));
}

#[test]
fn rows_out_of_log_order_are_refused_and_change_nothing() {
    let mut world = World::default();
    world.click("a", NOON, |_| ()).click("b", NOON, |_| ());
    let mut fold = fold();
    let mut turned = world.entries.clone();
    turned.reverse();
    assert!(matches!(fold.judge(&batch(&turned), &Originals::none()), Err(Error::Rows(_))));
    fold.warm(&batch(&world.entries)).unwrap();
    let again = fold.warm(&batch(&world.entries[1..])).unwrap_err();
    assert!(again.to_string().contains("1.2.0 was folded before"), "{again}");
}

#[test]
fn clock_that_runs_back_too_far_raises_the_alarm() {
    let mut world = World::default();
    for logged in [1000, 400, 399, 1000] {
        world.add_logged(event(Kind::Click, &logged.to_string(), NOON), NOON + logged * SECOND);
    }
    let mut fold = fold();
    fold.warm(&batch(&world.entries)).unwrap();
    let rewinds = fold.rewinds();
    assert_eq!(rewinds.events, 1);
    assert_eq!(rewinds.first, Some(("1.3.0".parse().unwrap(), 601 * SECOND)));
}

#[test]
fn state_over_the_limit_stops_the_fold_and_names_the_largest() {
    let ruleset = super::world::ruleset(
        "memory_bytes_max = 1048576\n[[rule]]\ndetector = \"duplicate\"\n[[rule]]\ndetector = \"address_rate\"\n",
    );
    let mut fold = Fold::new(ruleset);
    let mut world = World::default();
    for index in 0..40_000 {
        world.click(&index.to_string(), NOON, |_| ());
    }
    match fold.judge(&batch(&world.entries), &Originals::none()) {
        Err(Error::Memory { bytes, bytes_max, largest, largest_bytes }) => {
            assert!(bytes > bytes_max && bytes_max == 1 << 20 && largest_bytes <= bytes);
            assert_eq!(largest, "duplicate");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn memory_does_not_grow_with_the_length_of_the_log() {
    let ruleset = rule("duplicate", "");
    let mut fold = Fold::new(ruleset);
    let mut world = World::default();
    for index in 0..40_000 {
        world.click(&index.to_string(), NOON + index * SECOND, |_| ());
    }
    let mut most = [0, 0];
    for (index, entries) in world.entries.chunks(500).enumerate() {
        fold.warm(&batch(entries)).unwrap();
        let half = usize::from(index >= 40);
        most[half] = fold.memory_bytes().max(most[half]);
    }
    assert!(most[1] <= most[0], "{most:?}");
}

#[test]
fn damaged_address_database_is_an_error_and_never_a_panic() {
    let whole = super::mmdb::database(&[(std::net::Ipv4Addr::new(10, 1, 0, 0), 16, 52.52, 13.40)]);
    let text = "version = 1\nname = \"t\"\n[[rule]]\ndetector = \"impossible_travel\"\ndatabase = \"city.mmdb\"\n";
    let load = |bytes: Vec<u8>| Ruleset::parse(text, &|_| Ok(bytes.clone()));
    let mut world = World::default();
    for id in ["a", "b"] {
        world.click(id, NOON, |click| {
            click.user_id = Some("u".into());
            click.ip = Some("10.1.0.1".into());
        });
    }
    load(whole.clone()).unwrap();
    for at in 0..whole.len() {
        let error = load(whole[..at].to_vec()).unwrap_err().to_string();
        assert!(error.starts_with("city.mmdb is not a usable address database"), "{at}: {error}");
        let mut flipped = whole.clone();
        flipped[at] ^= 0x55;
        if let Ok(ruleset) = load(flipped) {
            world.found(&Arc::new(ruleset));
        }
    }
}
