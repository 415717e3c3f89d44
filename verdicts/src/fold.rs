//! Folding the click log through a ruleset's detectors: what each event is found to be, from the log up to it.
//!
//! A [`Fold`] is deterministic: the same log gives the same findings, in whatever batches it comes and from wherever
//! folding begins, if it begins early enough that everything logged within the look-back before the first judged event
//! was seen ([`Fold::warm`]). Nothing here reads a clock, and nothing ruled is ever revisited: an event that comes
//! late is judged by what the log holds up to it.
//!
//! The one thing that could break this is a log whose logged times run backwards by more than [`REWIND_MAX`], because
//! state that such a frame may still see is already forgotten: [`Fold::rewinds`] says so.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use arrow::array::RecordBatch;
use clicktrail_log::{event::Kind, position::Position, time::Timestamp};

use crate::{
    detector::{self, Hit, Hits, State, View, frames::Frames, rows::Rows},
    ruleset::Ruleset,
    verdict::{Category, Decision, Reason},
};

mod score;
#[cfg(test)]
mod tests;

/// How far a log's wall clock may run backwards between frames without changing anything.
pub const REWIND_MAX: Duration = Duration::from_secs(600);
/// How far ahead of its logged time an event's time may lie in events of this system: 60 s that capture allows, and
/// as much again for clocks that differ. An older event's original may have been logged before the look-back.
const AHEAD_MAX_MICROS: i64 = 120_000_000;
const MICROS_PER_SECOND: i64 = 1_000_000;
/// State is swept when the log has moved on by this part of the look-back.
const SWEEPS_PER_LOOK_BACK: i64 = 8;
/// Fewer rows than this are folded on the caller's thread: starting another costs more.
const ROWS_FOR_THREADS: usize = 2048;

/// Why a batch was not folded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The state outgrew the ruleset's `memory_bytes_max`. Forgetting would make a replay differ, so the fold ends
    /// here: raise the limit, or judge fewer events at a time, and begin anew from the look-back.
    #[error(
        "the detectors' state takes {bytes} bytes, over memory_bytes_max = {bytes_max}; {largest} takes the most, {largest_bytes}"
    )]
    Memory {
        /// What all states take.
        bytes: usize,
        /// What the ruleset allows.
        bytes_max: usize,
        /// The detector with the largest state.
        largest: &'static str,
        /// What that one takes.
        largest_bytes: usize,
    },
    /// The batch is not what a reader of the log gives; nothing of it was folded.
    #[error("the batch is not one of the log: {0}")]
    Rows(String),
}

/// What one event was found to be: made where at least one rule fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The event.
    pub target: Position,
    /// Its id.
    pub event_id: String,
    /// Invalid if the score is over the ruleset's threshold.
    pub decision: Decision,
    /// Why it is invalid; `None` when valid.
    pub category: Option<Category>,
    /// The sum of the weights of what fired, at most 1,000.
    pub score_permille: u16,
    /// Every rule that fired, in the order of the ruleset.
    pub reasons: Vec<Reason>,
}

/// An event whose original may have been logged before the look-back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldEvent {
    /// Its row in the batch.
    pub row: usize,
    /// Its id.
    pub event_id: String,
    /// A click or a conversion.
    pub kind: Kind,
    /// When it happened.
    pub event_time: Timestamp,
    /// When it was logged.
    pub logged_at: Timestamp,
}

/// Where the first events of some kinds and ids stand, as found beyond the look-back. Where it names an event itself,
/// or a later one, it says nothing.
#[derive(Debug, Clone, Default)]
pub struct Originals(HashMap<(Kind, String), Position>);

impl Originals {
    /// None, as where no event is old.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds an event; of several with one kind and id the first in the log stays.
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

/// Frames whose logged time ran backwards by more than [`REWIND_MAX`]: for them, and only for them, a replay may find
/// something else. A person should look at the broker's clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rewinds {
    /// How many events.
    pub events: u64,
    /// The first of them, and how far it lies behind the latest logged time before it, in microseconds.
    pub first: Option<(Position, i64)>,
}

/// The state of all detectors of a ruleset.
#[derive(Debug)]
pub struct Fold {
    ruleset: Arc<Ruleset>,
    states: Vec<Box<dyn State>>,
    frames: Frames,
    look_back_micros: i64,
    /// The last event folded.
    last: Option<Position>,
    /// The latest logged time so far.
    latest_logged: i64,
    swept_at: i64,
    rewinds: Rewinds,
    /// Batches with fewer rows are folded on the caller's thread alone.
    rows_for_threads: usize,
}

impl Fold {
    /// A fold that has seen nothing.
    pub fn new(ruleset: Arc<Ruleset>) -> Self {
        let look_back = i64::try_from(ruleset.look_back().as_micros()).expect("at most two hours");
        Self {
            states: detector::of(&ruleset),
            ruleset,
            frames: Frames::default(),
            look_back_micros: look_back,
            last: None,
            latest_logged: i64::MIN,
            swept_at: i64::MIN,
            rewinds: Rewinds::default(),
            rows_for_threads: ROWS_FOR_THREADS,
        }
    }

    /// The same on the caller's thread alone, however large the batches: where several folds run side by side.
    #[must_use]
    pub fn on_one_thread(mut self) -> Self {
        self.rows_for_threads = usize::MAX;
        self
    }

    /// Clicks and conversions that happened so long before they were logged that an original may lie beyond the
    /// look-back: whoever folds looks for it in everything logged before the look-back, and gives what is found to
    /// [`Fold::judge`]. Empty if the ruleset does not look for duplicates.
    ///
    /// # Errors
    /// [`Error::Rows`].
    pub fn old_events(&self, batch: &RecordBatch) -> Result<Vec<OldEvent>, Error> {
        let looks = |rule: &&crate::ruleset::Rule| {
            rule.off_because().is_none() && matches!(rule.detector, crate::ruleset::Detector::Duplicate)
        };
        if !self.ruleset.rules().iter().any(|rule| looks(&rule)) {
            return Ok(Vec::new());
        }
        let rows = Rows::check(batch).map_err(|bad| Error::Rows(bad.0))?;
        let is_old = |row: &usize| {
            let oldest_known = rows.logged[*row].saturating_sub(self.look_back_micros).saturating_add(AHEAD_MAX_MICROS);
            matches!(rows.kinds[*row], Kind::Click | Kind::Conversion) && rows.times[*row] <= oldest_known
        };
        let old = (0..rows.len()).filter(is_old).map(|row| OldEvent {
            row,
            event_id: rows.event_ids.value(row).to_owned(),
            kind: rows.kinds[row],
            event_time: Timestamp::from_micros(rows.times[row]),
            logged_at: Timestamp::from_micros(rows.logged[row]),
        });
        Ok(old.collect())
    }

    /// Folds the next rows of the log, in log order and with the columns of [`clicktrail_log::schema::read`], and says
    /// what was found, in the same order.
    ///
    /// # Errors
    /// [`Error::Rows`] before anything was folded; [`Error::Memory`] when the state has become too large, after which
    /// this fold is of no further use.
    pub fn judge(&mut self, batch: &RecordBatch, originals: &Originals) -> Result<Vec<Finding>, Error> {
        self.fold(batch, originals, true)
    }

    /// Folds rows as [`Fold::judge`] does without asking what they are: for the look-back before the first that is
    /// judged.
    ///
    /// # Errors
    /// As [`Fold::judge`].
    pub fn warm(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.fold(batch, &Originals::none(), false).map(|_| ())
    }

    /// The memory that the state holds.
    pub fn memory_bytes(&self) -> usize {
        self.frames.bytes() + self.states.iter().map(|state| state.bytes()).sum::<usize>()
    }

    /// The memory that each detector holds, for people.
    pub fn memory_by_detector(&self) -> Vec<(&'static str, usize)> {
        self.states.iter().map(|state| (state.name(), state.bytes())).collect()
    }

    /// What ran backwards so far.
    pub fn rewinds(&self) -> Rewinds {
        self.rewinds
    }

    fn fold(&mut self, batch: &RecordBatch, originals: &Originals, is_judged: bool) -> Result<Vec<Finding>, Error> {
        let mut rows = Rows::check(batch).map_err(|bad| Error::Rows(bad.0))?;
        let Some((first, last)) = rows.positions.first().copied().zip(rows.positions.last().copied()) else {
            return Ok(Vec::new());
        };
        if self.last.is_some_and(|before| first <= before) {
            return Err(Error::Rows(format!("{first} was folded before: rows come in log order, each once")));
        }
        self.last = Some(last);
        self.watch_the_clock(&rows);
        rows.intern(&mut self.frames);
        let view = View { rows: &rows, frames: &self.frames, originals, look_back_micros: self.look_back_micros };
        let hits = pass(&mut self.states, &view, is_judged, self.rows_for_threads);
        let findings = self.findings(&rows, hits);
        self.sweep_if_due();
        self.check_memory()?;
        Ok(findings)
    }

    fn watch_the_clock(&mut self, rows: &Rows<'_>) {
        let rewind_max = i64::try_from(REWIND_MAX.as_micros()).expect("ten minutes");
        for (position, logged) in rows.positions.iter().zip(rows.logged) {
            let behind = self.latest_logged.saturating_sub(*logged);
            if self.latest_logged != i64::MIN && behind > rewind_max {
                self.rewinds.events += 1;
                self.rewinds.first.get_or_insert((*position, behind));
            }
            self.latest_logged = self.latest_logged.max(*logged);
        }
    }

    fn findings(&self, rows: &Rows<'_>, mut hits: Vec<Hit>) -> Vec<Finding> {
        hits.sort_by_key(|hit| (hit.row, hit.rule));
        let mut findings: Vec<Finding> = Vec::new();
        let rules = self.ruleset.rules();
        let mut hits = hits.into_iter().peekable();
        while let Some(row) = hits.peek().map(|hit| hit.row) {
            let mut fired = Vec::new();
            while let Some(hit) = hits.next_if(|hit| hit.row == row) {
                fired.push(hit);
            }
            let weights = fired.iter().map(|hit| (rules[hit.rule].category(), rules[hit.rule].weight_permille()));
            let score = score::of(weights, self.ruleset.threshold_permille());
            let reason = |hit: Hit| Reason {
                rule: rules[hit.rule].name().to_owned(),
                weight_permille: rules[hit.rule].weight_permille(),
                evidence: hit.evidence,
            };
            findings.push(Finding {
                target: rows.positions[row],
                event_id: rows.event_ids.value(row).to_owned(),
                decision: score.decision,
                category: score.category,
                score_permille: score.permille,
                reasons: fired.into_iter().map(reason).collect(),
            });
        }
        findings
    }

    fn sweep_if_due(&mut self) {
        let due = self.swept_at.saturating_add(self.look_back_micros / SWEEPS_PER_LOOK_BACK);
        if self.swept_at == i64::MIN {
            self.swept_at = self.latest_logged;
        } else if self.latest_logged >= due {
            self.sweep();
        }
    }

    /// Drops what no later frame sees, if its logged time lies at most [`REWIND_MAX`] behind the latest.
    fn sweep(&mut self) {
        let rewind = i64::try_from(REWIND_MAX.as_secs()).expect("ten minutes") * MICROS_PER_SECOND;
        let cut = self.latest_logged.saturating_sub(rewind).saturating_sub(self.look_back_micros);
        for state in &mut self.states {
            state.forget(&self.frames, cut);
        }
        self.frames.forget(cut);
        self.swept_at = self.latest_logged;
    }

    fn check_memory(&mut self) -> Result<(), Error> {
        let bytes_max = self.ruleset.memory_bytes_max();
        if self.memory_bytes() <= bytes_max {
            return Ok(());
        }
        self.sweep();
        let bytes = self.memory_bytes();
        let largest = self.memory_by_detector().into_iter().max_by_key(|(_, bytes)| *bytes);
        match largest {
            Some((largest, largest_bytes)) if bytes > bytes_max => {
                Err(Error::Memory { bytes, bytes_max, largest, largest_bytes })
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Lets every detector see the rows, on two threads: whoever is free takes the next, those with the most work first.
fn pass(states: &mut [Box<dyn State>], view: &View<'_>, are_wanted: bool, rows_for_threads: usize) -> Vec<Hit> {
    let run = |state: &mut Box<dyn State>, hits: &mut Hits| state.pass(view, hits);
    let mut here = Hits { are_wanted, found: Vec::new() };
    if view.rows.len() < rows_for_threads {
        states.iter_mut().for_each(|state| run(state, &mut here));
        return here.found;
    }
    let queue = Mutex::new(states.iter_mut());
    let next = || queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
    let work = |hits: &mut Hits| {
        while let Some(state) = next() {
            run(state, hits);
        }
    };
    let there = std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let mut hits = Hits { are_wanted, found: Vec::new() };
            work(&mut hits);
            hits.found
        });
        work(&mut here);
        other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    here.found.extend(there);
    here.found
}
