//! How far a build is, counted over its hours; and the words for it.

use clicktrail_catalog::{
    Catalog,
    generations::{Generation, GenerationId, GenerationState, Unit, UnitState},
};
use clicktrail_log::time::{Hour, Timestamp};

/// Units that are read at a time.
const PAGE_UNITS: u32 = 1_000;

/// An hour whose attempt of this number failed, and why.
pub(super) type Failed = (Hour, u32, String);

/// What the hours of a build add up to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Summary {
    /// Hours that nobody works on.
    pub(super) waiting: u64,
    /// Hours that somebody took.
    pub(super) leased: u64,
    /// Hours that are built.
    pub(super) done: u64,
    /// Those of them that an earlier build had done.
    pub(super) reused: u64,
    /// Hours that failed for good.
    pub(super) failed: u64,
    /// Events of all hours.
    pub(super) rows: u64,
    /// Events of those that are built.
    pub(super) rows_done: u64,
    /// Time that workers took for what they computed, added up, in microseconds.
    pub(super) worked_micros: i64,
    /// Those that failed last, and why; at most [`Self::ERRORS_MAX`].
    pub(super) errors: Vec<Failed>,
    /// The slowest hours, the slowest first; at most [`Self::SLOWEST_MAX`].
    pub(super) slowest: Vec<(i64, Hour)>,
}

impl Summary {
    const ERRORS_MAX: usize = 20;
    const SLOWEST_MAX: usize = 3;

    /// Reads all hours.
    pub(super) async fn of(catalog: &dyn Catalog, id: &GenerationId) -> anyhow::Result<Self> {
        let mut summary = Self::default();
        let mut from = Hour::from_i64(i64::MIN / 2);
        loop {
            let page = catalog.units(id, from, PAGE_UNITS).await?;
            let Some(last) = page.last() else { return Ok(summary) };
            from = last.hour.next();
            page.iter().for_each(|unit| summary.add(unit));
        }
    }

    pub(super) fn hours(&self) -> u64 {
        self.waiting + self.leased + self.done + self.failed
    }

    fn add(&mut self, unit: &Unit) {
        self.rows += unit.rows;
        match unit.state {
            UnitState::Waiting => self.waiting += 1,
            UnitState::Leased => self.leased += 1,
            UnitState::Failed => self.failed += 1,
            UnitState::Done => {
                self.done += 1;
                self.rows_done += unit.rows;
                let is_reused = unit.output.as_ref().is_some_and(|output| output.is_reused);
                self.reused += u64::from(is_reused);
                let micros = unit.ended_at.micros().saturating_sub(unit.begun_at.micros());
                if !is_reused {
                    self.worked_micros += micros;
                    self.slowest.push((micros, unit.hour));
                    self.slowest.sort_unstable_by(|a, b| b.cmp(a));
                    self.slowest.truncate(Self::SLOWEST_MAX);
                }
            }
        }
        if !unit.error.is_empty() && self.errors.len() < Self::ERRORS_MAX && unit.state != UnitState::Done {
            self.errors.push((unit.hour, unit.attempt, unit.error.clone()));
        }
    }
}

/// The word for a state.
pub(super) const fn state(state: GenerationState) -> &'static str {
    match state {
        GenerationState::Building => "building",
        GenerationState::Built => "built",
        GenerationState::Failed => "failed",
        GenerationState::Aborted => "aborted",
        GenerationState::Promoted => "promoted",
    }
}

/// The word for the state of an hour. A lease that has ended waits for whoever comes.
pub(super) fn unit_state(unit: &Unit, now: Timestamp) -> &'static str {
    match unit.state {
        UnitState::Leased if unit.leased_until < now => "waiting",
        UnitState::Leased => "at work",
        UnitState::Waiting => "waiting",
        UnitState::Done => "done",
        UnitState::Failed => "failed",
    }
}

/// The build that is meant: the one that is named by at least the beginning of its id, or else the newest that is not
/// over, or else the newest.
pub(super) async fn find(catalog: &dyn Catalog, named: Option<&str>) -> anyhow::Result<Option<Generation>> {
    if let Some(id) = named.and_then(GenerationId::parse) {
        return Ok(catalog.generation(&id).await?);
    }
    let mut newest = None;
    let mut found: Vec<Generation> = Vec::new();
    let mut after: Option<(Timestamp, GenerationId)> = None;
    loop {
        let page = catalog.list_generations(after.as_ref().map(|(at, id)| (*at, id)), PAGE_UNITS).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.created_at, last.id.clone()));
        for generation in page {
            match named {
                None if generation.state == GenerationState::Building => return Ok(Some(generation)),
                None => newest = newest.or(Some(generation)),
                Some(named) if generation.id.as_str().starts_with(named) => found.push(generation),
                Some(_) => {}
            }
        }
    }
    match (named, found.len()) {
        (None, _) => Ok(newest),
        (Some(named), 2..) => anyhow::bail!("{} builds begin with {named:?}: write more of the id", found.len()),
        (Some(_), _) => Ok(found.pop()),
    }
}

/// Says that there is no such build.
pub(super) fn unknown(named: Option<&str>) -> crate::exit::Exit {
    crate::output::note(&match named {
        Some(named) => format!("clicktrail: there is no build {named:?}: see `clicktrail replay list`"),
        None => "clicktrail: nothing was built yet".to_owned(),
    });
    crate::exit::Exit::InputIncomplete
}
