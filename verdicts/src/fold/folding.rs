//! The fold itself: batches of the log in, findings out.

use std::{ops::Range, sync::Arc};

use arrow::array::RecordBatch;
use clicktrail_log::{invariant, position::Position};

use super::{
    alone::Alone,
    candidates::Candidates,
    clock::{LoggedClock, REWIND_MAX_MICROS, Rewinds},
    correction,
    error::Error,
    finding::Finding,
    pass::pass,
    score::{self, Fired},
};
use crate::{
    detector::{assemble, frames::Frames, hits::Hit, originals::Originals, rows::Rows, state::State, view::View},
    ruleset::{limits::LOOK_BACK_SECONDS_MIN, set::Ruleset},
    verdict::Reason,
};

/// State is swept when the log has moved on by this part of the look-back.
const SWEEPS_PER_LOOK_BACK: i64 = 8;
/// Fewer rows than this are folded on the caller's thread: starting another costs more.
const ROWS_FOR_THREADS: usize = 2048;

const _: () = assert!(
    SWEEPS_PER_LOOK_BACK > 0 && LOOK_BACK_SECONDS_MIN * 1_000_000 / SWEEPS_PER_LOOK_BACK >= 1_000_000,
    "sweeping costs a pass over the state: not for every batch"
);

/// The state of all detectors of a ruleset.
#[derive(Debug)]
pub struct Fold {
    ruleset: Arc<Ruleset>,
    alone: Alone,
    states: Vec<Box<dyn State>>,
    frames: Frames,
    look_back_micros: i64,
    /// The last event folded.
    last: Option<Position>,
    clock: LoggedClock,
    /// How far the log had certainly come when state was last swept; `None` before the first event.
    swept_at: Option<i64>,
    /// Batches with fewer rows are folded on the caller's thread alone.
    rows_for_threads: usize,
}

impl Fold {
    /// A fold that has seen nothing.
    pub fn new(ruleset: Arc<Ruleset>) -> Self {
        let look_back = i64::try_from(ruleset.look_back().as_micros()).expect("at most two hours");
        Self {
            states: assemble(&ruleset),
            alone: Alone::new(Arc::clone(&ruleset)),
            ruleset,
            frames: Frames::default(),
            look_back_micros: look_back,
            last: None,
            clock: LoggedClock::new(look_back),
            swept_at: None,
            rows_for_threads: ROWS_FOR_THREADS,
        }
    }

    /// Folds on the caller's thread alone, however large the batches. For callers that run several folds side by side.
    #[must_use]
    pub fn on_one_thread(mut self) -> Self {
        self.rows_for_threads = usize::MAX;
        self
    }

    /// The events of a batch that may repeat one that was logged before the look-back, within the window of a
    /// `duplicate` rule. The caller looks for these, and gives what it finds to [`Fold::judge`].
    ///
    /// # Errors
    /// [`Error::Rows`].
    pub fn candidates<'b>(&self, batch: &'b RecordBatch) -> Result<Candidates<'b>, Error> {
        let rows = Rows::check(batch).map_err(|bad| Error::Rows(bad.0))?;
        Ok(Candidates::among(rows, &self.ruleset, self.look_back_micros))
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

    /// Folds rows as [`Fold::judge`] does, but looks for nothing in them. For the look-back before the first judged
    /// event.
    ///
    /// # Errors
    /// As [`Fold::judge`].
    pub fn warm(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.fold(batch, &Originals::none(), false).map(|_| ())
    }

    /// The memory that the state holds.
    pub fn memory_bytes(&self) -> usize {
        self.frames.bytes() + self.memory_by_detector().into_iter().map(|(_, bytes)| bytes).sum::<usize>()
    }

    /// The memory that each detector holds, for people.
    pub fn memory_by_detector(&self) -> Vec<(&'static str, usize)> {
        let stateful = self.states.iter().map(|state| (state.name(), state.bytes()));
        stateful.chain(self.alone.memory()).collect()
    }

    /// What ran backwards so far.
    pub fn rewinds(&self) -> Rewinds {
        self.clock.rewinds()
    }

    fn fold(&mut self, batch: &RecordBatch, originals: &Originals, is_judged: bool) -> Result<Vec<Finding>, Error> {
        let rows = Rows::check(batch).map_err(|bad| Error::Rows(bad.0))?;
        let Some((first, last)) = rows.positions.first().copied().zip(rows.positions.last().copied()) else {
            return Ok(Vec::new());
        };
        if self.last.is_some_and(|before| first <= before) {
            return Err(Error::Rows(format!("{first} was folded before: rows come in log order, each once")));
        }
        self.last = Some(last);
        let dated_back = self.clock.watch(&rows);
        let mut findings = Vec::new();
        let mut from = 0;
        for (row, dated_back) in &dated_back {
            if from < *row {
                findings.extend(self.fold_run(batch, from..*row, originals, is_judged)?);
            }
            self.frames.date_back(*dated_back);
            from = *row;
        }
        findings.extend(if dated_back.is_empty() {
            self.fold_rows(rows, 0, originals, is_judged)
        } else {
            self.fold_run(batch, from..batch.num_rows(), originals, is_judged)?
        });
        self.sweep_if_due();
        self.check_memory()?;
        Ok(findings)
    }

    /// Folds some rows of a batch by themselves.
    fn fold_run(
        &mut self,
        batch: &RecordBatch,
        run: Range<usize>,
        originals: &Originals,
        is_judged: bool,
    ) -> Result<Vec<Finding>, Error> {
        let own = batch.slice(run.start, run.len());
        let rows = Rows::check(&own).map_err(|bad| Error::Rows(bad.0))?;
        Ok(self.fold_rows(rows, run.start, originals, is_judged))
    }

    /// Folds rows within which the log did not run back.
    fn fold_rows(
        &mut self,
        mut rows: Rows<'_>,
        first_row: usize,
        originals: &Originals,
        is_judged: bool,
    ) -> Vec<Finding> {
        rows.intern(&mut self.frames);
        let is_shared = rows.len() >= self.rows_for_threads;
        // While state is only warmed, what events show by themselves matters for which of them it remembers.
        let looks = is_judged || self.alone.sets_aside();
        let alone = if looks { self.alone.hits(&rows, is_shared) } else { Vec::new() };
        let aside = self.alone.aside_for(&rows, &alone);
        let view = View {
            rows: &rows,
            frames: &self.frames,
            originals,
            first_row,
            look_back_micros: self.look_back_micros,
            prefixes: self.ruleset.prefixes(),
            aside: &aside,
        };
        let mut hits = pass(&mut self.states, is_judged, is_shared, |state, hits| state.pass(&view, hits));
        if is_judged {
            hits.extend(alone);
        }
        let mut findings = self.findings(&rows, hits);
        if is_judged {
            correction::find(&rows, &mut findings);
        }
        findings
    }

    fn findings(&self, rows: &Rows<'_>, mut hits: Vec<Hit>) -> Vec<Finding> {
        let rules = self.ruleset.rules();
        // A detector looks at what any of its rules wants; each rule hears of its own kinds alone.
        hits.retain(|hit| rules[hit.rule].kinds().holds(rows.kinds[hit.row]));
        hits.sort_by_key(|hit| (hit.row, hit.rule));
        let is_once = hits.windows(2).all(|pair| (pair[0].row, pair[0].rule) < (pair[1].row, pair[1].rule));
        invariant!(I5, is_once, "a rule fired twice for one event");
        let mut findings: Vec<Finding> = Vec::new();
        let mut hits = hits.into_iter().peekable();
        while let Some(row) = hits.peek().map(|hit| hit.row) {
            let mut fired = Vec::new();
            while let Some(hit) = hits.next_if(|hit| hit.row == row) {
                fired.push(hit);
            }
            let score =
                score::of(fired.iter().map(|hit| Fired::of(&rules[hit.rule])), self.ruleset.threshold_permille());
            let reason = |hit: Hit| Reason {
                rule: rules[hit.rule].name().to_owned(),
                weight_permille: rules[hit.rule].weight_permille(),
                decides: rules[hit.rule].decides(),
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
        let Some(certain) = self.clock.certain() else { return };
        let swept_at = *self.swept_at.get_or_insert(certain);
        let moved = certain.saturating_sub(swept_at);
        // What a clock that was ahead put off would be put off until its time comes.
        let ran_back = moved < -REWIND_MAX_MICROS || self.frames.dated_back_micros() > 0;
        if ran_back || moved >= self.look_back_micros / SWEEPS_PER_LOOK_BACK {
            self.sweep();
        }
    }

    /// Drops what no later frame sees, if its logged time lies at most [`REWIND_MAX`](super::REWIND_MAX) behind the
    /// latest that is no mistake of the clock.
    fn sweep(&mut self) {
        let Some(certain) = self.clock.certain() else { return };
        let cut = certain.saturating_sub(REWIND_MAX_MICROS).saturating_sub(self.look_back_micros);
        for state in &mut self.states {
            state.forget(&self.frames, cut);
        }
        // After the states, which ask when the frames that they refer to were logged.
        self.frames.forget(cut);
        self.swept_at = Some(certain);
    }

    fn check_memory(&mut self) -> Result<(), Error> {
        let bytes_max = self.ruleset.memory_bytes_max();
        if self.memory_bytes() <= bytes_max {
            return Ok(());
        }
        self.sweep();
        if self.memory_bytes() > bytes_max {
            self.clock.believe();
            self.sweep();
        }
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
