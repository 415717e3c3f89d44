//! Which events of a batch may repeat one that was logged before the look-back. The state does not know that one, so
//! whoever folds looks it up.
//!
//! The id alone says so, not the time that the event claims: whoever sends a batch again after three hours may give it
//! a fresh time. Only an id that says its own time need not be looked up in the hours before that time: see
//! [`clicktrail_log::archive::identities`].
//!
//! The window runs in logged time. For an event that was logged *late*, as lines of an old file are, it also runs in
//! event time: two files of one day, imported a week apart, repeat each other as if they had been one. What may lie
//! farther back than the window is then looked for where its event time says that it was logged, and among what was
//! itself logged late within [`FAR_MICROS`].

use clicktrail_log::{
    archive::identities::{Fingerprint, date_of},
    identity::Identity,
    position::Position,
    time::Timestamp,
};

use crate::{detector::rows::Rows, ruleset::set::Ruleset};

/// An event is late if it was logged so much after it happened, one hour. Of others, the window in event time ends
/// where the one in logged time does, to within this.
const LATE_MICROS: i64 = 3_600_000_000;
/// How far before a late event an original may have been logged that was itself logged a window and more after it
/// happened: 31 days. One that was logged sooner is found however old it is.
pub(crate) const FAR_MICROS: i64 = 31 * 24 * 3_600_000_000;
/// How far a client's clock may be ahead, for an event to be found by its event time: one hour.
const AHEAD_MICROS: i64 = 3_600_000_000;

/// An event that was logged before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Earlier {
    pub(crate) position: Position,
    pub(crate) logged_at: Timestamp,
    pub(crate) event_time: Timestamp,
}

/// An event that may have been logged before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    /// Its row in the batch.
    pub(crate) row: usize,
    pub(crate) position: Position,
    pub(crate) logged_at: Timestamp,
    pub(crate) event_time: Timestamp,
    /// When its id says that it was made.
    pub(crate) date: Option<Timestamp>,
}

/// The events of a batch that may have been logged before, in log order.
#[derive(Debug)]
pub struct Candidates<'b> {
    rows: Rows<'b>,
    listed: Vec<Candidate>,
    look_back_micros: i64,
    /// In microseconds, ascending.
    windows: Vec<i64>,
}

impl Candidate {
    /// Whether it was logged late: then windows run in event time too.
    pub(crate) fn is_late(&self) -> bool {
        is_late(self.logged_at.micros(), self.event_time.micros())
    }
}

fn is_late(logged: i64, time: i64) -> bool {
    logged.saturating_sub(time) > LATE_MICROS
}

impl<'b> Candidates<'b> {
    pub(super) fn among(rows: Rows<'b>, ruleset: &Ruleset, look_back_micros: i64) -> Self {
        let (windows, kinds) = (ruleset.duplicate_windows(), ruleset.duplicate_kinds());
        let reaches_back = windows.last().is_some_and(|longest| *longest > look_back_micros);
        let asks = |row: &usize| {
            kinds.holds(rows.kinds[*row]) && (reaches_back || is_late(rows.logged[*row], rows.times[*row]))
        };
        let listed = (0..rows.len()).filter(asks).map(|row| Candidate {
            row,
            position: rows.positions[row],
            logged_at: Timestamp::from_micros(rows.logged[row]),
            event_time: Timestamp::from_micros(rows.times[row]),
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

    /// Those that were logged late.
    pub(crate) fn late(&self) -> impl Iterator<Item = &Candidate> {
        self.listed.iter().filter(|candidate| candidate.is_late())
    }

    /// Between which logged times an original of any of them lies, those apart that event time alone shows: after the
    /// first, up to the second. `None` without candidates.
    pub(crate) fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let first = self.listed.iter().map(|candidate| candidate.logged_at).min()?;
        let last = self.listed.iter().map(|candidate| candidate.logged_at).max()?;
        let longest = self.windows.last()?;
        let nearest =
            if self.late().next().is_some() { self.nearest(*self.windows.first()?) } else { self.look_back_micros };
        Some((first.plus_micros(-longest), last.plus_micros(-nearest)))
    }

    /// What was logged less than this before an event is in the state, and within the window in logged time.
    fn nearest(&self, window: i64) -> i64 {
        window.min(self.look_back_micros)
    }

    /// Whether an earlier event lies within the window of a candidate, and is not known to the state.
    pub(crate) fn is_seen(&self, by: &Candidate, window: i64, earlier: &Earlier) -> bool {
        let age = by.logged_at.micros().saturating_sub(earlier.logged_at.micros());
        earlier.position < by.position
            && ((self.look_back_micros..window).contains(&age)
                || (by.is_late() && age >= self.nearest(window) && is_seen_late(by, window, age, earlier)))
    }

    /// Between which logged times, both included, a late candidate may have an original that event time alone shows.
    /// These come in order and overlap nowhere.
    pub(crate) fn spans_of_late(&self) -> Vec<(Timestamp, Timestamp)> {
        let Some(longest) = self.windows.last() else { return Vec::new() };
        let mut spans = Vec::new();
        for late in self.late() {
            let from = late.event_time.plus_micros(-longest - AHEAD_MICROS);
            let far = late.logged_at.plus_micros(-FAR_MICROS);
            spans.push((from, late.event_time.plus_micros(2 * longest).min(late.logged_at)));
            spans.push((from.max(far), late.logged_at));
        }
        spans.sort_unstable();
        spans.dedup_by(|next, before| {
            let is_joined = next.0 <= before.1;
            before.1 = if is_joined { before.1.max(next.1) } else { before.1 };
            is_joined
        });
        spans
    }

    /// Whether a late candidate may have its original among events of these times, both included.
    pub(crate) fn may_be_among(&self, late: &Candidate, event_times: (i64, i64)) -> bool {
        let Some(longest) = self.windows.last() else { return false };
        let time = late.event_time.micros();
        time > event_times.0.saturating_sub(*longest) && time < event_times.1.saturating_add(*longest)
    }

    pub(crate) fn identity(&self, candidate: &Candidate) -> Identity {
        self.rows.identity(candidate.row)
    }

    pub(crate) fn fingerprint(&self, candidate: &Candidate) -> Fingerprint {
        self.rows.fingerprint(candidate.row)
    }
}

/// Whether an earlier event lies within the window of a late one in event time, and not so far back that nobody looks.
fn is_seen_late(by: &Candidate, window: i64, age: i64, earlier: &Earlier) -> bool {
    let apart = by.event_time.micros().saturating_sub(earlier.event_time.micros());
    let lag = earlier.logged_at.micros().saturating_sub(earlier.event_time.micros());
    apart.saturating_abs() < window && lag >= -AHEAD_MICROS && (lag < window || age < FAR_MICROS)
}
