//! Reading a part back, to compare it with its manifest.

use arrow::{array::RecordBatch, datatypes::Int64Type};
use clicktrail_log::{position::Position, schema::POSITION};

use super::part::Part;
use crate::schema;

pub(super) fn unreadable(error: impl std::fmt::Display) -> String {
    format!("its rows cannot be read: {error}")
}

/// What reading a part back has seen so far.
#[derive(Debug, Default)]
pub(super) struct ReadBack {
    positions: Vec<i64>,
    first: Option<Position>,
    /// Target and position of the last row.
    last: Option<(Position, i64)>,
}

impl ReadBack {
    /// Takes in the next rows, which must lie in the part's frames and be in order.
    pub(super) fn take(&mut self, batch: &RecordBatch, part: &Part) -> Result<(), String> {
        let verdicts = schema::from_batch(batch).map_err(unreadable)?;
        let positions = schema::primitive::<Int64Type>(batch, POSITION).map_err(unreadable)?;
        for (verdict, position) in verdicts.iter().zip(positions.values()) {
            let seq = Position::from_i64(*position).map(|position| position.seq().get());
            if !seq.is_some_and(|seq| (part.first_seq..=part.last_seq).contains(&seq)) {
                return Err(format!(
                    "position {position} lies outside its frames {}..={}",
                    part.first_seq, part.last_seq
                ));
            }
            let key = (verdict.target, *position);
            if self.last.is_some_and(|last| last >= key) {
                return Err(format!("the verdict at position {position} is out of order"));
            }
            self.first.get_or_insert(verdict.target);
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
        let targets = (self.first, self.last.map(|(target, _)| target));
        if targets != (Some(part.target_min), Some(part.target_max)) {
            return Err(format!("its targets are not {} to {}", part.target_min, part.target_max));
        }
        self.positions.sort_unstable();
        match self.positions.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("position {} stands in it twice", pair[0])),
            None => Ok(()),
        }
    }
}
