//! Rows come back from a payload as they went in, and from the payloads of earlier days.
//!
//! A payload of other bytes than the fixture's is no damage, as long as the fixture is still read: then it gets a
//! second one beside it under the next number, which `CLICKTRAIL_WRITE_FIXTURES=1` writes.

use std::{path::PathBuf, sync::Arc};

use datafusion::arrow::{
    array::{ArrayRef, Decimal128Array, Int64Array, StringArray, TimestampMicrosecondArray},
    util::pretty::pretty_format_batches,
};
use proptest::prelude::*;

use super::*;
use crate::counters::schema::{COUNTS, FIRST_COUNTS, FIRST_SUMS, KEYS, SUMS};

const PAYLOAD: &str = "hot-partial-2.arrow.zst";
const ROWS: &str = "hot-partial-2.txt";
const FIRST_PAYLOAD: &str = "hot-partial-1.arrow.zst";
const FIRST_ROWS: &str = "hot-partial-1.txt";
const DIGITS: i128 = 10_i128.pow(38) - 1;

/// The eight keys but the minute, then minute, counts and sums.
#[derive(Debug, Clone)]
struct Row {
    texts: [String; 4],
    optional: [Option<String>; 3],
    minute: i64,
    counts: [i64; COUNTS.len()],
    sums: [i128; SUMS.len()],
}

fn table(rows: &[Row]) -> RecordBatch {
    let text = |at: usize| Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.texts[at]))) as ArrayRef;
    let optional =
        |at: usize| Arc::new(StringArray::from_iter(rows.iter().map(|row| row.optional[at].as_ref()))) as ArrayRef;
    let minutes = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.minute));
    let minutes = Arc::new(minutes.with_data_type(clicktrail_log::schema::timestamp_type()));
    let mut columns: Vec<ArrayRef> =
        vec![text(0), text(1), text(2), optional(0), minutes, optional(1), optional(2), text(3)];
    for at in 0..COUNTS.len() {
        columns.push(Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.counts[at]))));
    }
    for at in 0..SUMS.len() {
        let sums = Decimal128Array::from_iter_values(rows.iter().map(|row| row.sums[at]));
        columns.push(Arc::new(sums.with_precision_and_scale(38, 0).unwrap()));
    }
    RecordBatch::try_new(schema(), columns).unwrap()
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let text = || prop_oneof!["[ab]{0,2}", "\\PC{0,12}"];
    let optional = || proptest::option::of(text());
    let keys = ([text(), text(), text(), text()], [optional(), optional(), optional()], any::<i64>());
    let numbers = (any::<[i64; COUNTS.len()]>(), proptest::array::uniform6(-DIGITS..=DIGITS));
    let row = (keys, numbers).prop_map(|((texts, optional, minute), (counts, sums))| Row {
        texts,
        optional,
        minute,
        counts,
        sums,
    });
    proptest::collection::vec(row, 0..40)
}

/// Ticks have any number of batches, and some have no rows.
fn cut(table: &RecordBatch, sizes: &[usize]) -> Vec<RecordBatch> {
    let mut batches = Vec::new();
    let mut done = 0;
    for size in sizes {
        let size = (*size).min(table.num_rows() - done);
        batches.push(table.slice(done, size));
        done += size;
    }
    batches.push(table.slice(done, table.num_rows() - done));
    batches
}

proptest! {
    #[test]
    fn rows_come_back_from_their_payload(rows in rows(), sizes in proptest::collection::vec(0_usize..20, 0..5)) {
        let batches = cut(&table(&rows), &sizes);
        let payload = encode(&batches).unwrap();
        prop_assert_eq!(decode(&payload).unwrap(), batches.clone());
        prop_assert_eq!(encode(&decode(&payload).unwrap()).unwrap(), payload);
    }
}

#[test]
fn rows_of_other_columns_are_refused() {
    let fewer = table(&[]).project(&[0, 1, 2]).unwrap();
    assert!(encode(&[fewer]).is_err());
}

/// Two rows that differ in everything that a column can hold.
fn sample() -> Vec<Row> {
    let first = Row {
        texts: ["acme", "spring", "boots", "EUR"].map(str::to_owned),
        optional: [Some("Zürich".to_owned()), None, Some("mobile".to_owned())],
        minute: 1_772_402_400_000_000,
        counts: [100, 7, 4, 1, 1, 1, 0, 2, 3, 5, 11, 12, 13, 14, 1, 0, 1, 0],
        sums: [1_000_000, 19_990_000, 250_000, 0, 9_990_000, 1],
    };
    let second = Row {
        texts: ["acme", "spring", "shoes", "USD"].map(str::to_owned),
        optional: [None, Some("DE".to_owned()), None],
        minute: 1_772_402_460_000_000,
        counts: [0, 1, 1, 0, 0, 0, 0, 0, 0, i64::MAX, 0, 0, 0, 0, 0, 0, 0, i64::MIN],
        sums: [DIGITS, -DIGITS, 0, 0, -1, DIGITS],
    };
    vec![first, second]
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

#[track_caller]
fn check(name: &str, found: &[u8]) {
    if std::env::var_os("CLICKTRAIL_WRITE_FIXTURES").is_some() {
        std::fs::write(path(name), found).unwrap();
    }
    let stored = std::fs::read(path(name)).unwrap();
    assert!(stored == found, "{name} is not what this code makes:\n{}", String::from_utf8_lossy(found));
}

#[test]
fn payload_of_today_is_read_and_written_the_same() {
    let table = table(&sample());
    check(PAYLOAD, &encode(&[table.slice(0, 1), table.slice(1, 1)]).unwrap());
    let stored = std::fs::read(path(PAYLOAD)).unwrap();
    assert!(!is_of_earlier_version(&stored).unwrap());
    let stored = decode(&stored).unwrap();
    assert_eq!(stored, [table.slice(0, 1), table.slice(1, 1)]);
    check(ROWS, format!("{}\n", pretty_format_batches(&stored).unwrap()).as_bytes());
}

/// Version 1 had no counts of invalid impressions and conversions, and no sums of what is invalid.
#[test]
fn payload_of_version_1_is_read_with_zeros_or_nulls_where_it_did_not_count() {
    let stored = std::fs::read(path(FIRST_PAYLOAD)).unwrap();
    assert!(is_of_earlier_version(&stored).unwrap());
    let mut expected = sample();
    for row in &mut expected {
        row.counts[FIRST_COUNTS..].fill(0);
        row.sums[FIRST_SUMS..].fill(0);
    }
    let expected = table(&expected);
    let rows = decode(&stored).unwrap();
    assert_eq!(rows, [expected.slice(0, 1), expected.slice(1, 1)]);
    let counts = KEYS.len()..KEYS.len() + FIRST_COUNTS;
    let sums = KEYS.len() + COUNTS.len();
    let first: Vec<usize> = (0..KEYS.len()).chain(counts).chain(sums..sums + FIRST_SUMS).collect();
    let shown: Vec<_> = rows.iter().map(|batch| batch.project(&first).unwrap()).collect();
    let shown = format!("{}\n", pretty_format_batches(&shown).unwrap());
    assert_eq!(shown, std::fs::read_to_string(path(FIRST_ROWS)).unwrap());
    for batch in decode_for_questions(&stored).unwrap() {
        assert_eq!(
            (batch["impressions_givt"].null_count(), batch["general_invalid_spend_micros"].null_count()),
            (1, 1)
        );
        assert_eq!(batch["impressions"].null_count(), 0);
    }
}

#[test]
fn what_nobody_could_read_again_is_not_written() {
    let row = |at: i64| Row {
        texts: ["acme", "spring", "ad", "EUR"].map(str::to_owned),
        optional: [None, None, None],
        minute: at,
        counts: [1; COUNTS.len()],
        sums: [1; SUMS.len()],
    };
    let rows = table(&(0..1_000).map(row).collect::<Vec<_>>());
    let stream = zstd::decode_all(&encode(std::slice::from_ref(&rows)).unwrap()[..]).unwrap();
    let bytes = stream.len() as u64;
    assert!(encode_within(std::slice::from_ref(&rows), bytes + 1).is_ok());
    let refused = encode_within(std::slice::from_ref(&rows), bytes).unwrap_err().to_string();
    assert!(refused.contains("1000 rows of counts are"), "{refused}");
}
