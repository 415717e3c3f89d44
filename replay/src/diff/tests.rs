//! Rows of two segments against the definition: a difference of two maps.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use arrow::{
    array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray},
    datatypes::{DataType, Field, Schema},
};
use clicktrail_log::{schema, time::Timestamp};
use clicktrail_projections::segment::Writer;
use proptest::prelude::*;

use super::{merge, *};

/// Advertiser, country, minute.
type Key = (String, Option<String>, i64);
type Rows = BTreeMap<Key, (i64, i128)>;

fn layout() -> Layout {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Layout { keys: names(&["advertiser_id", "country", "minute"]), measures: names(&["clicks", "spend_micros"]) }
}

fn batch(rows: &[(&Key, &(i64, i128))], schema: &Arc<Schema>) -> RecordBatch {
    let minutes = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|((.., minute), _)| minute * 60_000_000));
    let spend = Decimal128Array::from_iter_values(rows.iter().map(|(_, (_, spend))| *spend));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(rows.iter().map(|((advertiser, ..), _)| advertiser))),
        Arc::new(StringArray::from_iter(rows.iter().map(|((_, country, _), _)| country.as_deref()))),
        Arc::new(minutes.with_timezone("UTC")),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|(_, (clicks, _))| *clicks))),
        Arc::new(spend.with_precision_and_scale(38, 0).unwrap()),
    ];
    RecordBatch::try_new(Arc::clone(schema), columns).unwrap()
}

fn segment(rows: &Rows) -> bytes::Bytes {
    let schema = Arc::new(Schema::new(vec![
        Field::new("advertiser_id", DataType::Utf8, false),
        Field::new("country", DataType::Utf8, true),
        Field::new("minute", schema::timestamp_type(), false),
        Field::new("clicks", DataType::Int64, false),
        Field::new("spend_micros", DataType::Decimal128(38, 0), false),
    ]));
    let mut writer = Writer::new(&schema).unwrap();
    let rows: Vec<_> = rows.iter().collect();
    for chunk in rows.chunks(7) {
        writer.push(batch(chunk, &schema)).unwrap();
    }
    writer.finish().unwrap().0
}

fn found(before: Option<&Rows>, after: Option<&Rows>) -> Vec<RowChange> {
    let (before, after) = (before.map(segment), after.map(segment));
    let mut found = Vec::new();
    let side = |side: Option<bytes::Bytes>, name| side.map(|bytes| (name, bytes));
    merge::rows(&layout(), side(before, "before"), side(after, "after"), &mut |row| {
        found.push(row);
        Ok(())
    })
    .unwrap();
    found
}

fn values((clicks, spend): &(i64, i128)) -> Vec<i128> {
    vec![i128::from(*clicks), *spend]
}

fn rows() -> impl Strategy<Value = Rows> {
    let country = prop::option::of(prop::sample::select(vec!["", "DE", "É"]).prop_map(str::to_owned));
    let key = (prop::sample::select(vec!["a", "aa", "b", "ä"]).prop_map(str::to_owned), country, -2_i64..3);
    prop::collection::btree_map(key, (0_i64..3, -1_i128..2), 0..40)
}

/// What the definition says: a difference of two maps.
fn expected(before: &Rows, after: &Rows) -> Vec<RowChange> {
    let minute = |minute: i64| Timestamp::from_micros(minute * 60_000_000).to_string();
    let keys: BTreeSet<&Key> = before.keys().chain(after.keys()).collect();
    let change = |key: &Key| {
        let (before, after) = (before.get(key).map(values), after.get(key).map(values));
        let texts = vec![Some(key.0.clone()), key.1.clone(), Some(minute(key.2).replace(".000000Z", "Z"))];
        (before != after).then_some(RowChange { key: texts, before, after })
    };
    keys.into_iter().filter_map(change).collect()
}

/// Other values for some rows.
fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, (i64, i128))>> {
    prop::collection::vec((any::<prop::sample::Index>(), (0_i64..3, -1_i128..2)), 0..6)
}

proptest! {
    #[test]
    fn every_row_that_differs_is_found_once_and_in_order(before in rows(), after in rows()) {
        prop_assert_eq!(found(Some(&before), Some(&after)), expected(&before, &after));
    }

    /// As other code or other verdicts leave it: no key is decoded to find which rows belong together.
    #[test]
    fn rows_of_the_same_keys_are_compared_by_columns(before in rows(), changed in changes()) {
        let mut after = before.clone();
        for (at, value) in changed.into_iter().filter(|_| !before.is_empty()) {
            *after.values_mut().nth(at.index(before.len())).unwrap() = value;
        }
        prop_assert_eq!(found(Some(&before), Some(&after)), expected(&before, &after));
    }
}

/// Rows of a row group of a segment.
const GROUP_ROWS: i64 = 1 << 18;

/// The first row group has the same keys on both sides, the second a row more on one.
#[test]
fn row_groups_behind_the_first_with_other_keys_are_merged() {
    let key = |minute: i64| ("a".to_owned(), None, minute);
    let before: Rows = (0..GROUP_ROWS + 40).map(|minute| (key(minute), (1, 5))).collect();
    let mut after = before.clone();
    // Alone, close to others, and at the edges of batches, pages and row groups.
    let changed = [0, 7, 8, 39, 80, 16_383, 16_384, 40_000, GROUP_ROWS - 1, GROUP_ROWS, GROUP_ROWS + 39];
    for minute in changed {
        after.insert(key(minute), (2, 5));
    }
    let same_keys = found(Some(&before), Some(&after));
    assert_eq!(same_keys, expected(&before, &after));
    assert_eq!(same_keys.len(), changed.len());
    after.remove(&key(GROUP_ROWS + 3));
    after.insert(key(GROUP_ROWS + 50), (9, 9));
    assert_eq!(found(Some(&before), Some(&after)), expected(&before, &after));
    assert_eq!(found(Some(&after), Some(&before)), expected(&after, &before));
    after.remove(&key(1));
    assert_eq!(found(Some(&before), Some(&after)), expected(&before, &after), "no row group has the same keys");
}

#[test]
fn a_row_names_its_key_and_by_how_much_it_grew() {
    let key = ("acme".to_owned(), None, 5);
    let (before, after) = (Rows::from([(key.clone(), (4, 1_000))]), Rows::from([(key, (6, i128::from(u64::MAX)))]));
    let changes = found(Some(&before), Some(&after));
    assert_eq!(changes.len(), 1);
    let texts = [Some("acme"), None, Some("1970-01-01T00:05:00Z")].map(|text| text.map(str::to_owned));
    assert_eq!(changes[0].key, texts);
    assert_eq!(changes[0].deltas(), [2, i128::from(u64::MAX) - 1_000]);
    let added = found(None, Some(&after));
    assert_eq!((added[0].before.clone(), added[0].deltas()), (None, vec![6, i128::from(u64::MAX)]));
    let removed = found(Some(&before), None);
    assert_eq!((removed[0].after.clone(), removed[0].deltas()), (None, vec![-4, -1_000]));
}

#[test]
fn a_side_out_of_order_or_no_segment_is_damaged_by_name() {
    let schema = Arc::new(Schema::new(vec![
        Field::new("advertiser_id", DataType::Utf8, false),
        Field::new("country", DataType::Utf8, true),
        Field::new("minute", schema::timestamp_type(), false),
        Field::new("clicks", DataType::Int64, false),
        Field::new("spend_micros", DataType::Decimal128(38, 0), false),
    ]));
    let (one, other) = (("b".to_owned(), None, 0), ("a".to_owned(), None, 0));
    let mut writer = Writer::new(&schema).unwrap();
    for key in [&one, &other] {
        writer.push(batch(&[(key, &(1, 1))], &schema)).unwrap();
    }
    let disordered = writer.finish().unwrap().0;
    for (bytes, expected) in [(disordered, "order of their keys"), (bytes::Bytes::from_static(b"PAR1"), "segments/x")] {
        let refused = merge::rows(&layout(), Some(("segments/x", bytes)), None, &mut |_| Ok(())).unwrap_err();
        let text = clicktrail_log::causes::causes(&refused);
        assert!(text.contains("segments/x is damaged") && text.contains(expected), "{text}");
    }
}
