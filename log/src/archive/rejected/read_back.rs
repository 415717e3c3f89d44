//! Reads a part back: every row stands there once, in the order of the log, and is from the part's frames.

use arrow::{
    array::{Array as _, AsArray as _, RecordBatch},
    datatypes::Int64Type,
};

use super::part::Part;
use crate::{
    position::Position,
    rejected::{self, KNOWN_AS},
    schema::POSITION,
};

pub(super) fn unreadable(error: impl std::fmt::Display) -> String {
    format!("its rows cannot be read: {error}")
}

/// What reading a part back has seen so far.
#[derive(Debug, Default)]
pub(super) struct ReadBack {
    rows: u64,
    last: Option<i64>,
}

impl ReadBack {
    /// Takes in the next rows.
    pub(super) fn take(&mut self, batch: &RecordBatch, part: &Part) -> Result<(), String> {
        let schema = rejected::read();
        for field in schema.fields() {
            let column = batch.column_by_name(field.name());
            let column = column.ok_or_else(|| unreadable(format!("they have no {}", field.name())))?;
            if !field.is_nullable() && column.null_count() > 0 {
                return Err(unreadable(format!("{} is missing in some", field.name())));
            }
        }
        let integers = |name: &str| {
            let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
            column.ok_or_else(|| unreadable(format!("they have no {name}")))
        };
        let (positions, known_as) = (integers(POSITION)?, integers(KNOWN_AS)?);
        for position in positions.values() {
            let seq = Position::from_i64(*position).map(|position| position.seq().get());
            if !seq.is_some_and(|seq| (part.first_seq..=part.last_seq).contains(&seq)) {
                let (first, last) = (part.first_seq, part.last_seq);
                return Err(format!("position {position} lies outside its frames {first}..={last}"));
            }
            if self.last.is_some_and(|last| last >= *position) {
                return Err(format!("the row at position {position} is out of order"));
            }
            self.last = Some(*position);
        }
        if let Some(odd) = known_as.iter().flatten().find(|known_as| Position::from_i64(*known_as).is_none()) {
            return Err(format!("a row is known as {odd}, which is no position"));
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Compares all rows with what the manifest says.
    pub(super) fn compare(self, part: &Part) -> Result<(), String> {
        match self.rows == part.rows {
            true => Ok(()),
            false => Err(format!("it has {} rows, its manifest says {}", self.rows, part.rows)),
        }
    }
}
