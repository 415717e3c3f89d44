//! Takes the units of a generation, and computes them: several at a time, under leases.
//!
//! Any number of these run at once, in one process or in many. What a unit produced is valid by its receipt, so a
//! worker may die at any point, hang past its lease and wake up late: another takes the unit after the lease, both
//! write the same bytes, and the catalog takes the same result twice. *Dies before the segment: nothing happened. Dies
//! before the receipt: the segment is written again. Dies before the catalog knows: the next attempt finds both, and
//! computes nothing.*

#![expect(clippy::disallowed_methods, reason = "a worker without work looks again after a pause")]

mod leases;
mod looks;
mod pace;
mod run;
mod worker;

use std::time::Duration;

use clicktrail_catalog::generations::Generation;
use tokio::sync::watch;

use crate::error::Error;
use looks::Looks;
use run::{Idle, Run};
pub use worker::{Ended, Event, OnFailure, Settings, Tell, Worker};

/// Pause after the catalog, the archive or the log was out of reach.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// So often in a row the catalog may be out of reach before a worker gives up.
const CLAIMS_MAX: u32 = 10;

impl Worker {
    /// Works on a generation until there is nothing to do, it is asked to stop, or a unit failed. Asked to stop, it
    /// ends what it has begun.
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
        let mut looks = Looks::default();
        let mut asked = std::pin::pin!(until(stop));
        loop {
            let idle = if stopped { Idle::Drained } else { self.fill(run, &mut looks).await? };
            if run.is_idle() {
                if stopped || !self.has_more(run).await? {
                    return run.ended(stopped).await;
                }
                tokio::select! {
                    () = tokio::time::sleep(looks.pause()) => {}
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
                () = tokio::time::sleep(idle.pause(&mut looks)) => None,
            };
            if let Some((unit, ended)) = ended {
                run.settle(unit, ended).await;
            }
        }
    }

    /// Takes units until it works on as many as it may.
    async fn fill(&self, run: &mut Run<'_>, looks: &mut Looks) -> Result<Idle, Error> {
        let mut failures = 0;
        loop {
            match run.take().await {
                Ok(None) => *looks = Looks::default(),
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
