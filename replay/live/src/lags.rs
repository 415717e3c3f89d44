//! How far the roles are behind, measured from outside of them: a role that hangs, failed or runs nowhere falls behind
//! all the same, and its own word would be the last that it said while it was well.

#![expect(clippy::disallowed_methods, reason = "it looks now and then")]

use std::{sync::Arc, time::Duration};

use clicktrail_catalog::Catalog;
use clicktrail_log::{
    causes::causes,
    log::{Log, ReadLimit},
    time::{Clock, Hour, Timestamp},
};
use clicktrail_replay::Error;
use metrics::gauge;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::metric;

/// How often they are measured.
const LOOK: Duration = Duration::from_secs(2);

const _: () = assert!(LOOK.as_secs() <= 10, "who waits a minute before an alarm has seen several measurements");

/// What the lags are measured of.
#[derive(Debug)]
pub struct Lags {
    /// The log of clicks.
    pub clicks: Arc<dyn Log>,
    /// Where judging, counting and sealing say how far they have come.
    pub catalog: Arc<dyn Catalog>,
    /// When an hour is over.
    pub clock: Arc<dyn Clock>,
}

/// How far the roles are behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// Frames in the log that the judge has not passed.
    pub judge_frames: u64,
    /// Frames in the log that neither hot partials nor segments hold.
    pub counting_frames: u64,
    /// Seconds since the end of the oldest hour that is over and not registered; 0 when there is none.
    pub archive_seconds: u64,
}

impl Lags {
    /// Reports them until `shutdown`. When log or catalog are away, the gauges keep what they said, and the time of
    /// measuring stands still.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut said = false;
        loop {
            self.compare_clocks().await;
            let now = self.clock.now();
            match self.measure(now).await {
                Ok(behind) => {
                    report(&behind, now);
                    said = false;
                }
                Err(cause) if !said => {
                    info!(cause = %causes(&cause), "how far the roles are behind cannot be measured");
                    said = true;
                }
                Err(_) => {}
            }
            if tokio::time::timeout(LOOK, shutdown.cancelled()).await.is_ok() {
                return;
            }
        }
    }

    /// Reports how far our clock is ahead of the log's, if that has one and answers.
    async fn compare_clocks(&self) {
        let before = self.clock.now().micros();
        let Ok(Some(logs)) = self.clicks.now().await else { return };
        let ahead = before + (self.clock.now().micros() - before) / 2 - logs.micros();
        // Whole milliseconds of any year fit; what is shown are seconds.
        let milliseconds = i32::try_from(ahead / 1_000).unwrap_or(if ahead < 0 { i32::MIN } else { i32::MAX });
        gauge!(metric::CLOCK_AHEAD).set(f64::from(milliseconds) / 1_000.0);
    }

    /// Measures them once.
    ///
    /// # Errors
    /// Log or catalog cannot be read.
    pub async fn measure(&self, now: Timestamp) -> Result<Behind, Error> {
        // The marks first: what is logged meanwhile only makes the roles look slower than they are.
        let judged = self.catalog.judged().await?.clicks_through;
        let counted = self.catalog.counted_through().await?;
        let last = self.clicks.info().await?.last;
        let open = match self.catalog.last_hour().await? {
            Some(sealed) => Some(sealed.hour.next()),
            None => self.first_hour().await?,
        };
        let over = open.map_or(0, |hour| (now.micros() - hour.end_exclusive().micros()).max(0) / 1_000_000);
        Ok(Behind {
            judge_frames: last.get().saturating_sub(judged.get()),
            counting_frames: last.get().saturating_sub(counted.get()),
            archive_seconds: u64::try_from(over).expect("it is not below zero"),
        })
    }

    /// The hour of the first frame in the log, while no hour is registered.
    async fn first_hour(&self) -> Result<Option<Hour>, Error> {
        let first = self.clicks.info().await?.first;
        let one = ReadLimit { frames: 1, ..ReadLimit::waiting(Duration::ZERO) };
        let frames = self.clicks.read(first, one).await?;
        Ok(frames.first().map(|frame| frame.logged_at.hour()))
    }
}

fn report(behind: &Behind, now: Timestamp) {
    let whole = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    gauge!(metric::JUDGE_LAG).set(whole(behind.judge_frames));
    gauge!(metric::LOG_LAG).set(whole(behind.counting_frames));
    gauge!(metric::ARCHIVE_LAG).set(whole(behind.archive_seconds));
    gauge!(metric::LAGS_MEASURED_AT).set(u32::try_from(now.micros().div_euclid(1_000_000)).unwrap_or(u32::MAX));
}
