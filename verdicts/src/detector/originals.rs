//! Originals that only the archive knows: too old for the detectors' own state.

use std::collections::HashMap;

use clicktrail_log::position::Position;

/// For rows of one batch, and the windows of the rules that ask: where the first event of the row's identity stands, of
/// those that were logged within the window and before the look-back. An entry counts only for an event that stands
/// behind it in the log: an event is not its own original. Only ever asked by key.
#[derive(Debug, Clone, Default)]
pub struct Originals(HashMap<(usize, i64), Position>);

impl Originals {
    /// No originals: for a log that is no longer than the look-back.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds the original of `row` for a window in microseconds. Of several the first in the log stays.
    pub fn add(&mut self, row: usize, window_micros: i64, position: Position) {
        let first = self.0.entry((row, window_micros)).or_insert(position);
        *first = position.min(*first);
    }

    pub(crate) fn get(&self, row: usize, window_micros: i64) -> Option<Position> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&(row, window_micros)).copied()
    }
}
