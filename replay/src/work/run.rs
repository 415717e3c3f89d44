//! One worker on one generation: what it has taken, and what became of it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use clicktrail_catalog::{
    self as catalog,
    generations::{Generation, Unit, UnitOutput},
};
use clicktrail_log::{
    causes::causes,
    invariant,
    time::{Hour, Timestamp},
};
use clicktrail_projections::session;
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};

use super::{
    leases::Leases,
    looks::Looks,
    pace::Pace,
    worker::{Ended, Event, OnFailure, Tell, Worker},
};
use crate::{
    budget::{Budget, Share},
    error::Error,
    unit::{self, UnitTask},
};

/// How often a unit is tried whose failures could pass by themselves.
const ATTEMPTS_MAX: u32 = 5;
/// No unit is taken for so long after such a failure.
const REST_MICROS: i64 = 1_000_000;

const _: () = assert!(ATTEMPTS_MAX > 0);

/// Why no unit was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Idle {
    /// It works on as many as it may.
    Full,
    /// There is none now.
    Drained,
    /// It takes none for so long.
    Resting(Duration),
}

impl Idle {
    /// How long to wait before looking again, if nothing else happens.
    pub(super) fn pause(self, looks: &mut Looks) -> Duration {
        match self {
            Self::Full => Duration::from_secs(60),
            Self::Drained => looks.pause(),
            Self::Resting(pause) => pause,
        }
    }
}

/// Why a unit has no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// It could not be computed, or not be stored.
    Unit(Error),
    /// Another attempt has stored other bytes, or the generation was aborted.
    Refused(catalog::Error),
}

type Result<T, E = Error> = std::result::Result<T, E>;

/// How the task of a unit ended: with what came out, and when it was stored.
pub(super) type UnitEnded = Result<Result<(UnitOutput, Timestamp), Failure>, JoinError>;

/// What a worker does with one generation.
pub(super) struct Run<'w> {
    worker: &'w Worker,
    generation: &'w Generation,
    tell: Tell,
    leases: Leases,
    signs: JoinHandle<()>,
    budget: Budget,
    pace: Pace,
    at_work: JoinSet<Result<(UnitOutput, Timestamp), Failure>>,
    taken: BTreeMap<Id, Unit>,
    /// Units that failed for good while others go on: nobody is told before the end, because that ends the generation.
    failed: BTreeMap<Hour, (u32, String)>,
    /// Those of which the catalog knows it.
    told: Vec<(Hour, String)>,
    /// How often each was tried here in vain.
    tries: BTreeMap<Hour, u32>,
    /// No unit is taken before.
    rests_until: Timestamp,
    done: u64,
    reused: u64,
}

impl<'w> Run<'w> {
    pub(super) fn new(worker: &'w Worker, generation: &'w Generation, tell: Tell) -> Self {
        let settings = &worker.settings;
        let (catalog, clock) = (Arc::clone(&worker.catalog), Arc::clone(&worker.clock));
        let leases = Leases::new(catalog, clock, generation.id.clone(), settings.lease);
        let signs = tokio::spawn(leases.clone().run());
        Self {
            worker,
            generation,
            tell,
            leases,
            signs,
            budget: Budget::new(settings.memory_bytes),
            pace: Pace::new(settings.rows_per_second, worker.clock.now()),
            at_work: JoinSet::new(),
            taken: BTreeMap::new(),
            failed: BTreeMap::new(),
            told: Vec::new(),
            tries: BTreeMap::new(),
            rests_until: Timestamp::from_micros(i64::MIN),
            done: 0,
            reused: 0,
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.at_work.is_empty()
    }

    /// Whether it takes nothing for a while.
    pub(super) fn rests(&self) -> bool {
        !self.rest().is_zero()
    }

    fn rest(&self) -> Duration {
        let now = self.worker.clock.now();
        let rests = self.rests_until.micros().saturating_sub(now.micros()).clamp(0, REST_MICROS);
        self.pace.wait(now).max(Duration::from_micros(rests.unsigned_abs()))
    }

    /// Whether a failure ends the work.
    pub(super) fn has_failed_for_good(&self, on_failure: OnFailure) -> bool {
        match on_failure {
            OnFailure::Stop => !self.told.is_empty(),
            OnFailure::Continue => false,
        }
    }

    /// Takes one unit and begins it; says why if it takes none.
    pub(super) async fn take(&mut self) -> Result<Option<Idle>> {
        let settings = &self.worker.settings;
        if self.at_work.len() >= settings.parallel.max(1) {
            return Ok(Some(Idle::Full));
        }
        if self.has_failed_for_good(settings.on_failure) {
            return Ok(Some(Idle::Drained));
        }
        let rest = self.rest();
        if !rest.is_zero() {
            return Ok(Some(Idle::Resting(rest)));
        }
        let now = self.worker.clock.now();
        let (id, until) = (&self.generation.id, self.leases.until(now));
        let Some(unit) = self.worker.catalog.claim_unit(id, &self.worker.name, now, until).await? else {
            return Ok(Some(Idle::Drained));
        };
        invariant!(I6, &unit.generation == id, "a unit of {} was taken for {id}", unit.generation);
        // The lease of one that failed here ran out meanwhile: it has failed still.
        if let Some((attempt, _)) = self.failed.get_mut(&unit.hour) {
            *attempt = unit.attempt;
            self.leases.keep(unit.hour, unit.attempt, None);
            return Ok(None);
        }
        self.pace.add(unit.rows);
        self.begin(unit);
        Ok(None)
    }

    fn begin(&mut self, unit: Unit) {
        let (worker, budget) = (self.worker.clone(), self.budget.clone());
        let (task, bytes) = (UnitTask::of(self.generation, &unit), unit.bytes);
        let (generation, hour) = (self.generation.id.clone(), unit.hour);
        let work = self.at_work.spawn(async move {
            let output = computed(&worker, &budget, &task, bytes).await.map_err(Failure::Unit)?;
            let now = worker.clock.now();
            match worker.catalog.finish_unit(&generation, hour, &output, now).await {
                Ok(_) => Ok((output, now)),
                Err(cause @ catalog::Error::Conflict(_)) => Err(Failure::Refused(cause)),
                Err(cause) => Err(Failure::Unit(cause.into())),
            }
        });
        self.leases.keep(hour, unit.attempt, Some(work.clone()));
        self.taken.insert(work.id(), unit);
    }

    /// Waits until a unit has ended. It may be dropped at any time.
    pub(super) async fn next_ended(&mut self) -> (Unit, UnitEnded) {
        let Some(ended) = self.at_work.join_next_with_id().await else {
            return std::future::pending().await;
        };
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(stopped) => stopped.id(),
        };
        let unit = self.taken.remove(&id).expect("every task has its unit");
        (unit, ended.map(|(_, result)| result))
    }

    /// Sees to what follows from the end of a unit.
    pub(super) async fn settle(&mut self, unit: Unit, ended: UnitEnded) {
        let hour = unit.hour;
        self.leases.drop(hour);
        match ended {
            Ok(Ok((output, at))) => {
                self.done += 1;
                self.reused += u64::from(output.is_reused);
                let micros = at.micros().saturating_sub(unit.begun_at.micros());
                (self.tell)(Event::Done { hour, rows: unit.rows, micros, is_reused: output.is_reused });
            }
            Ok(Err(Failure::Unit(cause))) if cause.is_transient() => {
                self.rests_until = self.worker.clock.now().plus_micros(REST_MICROS);
                self.fail(&unit, causes(&cause), ATTEMPTS_MAX).await;
            }
            Ok(Err(Failure::Unit(cause))) => self.fail(&unit, causes(&cause), 1).await,
            Ok(Err(Failure::Refused(_))) if self.is_aborted().await => (self.tell)(Event::Dropped(hour)),
            Ok(Err(Failure::Refused(cause))) => {
                self.told.push((hour, causes(&cause)));
                (self.tell)(Event::Failed(hour, causes(&cause)));
            }
            Err(stopped) if stopped.is_cancelled() => match self.is_aborted().await {
                true => (self.tell)(Event::Dropped(hour)),
                false => (self.tell)(Event::Lost(hour)),
            },
            Err(stopped) => self.fail(&unit, format!("the worker panicked: {stopped}"), 1).await,
        }
    }

    async fn fail(&mut self, unit: &Unit, why: String, attempts_max: u32) {
        let tries = self.tries.entry(unit.hour).or_default();
        *tries += 1;
        if *tries < attempts_max {
            (self.tell)(Event::Retried(unit.hour, why.clone()));
            self.say_failed(unit.hour, unit.attempt, &why, u32::MAX).await;
            return;
        }
        (self.tell)(Event::Failed(unit.hour, why.clone()));
        match self.worker.settings.on_failure {
            OnFailure::Continue => {
                self.leases.keep(unit.hour, unit.attempt, None);
                self.failed.insert(unit.hour, (unit.attempt, why));
            }
            OnFailure::Stop => {
                self.say_failed(unit.hour, unit.attempt, &why, 1).await;
                self.told.push((unit.hour, why));
            }
        }
    }

    async fn say_failed(&self, hour: Hour, attempt: u32, why: &str, attempts_max: u32) {
        let now = self.worker.clock.now();
        let said = self.worker.catalog.fail_unit(&self.generation.id, hour, attempt, why, attempts_max, now);
        // If nobody can be told, the lease ends.
        if let Err(cause) = said.await {
            tracing::warn!(%hour, %cause, "the catalog could not be told that an hour failed");
        }
    }

    /// Whether anybody may still have to do something, apart from what has failed here.
    pub(super) async fn open_units(&self) -> Result<bool> {
        let one_more = u32::try_from(self.failed.len()).unwrap_or(u32::MAX).saturating_add(1);
        let open = self.worker.catalog.open_units(&self.generation.id, one_more).await?;
        Ok(open.iter().any(|hour| !self.failed.contains_key(hour)))
    }

    /// Whether somebody gave the generation up, as far as the catalog can be reached.
    async fn is_aborted(&self) -> bool {
        self.state().await.is_ok_and(|state| state == catalog::generations::GenerationState::Aborted)
    }

    async fn state(&self) -> Result<catalog::generations::GenerationState> {
        let id = &self.generation.id;
        let found = self.worker.catalog.generation(id).await?;
        Ok(found.ok_or_else(|| Error::Incomplete(format!("there is no generation {id}")))?.state)
    }

    /// What came of it. Now everybody is told what failed.
    pub(super) async fn ended(&mut self, stopped: bool) -> Result<Ended> {
        for (hour, (attempt, why)) in std::mem::take(&mut self.failed) {
            self.leases.drop(hour);
            self.say_failed(hour, attempt, &why, 1).await;
            self.told.push((hour, why));
        }
        let failed = std::mem::take(&mut self.told);
        Ok(Ended { done: self.done, reused: self.reused, failed, stopped, state: self.state().await? })
    }

    /// Stops everything.
    pub(super) async fn close(mut self) {
        self.signs.abort();
        self.at_work.shutdown().await;
    }
}

/// Computes a unit within its share of memory. If the engine ran out of it, once more with all of it and on one thread,
/// on which it merges no sorted streams, whose memory it gives to nobody.
async fn computed(worker: &Worker, budget: &Budget, task: &UnitTask, bytes: u64) -> Result<UnitOutput, Error> {
    let run = async |share: Share, threads| {
        let memory_bytes = share.bytes().max(worker.settings.limits.memory_bytes);
        unit::run(task, &worker.archive, &worker.history, session::Limits { memory_bytes, threads }).await
    };
    match run(budget.share(bytes).await, worker.settings.limits.threads).await {
        Err(Error::Projection(cause)) if cause.is_exhausted() => {
            tracing::warn!(hour = %task.hour, cause = %causes(&cause), "an hour is computed again, alone and on one thread");
            run(budget.alone().await, 1).await
        }
        ended => ended,
    }
}
