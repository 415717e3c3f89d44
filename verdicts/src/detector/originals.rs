//! Originals that only the archive knows: too old for the detectors' own state.

use std::collections::HashMap;

use clicktrail_log::{event::Kind, position::Position};

/// Where the first events of some kinds and ids stand, as found beyond the look-back. An entry counts only for events
/// that stand behind it in the log: an event is not its own original.
#[derive(Debug, Clone, Default)]
pub struct Originals(HashMap<(Kind, String), Position>);

impl Originals {
    /// No originals: for a log without old events.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds an event. Of several with one kind and id, the first in the log stays.
    pub fn add(&mut self, kind: Kind, event_id: &str, position: Position) {
        let first = self.0.entry((kind, event_id.to_owned())).or_insert(position);
        *first = position.min(*first);
    }

    pub(crate) fn get(&self, kind: Kind, event_id: &str) -> Option<Position> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&(kind, event_id.to_owned())).copied()
    }
}
