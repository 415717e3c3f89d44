//! Rows of a batch as rows of a table.

use arrow::{
    array::{Array, AsArray as _, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray},
    datatypes::{DataType, Decimal128Type, Int64Type, TimeUnit, TimestampMicrosecondType},
};
use clicktrail_evidence::{bundle::table, row::Value};
use clicktrail_log::archive;

/// A column, as its values are read.
#[derive(Debug)]
enum Cells<'b> {
    Integers(&'b Int64Array),
    Times(&'b TimestampMicrosecondArray),
    Texts(&'b StringArray),
    Decimals(Vec<Option<String>>),
}

/// The columns of a table in a batch.
#[derive(Debug)]
pub(crate) struct Rows<'b>(Vec<Cells<'b>>);

impl<'b> Rows<'b> {
    /// The named columns of a batch.
    pub(crate) fn of(batch: &'b RecordBatch, columns: &[table::Column], key: &str) -> Result<Self, archive::Error> {
        let cells = columns.iter().map(|column| {
            let damaged = |reason: String| archive::Error::Damaged { key: key.to_owned(), reason };
            let array = batch.column_by_name(column.name);
            let array = array.ok_or_else(|| damaged(format!("it has no column {}", column.name)))?;
            let cells = cells(array.as_ref());
            cells.ok_or_else(|| damaged(format!("its column {} has another type", column.name)))
        });
        cells.collect::<Result<_, _>>().map(Self)
    }

    /// One row.
    pub(crate) fn row(&self, row: usize) -> impl Iterator<Item = Value<'_>> {
        self.0.iter().map(move |cells| match cells {
            Cells::Integers(values) if values.is_null(row) => Value::Null,
            Cells::Integers(values) => Value::Int(values.value(row)),
            Cells::Times(values) if values.is_null(row) => Value::Null,
            Cells::Times(values) => Value::Int(values.value(row)),
            Cells::Texts(values) if values.is_null(row) => Value::Null,
            Cells::Texts(values) => Value::Text(values.value(row)),
            Cells::Decimals(values) => values[row].as_deref().map_or(Value::Null, Value::Decimal),
        })
    }

    /// A number of a row; 0 where there is none.
    pub(crate) fn int(&self, column: usize, row: usize) -> i64 {
        match &self.0[column] {
            Cells::Integers(values) if values.is_valid(row) => values.value(row),
            Cells::Times(values) if values.is_valid(row) => values.value(row),
            Cells::Integers(_) | Cells::Times(_) | Cells::Texts(_) | Cells::Decimals(_) => 0,
        }
    }

    /// A text of a row; empty where there is none.
    pub(crate) fn text(&self, column: usize, row: usize) -> &str {
        match &self.0[column] {
            Cells::Texts(values) if values.is_valid(row) => values.value(row),
            Cells::Integers(_) | Cells::Times(_) | Cells::Texts(_) | Cells::Decimals(_) => "",
        }
    }
}

fn cells(array: &dyn Array) -> Option<Cells<'_>> {
    match array.data_type() {
        DataType::Int64 => Some(Cells::Integers(array.as_primitive::<Int64Type>())),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Some(Cells::Times(array.as_primitive::<TimestampMicrosecondType>()))
        }
        DataType::Utf8 => Some(Cells::Texts(array.as_string::<i32>())),
        DataType::Decimal128(_, 0) => {
            let values = array.as_primitive::<Decimal128Type>();
            Some(Cells::Decimals(values.iter().map(|value| value.map(|value| value.to_string())).collect()))
        }
        _ => None,
    }
}
