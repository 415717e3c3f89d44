use std::sync::Arc;

use clicktrail_log::event::{Event, Kind as EventKind};
use datafusion::{
    arrow::{
        array::{Array as _, AsArray as _, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray},
        datatypes::{Decimal128Type, Field, Int64Type, Schema},
    },
    catalog::TableProvider,
};
use futures::{StreamExt as _, TryStreamExt as _};
use proptest::prelude::*;

use super::*;
use crate::{
    counters::{
        self,
        tests::{bytes, event, events, frame, limits, ruled, ruled_rows},
    },
    error::Error,
    zone::Unit,
};

const EXAMPLE: [&str; 2] = [
    include_str!("../../../examples/projections/spend_by_country_and_device.toml"),
    include_str!("../../../examples/projections/spend_by_country_and_device.sql"),
];

async fn example() -> Projection {
    Projection::from_files("spend_by_country_and_device", EXAMPLE[0], EXAMPLE[1]).await.unwrap()
}

async fn projected(projection: &Projection, events: &[Event<'_>], rulings: Arc<dyn TableProvider>) -> Vec<RecordBatch> {
    let clicks = Arc::new(crate::clicks::of_frames(&[frame(1, events)]).unwrap());
    let rows = projection.project(clicks, rulings, limits()).await.unwrap();
    rows.try_collect().await.unwrap()
}

fn forty() -> Vec<Event<'static>> {
    (0..40).map(|id| event(usize::from(id), EventKind::Click, id % 32, id % 6)).collect()
}

fn segment(projection: &Projection, rows: Vec<RecordBatch>) -> Vec<u8> {
    let mut writer = projection.writer().unwrap();
    rows.into_iter().for_each(|batch| writer.push(batch).unwrap());
    writer.finish().unwrap().0.to_vec()
}

/// The digest is in every receipt: changed by accident, every segment ever built would be built again.
#[test]
fn counters_have_the_digest_and_columns_that_they_had() {
    let counters = Projection::counters();
    assert!(counters.is_built_in());
    assert_eq!(counters.code_digest(), counters::code_digest());
    assert_eq!(counters.schema(), counters::schema());
    let key: Vec<_> = counters.key().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(key, counters::KEYS);
    assert_eq!(counters.measures().len(), counters::COUNTS.len() + counters::SUMS.len());
}

#[tokio::test]
async fn candidate_that_says_the_same_gives_the_same_bytes_under_another_digest() {
    let reworded = format!("-- the same\n{}", counters::SQL);
    let candidate = Projection::candidate_of_counters(&reworded).await.unwrap();
    assert!(!candidate.is_built_in());
    assert_ne!(candidate.code_digest(), counters::code_digest());
    let none = counters::no_rulings;
    let found = projected(&candidate, &forty(), none()).await;
    assert!(bytes(found) == bytes(projected(&Projection::counters(), &forty(), none()).await), "I6");
    let same = Projection::candidate_of_counters(counters::SQL).await.unwrap();
    assert!(same.is_built_in());
}

#[tokio::test]
async fn candidate_merges_as_counters_do() {
    let candidate = Projection::candidate_of_counters(&format!("-- again\n{}", counters::SQL)).await.unwrap();
    let whole = projected(&candidate, &forty(), counters::no_rulings()).await;
    let twice = candidate.merge([whole.clone(), whole.clone()].concat(), limits()).await.unwrap();
    let known = counters::merge([whole.clone(), whole].concat(), limits()).await.unwrap();
    assert!(bytes(twice) == bytes(known));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Any cut of the log into frames gives the bytes of one clean pass, for a user's projection too (I6, I8).
    #[test]
    fn frames_of_a_users_projection_add_up(events in events(), frame_rows in 1_usize..40) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (projection, whole, pieces) = runtime.block_on(async {
            let projection = example().await;
            let whole = projected(&projection, &events, ruled(1, &events, events.len())).await;
            let mut pieces = Vec::new();
            for (seq, rows) in (1..).zip(events.chunks(frame_rows)) {
                let rulings = [ruled_rows(seq, &events, frame_rows)];
                pieces.extend(projection.project_frames(&[frame(seq, rows)], &rulings, limits()).await.unwrap());
            }
            let pieces = projection.merge(pieces, limits()).await.unwrap();
            (projection, whole, pieces)
        });
        let clicks = |rows: &[RecordBatch]| rows.iter().map(|batch| {
            arrow::compute::sum(batch.column_by_name("clicks").unwrap().as_primitive::<Int64Type>()).unwrap_or(0)
        }).sum::<i64>();
        let expected = events.iter().filter(|event| event.kind == EventKind::Click).count();
        prop_assert_eq!(clicks(&whole), i64::try_from(expected).unwrap());
        prop_assert!(segment(&projection, whole) == segment(&projection, pieces));
    }
}

#[tokio::test]
async fn example_says_what_was_spent_per_country_and_device_and_hour() {
    let projection = example().await;
    assert_eq!((projection.time(), projection.unit()), ("hour", Unit::Hour));
    let events = [0, 8, 12, 12].map(|key| event(usize::from(key), EventKind::Click, key, 0));
    let rows = projected(&projection, &events, counters::no_rulings()).await;
    let text = |name: &str, row: usize| {
        let column = rows[0].column_by_name(name).unwrap().as_string::<i32>();
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    let spend = rows[0].column_by_name("spend_micros").unwrap().as_primitive::<Decimal128Type>();
    let found: Vec<_> = (0..3).map(|row| (text("country", row), text("device_type", row), spend.value(row))).collect();
    let x = || Some("x".to_owned());
    assert_eq!(found, [(None, None, 1_000), (x(), None, 1_008), (x(), x(), 2_024)]);
}

#[tokio::test]
async fn digest_of_a_users_projection_names_all_that_it_says() {
    let first = example().await.code_digest();
    assert_eq!(example().await.code_digest(), first);
    let name = Projection::from_files("another", EXAMPLE[0], EXAMPLE[1]).await.unwrap();
    let sql = format!("{} ", EXAMPLE[1]);
    let sql = Projection::from_files("spend_by_country_and_device", EXAMPLE[0], &sql).await.unwrap();
    let order = EXAMPLE[0].replace("\"country\", \"device_type\"", "\"device_type\", \"country\"");
    let order = Projection::from_files("spend_by_country_and_device", &order, EXAMPLE[1]).await.unwrap();
    for other in [name, sql, order] {
        assert_ne!(other.code_digest(), first, "{other:?}");
    }
}

#[tokio::test]
async fn file_that_says_nonsense_is_refused_by_its_field() {
    let key = "key = [\"country\", \"device_type\", \"hour\", \"currency\"]";
    for (old, new, said) in [
        (key, "key = []", "time: \"hour\" is not in the key"),
        (key, "", "missing field `key`"),
        (key, "key = [\"Country\", \"hour\"]", "column \"Country\": a name has lower-case letters"),
        (key, "key = [\"hour\", \"hour\"]", "column hour: it is named twice"),
        (key, "key = [\"hour\", \"clicks\"]", "column clicks: it is named twice"),
        ("unit = \"hour\"", "unit = \"week\"", "unit: \"week\" is none: use minute or hour"),
        ("unit = \"hour\"", "unit = \"hour\"\ncolour = 1", "unknown field `colour`"),
        ("type = \"sum\"", "type = \"float\"", "measure spend_micros: \"float\" is no type"),
        ("type = \"sum\"", "type = \"max\"", "use count (of events) or sum (of micros)"),
        ("time = \"hour\"", "time = \"minute\"", "time: \"minute\" is not in the key"),
        ("time = \"hour\"", "time = ", "TOML parse error"),
    ] {
        assert!(EXAMPLE[0].contains(old), "{old}");
        let refused = Projection::from_files("spend", &EXAMPLE[0].replace(old, new), EXAMPLE[1]).await;
        let is_said = |what: &str| what.starts_with("spend.toml: ") && what.contains(said);
        assert!(matches!(&refused, Err(Error::Refused(what)) if is_said(what)), "{new}: {refused:?}");
    }
    for name in ["counters", "Spend", "", "a/b", "../a", "1st", "ä"] {
        let refused = Projection::from_files(name, EXAMPLE[0], EXAMPLE[1]).await;
        assert!(matches!(&refused, Err(Error::Refused(what)) if what.starts_with("projection ")), "{refused:?}");
    }
    let large = format!("# {}\n{}", "x".repeat(16 << 10), EXAMPLE[0]);
    assert!(Projection::from_files("spend", &large, EXAMPLE[1]).await.is_err());
}

/// What the engine gives is looked at row by row, whatever was found about the plan.
#[tokio::test]
async fn rows_that_are_none_of_a_projection_are_refused() {
    let toml =
        "key = [\"country\", \"hour\"]\ntime = \"hour\"\nunit = \"hour\"\n[[measures]]\nname = \"n\"\ntype = \"count\"";
    let sql = "SELECT country, date_trunc('hour', event_time) AS hour, COUNT(*) AS n FROM clicks GROUP BY 1, 2";
    let projection = Projection::from_files("n", toml, sql).await.unwrap();
    let hour = 3_600_000_000;
    let batch = |rows: &[(&str, Option<i64>, Option<i64>)]| {
        let nullable = |field: &Arc<Field>| field.as_ref().clone().with_nullable(true);
        let schema = Schema::new(projection.schema().fields().iter().map(nullable).collect::<Vec<_>>());
        let times = TimestampMicrosecondArray::from_iter(rows.iter().map(|row| row.1)).with_timezone("UTC");
        RecordBatch::try_new(
            Arc::new(schema),
            vec![
                Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.0))),
                Arc::new(times),
                Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.2))),
            ],
        )
        .unwrap()
    };
    let check = async |batches: Vec<RecordBatch>| {
        let rows = futures::stream::iter(batches.into_iter().map(Ok)).boxed();
        let checked: Result<Vec<_>, Error> = ordered::checked(&projection, rows).unwrap().try_collect().await;
        checked.map(|rows| rows.len())
    };
    let [a, b] = ["a", "b"].map(|country| (country, Some(hour), Some(1)));
    assert_eq!(check(vec![batch(&[a, b]), batch(&[("b", Some(hour * 2), Some(1))])]).await.unwrap(), 2);
    for (batches, said) in [
        (vec![batch(&[a, a])], "two rows have the same key"),
        (vec![batch(&[a]), batch(&[a])], "two rows have the same key"),
        (vec![batch(&[("a", Some(hour + 1), Some(1))])], "no whole hour"),
        (vec![batch(&[("a", None, Some(1))])], "hour is never null"),
        (vec![batch(&[("a", Some(hour), None)])], "n is never null"),
    ] {
        let refused = check(batches).await;
        assert!(matches!(&refused, Err(Error::Refused(what)) if what.contains(said)), "{said}: {refused:?}");
    }
}
