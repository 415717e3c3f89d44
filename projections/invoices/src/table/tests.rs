use std::io::Write as _;

use arrow::array::{Array as _, AsArray as _};
use arrow::datatypes::{Decimal128Type, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;
use crate::{
    terms::Terms,
    testing::{ACME, clicks, invoice, plain, usage},
};

/// A reader of the file that these bytes make.
fn reader(bytes: &[u8]) -> ParquetRecordBatchReaderBuilder<std::fs::File> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    ParquetRecordBatchReaderBuilder::try_new(file).unwrap()
}

fn read(bytes: &[u8]) -> RecordBatch {
    let batches: Vec<RecordBatch> = reader(bytes).build().unwrap().map(Result::unwrap).collect();
    arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap()
}

#[test]
fn columns_are_those_of_the_csv_with_types() {
    let terms = Terms::from_toml(ACME, "acme.toml").unwrap();
    let document = invoice(&terms, &usage(&[("brand", clicks(3, 6_000_000_000)), ("spring", clicks(3, 54_123_456))]));
    let table = read(&lines(&document).unwrap());
    let header = String::from_utf8(crate::csv::lines(&document).unwrap()).unwrap();
    let names: Vec<String> = table.schema().fields().iter().map(|field| format!("\"{}\"", field.name())).collect();
    assert_eq!(header.lines().next().unwrap(), names.join(","));
    let amounts = table.column_by_name("amount").unwrap().as_primitive::<Decimal128Type>();
    assert_eq!(amounts.data_type(), &DataType::Decimal128(38, 2));
    assert_eq!(amounts.values().iter().sum::<i128>(), document.draft.bill.subtotal);
    let gross = table.column_by_name("gross").unwrap().as_primitive::<Int64Type>();
    assert_eq!((gross.value(0), gross.is_null(2)), (3, true), "an adjustment has no counts");
}

#[test]
fn same_document_gives_the_same_bytes() {
    let of = |code| lines(&invoice(&plain(code), &usage(&[("a", clicks(3, 6_000_000))]))).unwrap();
    assert_eq!(of("EUR"), of("EUR"));
    let text = String::from_utf8_lossy(&of("EUR")).into_owned();
    assert!(text.contains(CREATED_BY) && !text.contains("parquet-rs"));
    for code in ["JPY", "KWD", "CLF"] {
        assert_eq!(read(&of(code)).num_rows(), 1, "{code}");
    }
}

#[test]
fn a_small_table_has_the_bytes_that_it_has_with_room_for_a_large_one() {
    let terms = Terms::from_toml(ACME, "acme.toml").unwrap();
    let names: Vec<String> = (0..3_000).map(|number| format!("{}-{number}", "campaign".repeat(number % 30))).collect();
    for count in [0, 1, 5, 80, 1_200, 3_000] {
        let used = names.iter().take(count).zip(1_i64..);
        let used: Vec<_> =
            used.map(|(name, clicked)| (name.as_str(), clicks(clicked, i128::from(clicked) * 120_001))).collect();
        for terms in [&terms, &plain("JPY"), &plain("CLF")] {
            let document = invoice(terms, &usage(&used));
            let exported = Exported::document(&document);
            let [small, large] = [true, false].map(|is_small| write_as(&exported, properties(is_small)).unwrap());
            assert!(small == large, "{count} rows in {}", terms.currency.code());
            assert_eq!(is_small(&exported), count < 3_000, "{count} rows");
        }
    }
}

#[test]
fn document_without_lines_is_a_table_without_rows() {
    let bytes = lines(&invoice(&plain("EUR"), &usage(&[]))).unwrap();
    assert_eq!(reader(&bytes).metadata().file_metadata().num_rows(), 0);
}

#[test]
fn amount_of_more_digits_than_a_decimal_has_is_an_error() {
    let column = |value| decimals(std::iter::once(Some(value)), 2);
    assert!(column(10_i128.pow(38) - 1).is_ok() && column(1 - 10_i128.pow(38)).is_ok());
    assert!(matches!(column(10_i128.pow(38)), Err(Error::Overflow(_))));
    assert!(matches!(column(i128::MIN), Err(Error::Overflow(_))));
}
