//! Reading a part back, to compare it with its manifest.

use arrow::{
    array::{AsArray as _, RecordBatch},
    datatypes::Int64Type,
};

use super::part::{Named, Part};
use crate::{invoices::schema, position::Position, schema::POSITION};

pub(super) fn unreadable(error: impl std::fmt::Display) -> String {
    format!("its rows cannot be read: {error}")
}

/// What reading a part back has seen so far.
#[derive(Debug, Default)]
pub(super) struct ReadBack {
    positions: Vec<i64>,
    first: Option<Named>,
    /// Document and position of the last row.
    last: Option<(Named, i64)>,
}

impl ReadBack {
    /// Takes in the next rows, which must be entries of the part's frames, in order.
    pub(super) fn take(&mut self, batch: &RecordBatch, part: &Part) -> Result<(), String> {
        let entries = schema::from_batch(batch).map_err(unreadable)?;
        let positions = batch.column_by_name(POSITION).and_then(|column| column.as_primitive_opt::<Int64Type>());
        let positions = positions.ok_or_else(|| unreadable("they have no positions"))?;
        for (entry, position) in entries.iter().zip(positions.values()) {
            let seq = Position::from_i64(*position).map(|position| position.seq().get());
            if !seq.is_some_and(|seq| (part.first_seq..=part.last_seq).contains(&seq)) {
                return Err(format!(
                    "position {position} lies outside its frames {}..={}",
                    part.first_seq, part.last_seq
                ));
            }
            let key = (Named::from(&entry.number), *position);
            if self.last.as_ref().is_some_and(|last| *last >= key) {
                return Err(format!("the entry at position {position} is out of order"));
            }
            self.first.get_or_insert_with(|| key.0.clone());
            self.last = Some(key);
            self.positions.push(*position);
        }
        Ok(())
    }

    /// Compares all rows with what the manifest says.
    pub(super) fn compare(mut self, part: &Part) -> Result<(), String> {
        if self.positions.len() as u64 != part.rows {
            return Err(format!("it has {} rows, its manifest says {}", self.positions.len(), part.rows));
        }
        let found = (self.first.as_ref(), self.last.as_ref().map(|(document, _)| document));
        if found != (Some(&part.document_min), Some(&part.document_max)) {
            let show = |named: &Named| format!("{} of series {}", named.number, named.series);
            let (min, max) = (show(&part.document_min), show(&part.document_max));
            return Err(format!("its documents are not {min} to {max}"));
        }
        self.positions.sort_unstable();
        match self.positions.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("position {} stands in it twice", pair[0])),
            None => Ok(()),
        }
    }
}
