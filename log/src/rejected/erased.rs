//! Rejected events without what arrived: nothing is left but when, where and why they were rejected.

use std::sync::Arc;

use arrow::{
    array::{Array as _, ArrayRef, AsArray as _, BinaryArray, RecordBatch, StringArray},
    error::ArrowError,
};

/// What stands in the place of what a person should read.
pub const ERASED: &str = "what arrived was erased";
/// What is for people: it may repeat a value that arrived.
const DETAIL: &str = "detail";
/// What arrived.
const ORIGINAL: &str = "original";

/// The columns that may name somebody.
pub const PEOPLE: [&str; 2] = [DETAIL, ORIGINAL];

/// Of each row whether what arrived with it names somebody, as `names` says of texts.
pub fn named(rows: &RecordBatch, names: &dyn Fn(&str) -> bool) -> Vec<bool> {
    let originals = rows.column_by_name(ORIGINAL).and_then(|column| column.as_binary_opt::<i32>());
    let details = rows.column_by_name(DETAIL).and_then(|column| column.as_string_opt::<i32>());
    let is_named = |row: usize| {
        let original = originals.is_some_and(|texts| names(&String::from_utf8_lossy(texts.value(row))));
        original || details.is_some_and(|texts| names(texts.value(row)))
    };
    (0..rows.num_rows()).map(is_named).collect()
}

/// Of each row whether it was erased.
pub fn is_erased(rows: &RecordBatch) -> Vec<bool> {
    let originals = rows.column_by_name(ORIGINAL).and_then(|column| column.as_binary_opt::<i32>());
    let details = rows.column_by_name(DETAIL).and_then(|column| column.as_string_opt::<i32>());
    let (Some(originals), Some(details)) = (originals, details) else { return vec![false; rows.num_rows()] };
    (0..rows.num_rows()).map(|row| originals.value(row).is_empty() && details.value(row) == ERASED).collect()
}

/// The rows without what arrived with those that `gone` says.
///
/// # Errors
/// If they are no rejected events.
pub fn without(rows: &RecordBatch, gone: &[bool]) -> Result<RecordBatch, ArrowError> {
    let (schema, mut columns) = (rows.schema(), rows.columns().to_vec());
    for (field, column) in schema.fields().iter().zip(&mut columns) {
        if field.name() == ORIGINAL
            && let Some(texts) = column.as_binary_opt::<i32>()
        {
            let values = (0..texts.len()).map(|row| if gone[row] { b"".as_slice() } else { texts.value(row) });
            *column = Arc::new(values.map(Some).collect::<BinaryArray>()) as ArrayRef;
        } else if field.name() == DETAIL
            && let Some(texts) = column.as_string_opt::<i32>()
        {
            let values = (0..texts.len()).map(|row| if gone[row] { ERASED } else { texts.value(row) });
            *column = Arc::new(values.map(Some).collect::<StringArray>()) as ArrayRef;
        }
    }
    RecordBatch::try_new(schema, columns)
}
