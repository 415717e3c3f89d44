//! Earlier events of one identity, and which of them an event repeats.
//!
//! They may be many: a sender that gives all of its events one id makes each of them a repeat of all before.

use crate::fold::candidates::{Candidate, Candidates, Earlier};

/// Archived events of one identity that are not set aside.
#[derive(Debug)]
pub(super) struct Same {
    /// In log order.
    all: Vec<Earlier>,
    /// Those that were logged later than every one before them. Whoever sees another one sees one of these before it.
    later_and_later: Vec<Earlier>,
}

impl Same {
    pub(super) fn new(all: Vec<Earlier>) -> Self {
        let mut later_and_later: Vec<Earlier> = Vec::new();
        for earlier in &all {
            if later_and_later.last().is_none_or(|last| last.logged_at < earlier.logged_at) {
                later_and_later.push(*earlier);
            }
        }
        Self { all, later_and_later }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The first of them that lies within a window of `by` and that no state knows.
    pub(super) fn original(&self, candidates: &Candidates<'_>, by: &Candidate, window: i64) -> Option<Earlier> {
        if by.is_late() {
            return original(candidates, by, window, self.all.iter().copied());
        }
        let before = by.logged_at.plus_micros(-window);
        let hidden = self.later_and_later.partition_point(|earlier| earlier.logged_at <= before);
        original(candidates, by, window, self.later_and_later[hidden..].iter().copied())
    }
}

/// The first of some earlier events of one identity, which come in log order, that lies within a window of `by` and
/// that no state knows.
pub(super) fn original(
    candidates: &Candidates<'_>,
    by: &Candidate,
    window: i64,
    mut earlier: impl Iterator<Item = Earlier>,
) -> Option<Earlier> {
    let is_seen = |earlier: &Earlier| candidates.is_seen(by, window, earlier);
    if by.is_late() {
        return earlier.find(is_seen);
    }
    // Where the first one within the window is known to the state, no later one is the original.
    let before = by.logged_at.plus_micros(-window);
    earlier.find(|earlier| earlier.logged_at > before).filter(is_seen)
}
