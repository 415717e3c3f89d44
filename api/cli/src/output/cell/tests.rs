#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Decimal128Array, Int64Array, StringArray},
    datatypes::{Field, Schema},
};

use super::*;

/// A value from below zero to far beyond 64 bits, of every length in digits.
fn drawn(state: &mut u64) -> i128 {
    let mut next = || {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i128::from(*state >> 32)
    };
    let digits = u32::try_from(next() % 38).unwrap() + 1;
    let large = (next() << 96 | next() << 64 | next() << 32 | next()).unsigned_abs() % 10_u128.pow(digits);
    let large = i128::try_from(large).unwrap();
    if next() % 3 == 0 { -large } else { large }
}

/// What a person reads, as millionths again.
fn read(text: &str) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap();
    assert!((2..=6).contains(&fraction.len()), "{text}");
    format!("{whole}{fraction:0<6}").parse().unwrap()
}

fn batch(sums: &[i128]) -> RecordBatch {
    let currencies: ArrayRef = Arc::new(StringArray::from(vec!["EUR"; sums.len()]));
    let advertisers: ArrayRef = Arc::new(StringArray::from(vec!["acme"; sums.len()]));
    let clicks: ArrayRef = Arc::new(Int64Array::from(vec![7; sums.len()]));
    let sums = Decimal128Array::from(sums.to_vec()).with_precision_and_scale(38, 0).unwrap();
    let fields = [
        Field::new("advertiser_id", DataType::Utf8, false),
        Field::new("currency", DataType::Utf8, false),
        Field::new("clicks", DataType::Int64, false),
        Field::new("spend_micros", DataType::Decimal128(38, 0), false),
    ];
    let schema = Arc::new(Schema::new(fields.to_vec()));
    RecordBatch::try_new(schema, vec![advertisers, currencies, clicks, Arc::new(sums)]).unwrap()
}

#[test]
fn what_is_printed_is_what_was_summed_at_any_size() {
    let mut state = std::env::var("CLICKTRAIL_TEST_SEED").map_or(1, |text| text.parse().unwrap());
    println!("CLICKTRAIL_TEST_SEED={state}");
    for _ in 0..2_000 {
        let limits = [i128::from(i64::MAX), i128::from(i64::MAX) + 1, i128::from(i64::MIN), SUM_MAX, -SUM_MAX, 0];
        let sums: Vec<i128> = (0..5).map(|_| drawn(&mut state)).chain(limits).collect();
        for (row, sum) in rows(&batch(&sums)).unwrap().iter().zip(&sums) {
            assert_eq!(row[3].to_json(), json!(sum.to_string()), "text at any size");
            assert_eq!(read(&row[3].shown("spend_micros")), *sum);
            assert_eq!(row[2].to_json(), json!(7));
        }
    }
}

#[test]
fn amounts_are_decimals_with_two_to_six_places() {
    for (micros, text) in [
        (0, "0.00"),
        (1, "0.000001"),
        (-1, "-0.000001"),
        (99_560_000, "99.56"),
        (-1_500_000, "-1.50"),
        (18_446_744_073_709_551_614, "18446744073709.551614"),
        (i128::MIN, "-170141183460469231731687303715884.105728"),
    ] {
        assert_eq!(amount(micros), text);
    }
}

#[test]
fn totals_add_up_each_currency_or_fail() {
    let names = ["advertiser_id", "currency", "clicks", "spend_micros"];
    let sums = [i128::from(i64::MAX), i128::from(i64::MAX), -5];
    let totals = |sums: &[i128]| totals(&names, &rows(&batch(sums)).unwrap());
    let expected =
        [Cell::Text("total".to_owned()), Cell::Text("EUR".to_owned()), Cell::Number(21), Cell::Sum(sums.iter().sum())];
    assert_eq!(totals(&sums).unwrap(), [expected]);
    // A row that is its own total is said once.
    assert_eq!(totals(&[1]).unwrap(), Vec::<Vec<Cell>>::new());
    assert_eq!(totals(&[]).unwrap(), Vec::<Vec<Cell>>::new());
    assert!(totals(&[SUM_MAX, 1]).unwrap_err().to_string().contains("spend_micros"));
    assert!(totals(&[-SUM_MAX, -1]).is_err());
}
