//! Which events of a batch may repeat one that was logged before the look-back. The state does not know that one, so
//! whoever folds looks it up.
//!
//! The id alone says so, not the time that the event claims: whoever sends a batch again after three hours may give it
//! a fresh time. Only an id that says its own time need not be looked up in the hours before that time: see
//! [`clicktrail_log::archive::identities`].

use clicktrail_log::{
    archive::identities::{Fingerprint, date_of},
    identity::Identity,
    position::Position,
    time::Timestamp,
};

use crate::{detector::rows::Rows, ruleset::set::Ruleset};

/// An event that may have been logged before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    /// Its row in the batch.
    pub(crate) row: usize,
    pub(crate) position: Position,
    pub(crate) logged_at: Timestamp,
    /// When its id says that it was made.
    pub(crate) date: Option<Timestamp>,
}

/// The events of a batch that may have been logged before, in log order.
#[derive(Debug)]
pub struct Candidates<'b> {
    rows: Rows<'b>,
    listed: Vec<Candidate>,
    look_back_micros: i64,
    /// The windows that reach beyond the look-back, in microseconds.
    windows: Vec<i64>,
}

impl<'b> Candidates<'b> {
    pub(super) fn among(rows: Rows<'b>, ruleset: &Ruleset, look_back_micros: i64) -> Self {
        let windows: Vec<i64> =
            ruleset.duplicate_windows().into_iter().filter(|window| *window > look_back_micros).collect();
        let kinds = ruleset.duplicate_kinds();
        let asks = |row: &usize| !windows.is_empty() && kinds.holds(rows.kinds[*row]);
        let listed = (0..rows.len()).filter(asks).map(|row| Candidate {
            row,
            position: rows.positions[row],
            logged_at: Timestamp::from_micros(rows.logged[row]),
            date: date_of(rows.event_ids.value(row)),
        });
        Self { listed: listed.collect(), rows, look_back_micros, windows }
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.listed.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Candidate> {
        self.listed.iter()
    }

    pub(crate) fn windows(&self) -> &[i64] {
        &self.windows
    }

    /// Between which logged times an original of any of them lies: after the first, up to the second. `None` without
    /// candidates.
    pub(crate) fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let first = self.listed.iter().map(|candidate| candidate.logged_at).min()?;
        let last = self.listed.iter().map(|candidate| candidate.logged_at).max()?;
        let longest = self.windows.last()?;
        Some((first.plus_micros(-longest), last.plus_micros(-self.look_back_micros)))
    }

    /// Whether an event that was logged at `logged_at` at `position` lies before the look-back of a candidate, and
    /// within a window.
    pub(crate) fn is_seen(&self, by: &Candidate, window: i64, position: Position, logged_at: Timestamp) -> bool {
        let age = by.logged_at.micros().saturating_sub(logged_at.micros());
        position < by.position && (self.look_back_micros..window).contains(&age)
    }

    pub(crate) fn identity(&self, candidate: &Candidate) -> Identity {
        self.rows.identity(candidate.row)
    }

    pub(crate) fn fingerprint(&self, candidate: &Candidate) -> Fingerprint {
        self.rows.fingerprint(candidate.row)
    }
}
