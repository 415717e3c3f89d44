//! One value of an answer, and how it is written: money is exact at any size, and no type depends on it.

#![warn(clippy::arithmetic_side_effects, clippy::float_arithmetic)]

use std::collections::BTreeMap;

use anyhow::Context as _;
use arrow::{
    array::{Array, AsArray as _, RecordBatch},
    datatypes::{DataType, Decimal128Type, Int64Type},
    util::display::{ArrayFormatter, FormatOptions},
};
use serde_json::{Value, json};

use super::mode::is_csv;

/// The largest sum that a DECIMAL(38,0) holds.
const SUM_MAX: i128 = 10_i128.pow(38) - 1;

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    /// What a total says nothing about.
    Blank,
    Text(String),
    /// A count, a place, or the amount of one event: 64 bits.
    Number(i64),
    /// A sum of amounts.
    Sum(i128),
}

impl Cell {
    /// In JSON: a number of 64 bits is a number, a sum always text.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Null | Self::Blank => Value::Null,
            Self::Text(text) => json!(text),
            Self::Number(number) => json!(number),
            Self::Sum(sum) => json!(sum.to_string()),
        }
    }

    /// In a table or CSV: amounts, which are named so, as decimals.
    pub(super) fn shown(&self, name: &str) -> String {
        let is_amount = name.ends_with("_micros");
        match self {
            Self::Null if is_csv() => String::new(),
            Self::Null => "-".to_owned(),
            Self::Blank => String::new(),
            Self::Text(text) => text.clone(),
            Self::Number(number) if is_amount => amount(*number),
            Self::Number(number) => number.to_string(),
            Self::Sum(sum) if is_amount => amount(*sum),
            Self::Sum(sum) => sum.to_string(),
        }
    }
}

/// Millionths as a decimal with at least two places: 99,560,000 is `99.56`.
pub(crate) fn amount(micros: impl Into<i128>) -> String {
    let micros: i128 = micros.into();
    let sign = if micros < 0 { "-" } else { "" };
    let digits = format!("{:07}", micros.unsigned_abs());
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(6));
    let (cents, rest) = fraction.split_at(2);
    format!("{sign}{whole}.{cents}{}", rest.trim_end_matches('0'))
}

/// How values are shown: times as RFC 3339.
pub(super) fn times() -> FormatOptions<'static> {
    FormatOptions::default().with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%S%.f%:z"))
}

/// The rows of a batch with its columns in order. Times are RFC 3339.
pub(super) fn rows(batch: &RecordBatch) -> anyhow::Result<Vec<Vec<Cell>>> {
    let options = times();
    let mut rows = vec![Vec::with_capacity(batch.num_columns()); batch.num_rows()];
    for column in batch.columns() {
        let formatter = ArrayFormatter::try_new(column, &options)?;
        for (row, cells) in rows.iter_mut().enumerate() {
            cells.push(value(column.as_ref(), row, &formatter)?);
        }
    }
    Ok(rows)
}

/// One value of a column.
pub(super) fn value(column: &dyn Array, row: usize, formatter: &ArrayFormatter<'_>) -> anyhow::Result<Cell> {
    if column.is_null(row) {
        return Ok(Cell::Null);
    }
    Ok(match column.data_type() {
        DataType::Int64 => Cell::Number(column.as_primitive::<Int64Type>().value(row)),
        DataType::Decimal128(_, 0) => Cell::Sum(column.as_primitive::<Decimal128Type>().value(row)),
        DataType::Binary => Cell::Text(String::from_utf8_lossy(column.as_binary::<i32>().value(row)).into_owned()),
        _ => Cell::Text(formatter.value(row).try_to_string()?),
    })
}

/// One row for each currency that adds up its rows, if that says more than they do.
///
/// # Errors
/// If a sum is beyond 38 digits, or a count beyond 64 bits.
pub(super) fn totals(names: &[&str], rows: &[Vec<Cell>]) -> anyhow::Result<Vec<Vec<Cell>>> {
    let Some(currency) = names.iter().position(|name| *name == "currency") else { return Ok(Vec::new()) };
    let mut totals: BTreeMap<String, Vec<Cell>> = BTreeMap::new();
    for row in rows {
        let total = totals.entry(row[currency].shown("currency"));
        let total = total.or_insert_with(|| vec![Cell::Blank; row.len()]);
        for ((name, total), cell) in names.iter().zip(total.iter_mut()).zip(row) {
            *total = add(total, cell).with_context(|| format!("the total of {name} is too large"))?;
        }
    }
    if totals.len() == rows.len() {
        return Ok(Vec::new());
    }
    for (name, total) in &mut totals {
        total[currency] = Cell::Text(name.clone());
        if let Some(first) = total.first_mut().filter(|_| currency > 0) {
            *first = Cell::Text("total".to_owned());
        }
    }
    Ok(totals.into_values().collect())
}

/// `None` beyond what the type holds.
fn add(total: &Cell, cell: &Cell) -> Option<Cell> {
    match (total, cell) {
        (Cell::Blank, Cell::Number(_) | Cell::Sum(_)) => Some(cell.clone()),
        (Cell::Number(total), Cell::Number(number)) => total.checked_add(*number).map(Cell::Number),
        (Cell::Sum(total), Cell::Sum(sum)) => {
            let total = total.checked_add(*sum).filter(|total| (-SUM_MAX..=SUM_MAX).contains(total));
            total.map(Cell::Sum)
        }
        (_, Cell::Null | Cell::Blank | Cell::Text(_)) => Some(total.clone()),
        // A column holds values of one type.
        (Cell::Null | Cell::Text(_) | Cell::Sum(_), Cell::Number(_))
        | (Cell::Null | Cell::Text(_) | Cell::Number(_), Cell::Sum(_)) => None,
    }
}

#[cfg(test)]
mod tests;
