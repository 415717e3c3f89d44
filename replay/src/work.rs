//! Takes the units of a generation, and computes them: several at a time, under leases.
//!
//! Any number of these run at once, in one process or in many. What a unit produced is valid by its receipt, so a
//! worker may die at any point, hang past its lease and wake up late: another takes the unit after the lease, both
//! write the same bytes, and the catalog takes the same result twice. *Dies before the segment: nothing happened. Dies
//! before the receipt: the segment is written again. Dies before the catalog knows: the next attempt finds both, and
//! computes nothing.*

#![expect(clippy::disallowed_methods, reason = "a worker without work looks again after a pause")]

mod leases;
mod pace;
mod run;

use std::{sync::Arc, time::Duration};

use clicktrail_catalog::{
    Catalog,
    generations::{Generation, GenerationState},
};
use clicktrail_log::{
    archive::Archive,
    time::{Clock, Hour},
};
use clicktrail_projections::session;
use clicktrail_verdicts::reader::VerdictReader;
use tokio::sync::watch;

use crate::error::Error;
use run::{Idle, Run};

/// Pause before a worker that found no unit looks again.
const POLL: Duration = Duration::from_millis(200);
/// Pause after the catalog, the archive or the log was out of reach.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// So often in a row the catalog may be out of reach before a worker gives up.
const CLAIMS_MAX: u32 = 10;

/// A worker.
#[derive(Debug, Clone)]
pub struct Worker {
    /// The archive.
    pub archive: Archive,
    /// The verdicts.
    pub history: VerdictReader,
    /// The catalog, through which workers share units.
    pub catalog: Arc<dyn Catalog>,
    /// What time it is: leases are compared across machines, whose clocks should agree within a part of one.
    pub clock: Arc<dyn Clock>,
    /// Who it is, for people.
    pub name: String,
    /// How it works.
    pub settings: Settings,
}

/// How a worker works.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// So many hours at a time, at most.
    pub parallel: usize,
    /// Bytes of memory for all of them; an hour that could take more waits until it is alone.
    pub memory_bytes: u64,
    /// What projecting one hour may use.
    pub limits: session::Limits,
    /// After so long without a sign of life another worker takes a unit.
    pub lease: Duration,
    /// Events a second, at most, over all hours; `None`: no limit.
    pub rows_per_second: Option<u64>,
    /// What happens when a unit has failed for good.
    pub on_failure: OnFailure,
    /// Whether to wait until the generation is built, also by others.
    pub waits: bool,
}

impl Settings {
    /// The time that a dead worker's units wait for another, unless something else is said.
    pub const LEASE: Duration = Duration::from_secs(30);
    /// Memory for all hours of a worker, unless something else is said.
    pub const MEMORY_BYTES: u64 = 1 << 30;
}

/// What happens when a unit has failed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// No further unit is taken.
    Stop,
    /// The others are computed first.
    Continue,
}

/// What a worker tells while it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A unit is done.
    Done {
        /// Which hour.
        hour: Hour,
        /// Events in it.
        rows: u64,
        /// How long it took, microseconds.
        micros: i64,
        /// Whether nothing had to be computed.
        is_reused: bool,
    },
    /// An attempt failed, and another one follows.
    Retried(Hour, String),
    /// A unit has failed for good.
    Failed(Hour, String),
    /// Another worker has the unit, or the generation was given up: the lease had ended.
    Lost(Hour),
}

/// Who listens.
pub type Tell = Arc<dyn Fn(Event) + Send + Sync>;

/// How a worker ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Units that it finished.
    pub done: u64,
    /// Those of them that an earlier build had done.
    pub reused: u64,
    /// What failed for good, and why.
    pub failed: Vec<(Hour, String)>,
    /// Whether it was asked to stop.
    pub stopped: bool,
    /// Where the generation stands.
    pub state: GenerationState,
}

impl Worker {
    /// Works on a generation until there is nothing to do, it is asked to stop, or a unit failed. Asked to stop, it ends
    /// what it has begun.
    ///
    /// # Errors
    /// If the catalog cannot be reached for some time, or does not know the generation.
    pub async fn run(&self, generation: &Generation, stop: watch::Receiver<bool>, tell: Tell) -> Result<Ended, Error> {
        let mut run = Run::new(self, generation, tell);
        let ended = self.take_all(&mut run, stop).await;
        run.close().await;
        ended
    }

    async fn take_all(&self, run: &mut Run<'_>, stop: watch::Receiver<bool>) -> Result<Ended, Error> {
        let mut stopped = false;
        let mut asked = std::pin::pin!(until(stop));
        loop {
            let idle = if stopped { Idle::Drained } else { self.fill(run).await? };
            if run.is_idle() {
                if stopped || !self.has_more(run).await? {
                    return run.ended(stopped).await;
                }
                tokio::select! {
                    () = tokio::time::sleep(POLL) => {}
                    () = &mut asked, if !stopped => stopped = true,
                }
                continue;
            }
            let ended = tokio::select! {
                ended = run.next_ended() => Some(ended),
                () = &mut asked, if !stopped => {
                    stopped = true;
                    None
                }
                () = tokio::time::sleep(idle.pause(POLL)) => None,
            };
            if let Some((unit, ended)) = ended {
                run.settle(unit, ended).await;
            }
        }
    }

    /// Takes units until it works on as many as it may.
    async fn fill(&self, run: &mut Run<'_>) -> Result<Idle, Error> {
        let mut failures = 0;
        loop {
            match run.take().await {
                Ok(None) => {}
                Ok(Some(idle)) => return Ok(idle),
                Err(cause) if cause.is_transient() && failures < CLAIMS_MAX => {
                    failures += 1;
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                Err(cause) => return Err(cause),
            }
        }
    }

    /// Whether there may be something to do later, of an idle worker that found nothing to take.
    async fn has_more(&self, run: &mut Run<'_>) -> Result<bool, Error> {
        if run.has_failed_for_good(self.settings.on_failure) {
            return Ok(false);
        }
        if run.rests() {
            return Ok(true);
        }
        let open = run.open_units().await?;
        Ok(self.settings.waits && open)
    }
}

/// Ends when the worker is asked to stop; never, if nobody can ask any more.
async fn until(mut stop: watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
