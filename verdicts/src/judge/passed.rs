//! What the judge has passed, by kind: how much of what was logged is judged.

use arrow::array::{AsArray as _, RecordBatch};
use clicktrail_log::event::Kind;

use crate::kinds::{JUDGED, Kinds};

/// Events of one kind that the judge has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassedKind {
    /// Which.
    pub kind: Kind,
    /// How many there were in the log.
    pub logged: u64,
    /// How many of them a rule of the ruleset looks at: all or none.
    pub judged: u64,
}

/// Counts of every kind.
#[derive(Debug, Default)]
pub(super) struct Passed([u64; Kind::ALL.len()]);

impl Passed {
    /// Takes in rows that were judged.
    pub(super) fn add(&mut self, rows: &RecordBatch) {
        let Some(words) = rows.column_by_name("kind").and_then(|column| column.as_string_opt::<i32>()) else { return };
        for word in words.iter().flatten() {
            if let Some(index) = Kind::ALL.iter().position(|kind| kind.as_str() == word) {
                self.0[index] += 1;
            }
        }
    }

    /// Hands out what was counted since the last time, of the kinds that can be judged.
    pub(super) fn take(&mut self, looked_at: Kinds) -> Vec<PassedKind> {
        let counts = std::mem::take(&mut self.0);
        let passed = |(kind, logged): (Kind, u64)| PassedKind {
            kind,
            logged,
            judged: if looked_at.holds(kind) { logged } else { 0 },
        };
        let judged = |counted: &(Kind, u64)| JUDGED.holds(counted.0);
        Kind::ALL.into_iter().zip(counts).filter(judged).map(passed).collect()
    }
}
