//! The judge role: judges frames as they are logged, and keeps the mark for which counting waits.

#![expect(clippy::disallowed_methods, reason = "background work: it pauses before it tries again")]

use std::{sync::Arc, time::Duration};

use clicktrail_catalog::Catalog;
use clicktrail_log::{causes::causes, invariant, log::Log};
use clicktrail_replay::{Error, belongs};
use clicktrail_verdicts::judge::{Judge, Mark};
use metrics::{counter, gauge};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::metric;

/// How long the judge waits at the log's tail before it looks whether it is to stop.
const TAIL_WAIT: Duration = Duration::from_millis(500);
/// Pause after a failure.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Pause after a failure that does not pass by itself.
const STANDSTILL_PAUSE: Duration = Duration::from_secs(10);
const _: () = assert!(RETRY_PAUSE.as_millis() < STANDSTILL_PAUSE.as_millis(), "what passes by itself is tried sooner");

/// Judges a log.
#[derive(Debug)]
pub struct Judging {
    judge: Judge,
    clicks: Arc<dyn Log>,
    catalog: Arc<dyn Catalog>,
    /// Whether both logs were found to be those that the catalog knows, since the start or the last error.
    is_checked: bool,
    /// A movement of the mark that the catalog may have made or not.
    moving: Option<Moving>,
}

/// A movement of the mark.
#[derive(Debug, Clone, Copy)]
struct Moving {
    before: Mark,
    after: Mark,
}

impl Judging {
    /// The role of a judge whose mark is kept in a catalog.
    pub fn new(judge: Judge, clicks: Arc<dyn Log>, catalog: Arc<dyn Catalog>) -> Self {
        Self { judge, clicks, catalog, is_checked: false, moving: None }
    }

    /// Judges what comes within `wait`; whether that was anything.
    ///
    /// # Errors
    /// See [`Error`]: the same call may be made again. What was judged is kept, and only what failed is done again.
    pub async fn tick(&mut self, wait: Duration) -> Result<bool, Error> {
        let ticked = self.try_tick(wait).await;
        // A store that was away may come back as another one.
        self.is_checked &= ticked.is_ok();
        ticked
    }

    async fn try_tick(&mut self, wait: Duration) -> Result<bool, Error> {
        // Begun here, so that a mark that was read before a rebuild is not written after it.
        let catalog = self.catalog.begin().await?;
        if !self.is_checked {
            belongs::check(&self.clicks, self.judge.verdicts(), catalog.as_ref()).await?;
            self.is_checked = true;
        }
        let before = catalog.judged().await?;
        let moving = match self.moving.take() {
            Some(made) if made.after == before => {
                self.report(&made);
                return Ok(true);
            }
            Some(moving) if moving.before == before => moving,
            // Somebody else moved it: the judge finds that its run is over.
            Some(_) | None => {
                let Some(after) = self.judge.step(before, wait).await? else { return Ok(false) };
                Moving { before, after }
            }
        };
        let after = moving.after;
        let forward =
            before.clicks_through <= after.clicks_through && before.verdicts_through <= after.verdicts_through;
        invariant!(I5, forward, "the judge's mark goes from {before:?} to {after:?}");
        self.moving = Some(moving);
        // Without digests the mark is not compared until the next step; what was judged need not be judged again.
        let frames = belongs::judged_frames(&self.clicks, self.judge.verdicts(), &after).await.unwrap_or_default();
        catalog.put_judged(&before, &after, frames).await?;
        self.moving = None;
        self.report(&moving);
        Ok(true)
    }

    /// Says what was judged once the mark has moved.
    fn report(&mut self, moved: &Moving) {
        let (before, after) = (moved.before.clicks_through, moved.after.clicks_through);
        counter!(metric::FRAMES_JUDGED).increment(after.get().saturating_sub(before.get()));
        for passed in self.judge.take_passed() {
            counter!(metric::EVENTS_PASSED, "kind" => passed.kind.as_str()).increment(passed.logged);
            counter!(metric::EVENTS_JUDGED, "kind" => passed.kind.as_str()).increment(passed.judged);
        }
        gauge!(metric::JUDGE_STATE).set(u32::try_from(self.judge.memory_bytes() >> 10).unwrap_or(u32::MAX));
    }

    /// Judges until `shutdown`, then once more what is logged by then.
    pub async fn run(mut self, shutdown: CancellationToken) {
        info!(ruleset = %self.judge.rules().digest(), name = self.judge.rules().name(), "judging");
        for note in self.judge.rules().notes() {
            info!("{note}");
        }
        loop {
            let stopping = shutdown.is_cancelled();
            match self.tick(if stopping { Duration::ZERO } else { TAIL_WAIT }).await {
                Ok(false) if stopping => return,
                Ok(_) => {}
                Err(cause) => {
                    let transient = cause.is_transient();
                    if transient {
                        warn!(cause = %causes(&cause), "judging is tried again");
                    } else {
                        error!(cause = %causes(&cause), "judging stands still, and counting with it; a person must act");
                    }
                    if stopping {
                        return;
                    }
                    let pause = if transient { RETRY_PAUSE } else { STANDSTILL_PAUSE };
                    let _ = tokio::time::timeout(pause, shutdown.cancelled()).await;
                }
            }
        }
    }
}
