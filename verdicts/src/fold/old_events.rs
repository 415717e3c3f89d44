//! Which events happened so long before they were logged that an original may lie beyond the look-back.

use clicktrail_log::{event::Kind, time::Timestamp};

use crate::{
    detector::rows::Rows,
    kinds::Kinds,
    ruleset::{detector::Detector, rule::Rule, set::Ruleset},
};

/// How far ahead of its logged time an event's time may lie, among events of this system: 60 s that capture allows, and
/// as much again for clocks that differ. So what happened more than this after the look-back began has no original that
/// was logged before it.
pub(crate) const AHEAD_MAX_MICROS: i64 = 120_000_000;

/// An event whose original may have been logged before the look-back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldEvent {
    /// Its row in the batch.
    pub row: usize,
    /// Its id.
    pub event_id: String,
    /// One of those whose duplicates the ruleset looks for.
    pub kind: Kind,
    /// When it happened.
    pub event_time: Timestamp,
    /// When it was logged.
    pub logged_at: Timestamp,
}

/// The kinds whose duplicates the ruleset looks for.
pub(super) fn wanted(ruleset: &Ruleset) -> Kinds {
    let looks = |rule: &&Rule| rule.off_because().is_none() && matches!(rule.detector, Detector::Duplicate);
    ruleset.rules().iter().filter(looks).fold(Kinds::NONE, |kinds, rule| kinds.with(rule.kinds()))
}

/// The old events of `kinds` among `rows`.
pub(super) fn among(rows: &Rows<'_>, kinds: Kinds, look_back_micros: i64) -> Vec<OldEvent> {
    let is_old = |row: &usize| {
        let oldest_known = rows.logged[*row].saturating_sub(look_back_micros).saturating_add(AHEAD_MAX_MICROS);
        kinds.holds(rows.kinds[*row]) && rows.times[*row] <= oldest_known
    };
    let old = (0..rows.len()).filter(is_old).map(|row| OldEvent {
        row,
        event_id: rows.event_ids.value(row).to_owned(),
        kind: rows.kinds[row],
        event_time: Timestamp::from_micros(rows.times[row]),
        logged_at: Timestamp::from_micros(rows.logged[row]),
    });
    old.collect()
}
