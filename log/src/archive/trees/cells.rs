//! Rows of a batch as values: its columns are looked at once, and then read row by row.

use arrow::{
    array::{Array, ArrayRef, AsArray as _, Decimal128Array, RecordBatch},
    buffer::NullBuffer,
    datatypes::{DataType, Decimal128Type, Int64Type, TimeUnit, TimestampMicrosecondType},
};
use clicktrail_evidence::{
    Hash,
    hash::LeafData,
    row::{self, Kind, Value},
};

/// A column whose values go into leaves.
#[derive(Debug)]
enum Column<'b> {
    Integers(&'b [i64], Option<&'b NullBuffer>),
    /// Where each text begins and ends, the bytes of all, and which are null.
    Texts(&'b [i32], &'b [u8], Option<&'b NullBuffer>),
    Decimals(&'b Decimal128Array),
}

/// The columns of a batch, in the order of the encoding.
#[derive(Debug)]
pub struct Cells<'b> {
    kind: Kind,
    columns: Vec<Column<'b>>,
    /// The text of a decimal, while its row is encoded.
    decimal: String,
}

impl<'b> Cells<'b> {
    /// The named columns, as a row of this kind. They stand in batches of the same rows; of several of a name the first
    /// counts.
    ///
    /// # Errors
    /// Naming a column that is not there, or of a type that rows do not have.
    pub fn of<'n>(
        kind: Kind,
        batches: &[&'b RecordBatch],
        names: impl Iterator<Item = &'n str>,
    ) -> Result<Self, String> {
        let column = |name: &str| {
            let found = batches.iter().find_map(|batch| batch.column_by_name(name));
            let found = found.ok_or_else(|| format!("it lacks the column {name}"))?;
            column(found).ok_or_else(|| format!("column {name} has the type {}", found.data_type()))
        };
        Ok(Self { kind, columns: names.map(column).collect::<Result<_, _>>()?, decimal: String::new() })
    }

    /// Adds the encoding of a row to `bytes`.
    pub fn encode(&mut self, row: usize, bytes: &mut Vec<u8>) {
        row::begin(self.kind, bytes);
        for column in &self.columns {
            let is_null = |nulls: &Option<&NullBuffer>| nulls.is_some_and(|nulls| nulls.is_null(row));
            match column {
                Column::Integers(_, nulls) | Column::Texts(.., nulls) if is_null(nulls) => {
                    row::push(Value::Null, bytes)
                }
                Column::Integers(values, _) => row::push(Value::Int(values[row]), bytes),
                Column::Texts(offsets, texts, _) => {
                    let place = |offset: i32| usize::try_from(offset).expect("offsets of a column begin at 0");
                    row::push_text(texts, place(offsets[row])..place(offsets[row + 1]), bytes);
                }
                Column::Decimals(values) if values.is_null(row) => row::push(Value::Null, bytes),
                Column::Decimals(values) => {
                    self.decimal = values.value(row).to_string();
                    row::push(Value::Decimal(&self.decimal), bytes);
                }
            }
        }
    }

    /// The hashes of leaves that hold nothing but their rows.
    pub fn leaves(&mut self, rows: usize) -> Vec<Hash> {
        in_pairs(rows, |row, leaf| self.encode(row, leaf.begin()))
    }
}

/// The hashes of leaves of which `fill` gives the data, two at a time.
pub(super) fn in_pairs(rows: usize, mut fill: impl FnMut(usize, &mut LeafData)) -> Vec<Hash> {
    let (mut one, mut other) = (LeafData::default(), LeafData::default());
    let mut hashes = Vec::with_capacity(rows);
    for row in (0..rows).step_by(2) {
        fill(row, &mut one);
        if row + 1 < rows {
            fill(row + 1, &mut other);
            hashes.extend(one.hash_beside(&mut other));
        } else {
            hashes.push(one.hash());
        }
    }
    hashes
}

fn column(array: &ArrayRef) -> Option<Column<'_>> {
    match array.data_type() {
        DataType::Int64 => Some(Column::Integers(array.as_primitive::<Int64Type>().values(), array.nulls())),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Some(Column::Integers(array.as_primitive::<TimestampMicrosecondType>().values(), array.nulls()))
        }
        DataType::Utf8 => {
            let texts = array.as_string::<i32>();
            Some(Column::Texts(texts.value_offsets(), texts.value_data(), texts.nulls()))
        }
        // With digits behind the point the text would need one.
        DataType::Decimal128(_, 0) => Some(Column::Decimals(array.as_primitive::<Decimal128Type>())),
        _ => None,
    }
}
