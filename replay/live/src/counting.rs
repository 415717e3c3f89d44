//! The project role: folds frames into hot partials as they come. Live is replay with an open end.
//!
//! A frame counts when the judge has passed it, and with what the judge's live verdicts say about it: live spend never
//! holds what was found invalid. One tick is one row, which holds the counts and how far they go. So a restart goes on
//! behind the last row, and nothing is counted twice. The ticks of a minute are merged into one row, which keeps an
//! hour at some sixty rows.

#![expect(
    clippy::disallowed_methods,
    reason = "background work: it counts once a second, and pauses before it tries again"
)]

use std::{sync::Arc, time::Duration};

use clicktrail_catalog::{self as catalog, Catalog, HotPartial};
use clicktrail_log::{
    archive::Archive,
    causes::causes,
    frame, invariant,
    log::{Log, Logged, ReadLimit},
    position::Seq,
    time::{Clock, Hour},
};
use clicktrail_projections::{counters, session};
use clicktrail_replay::Error;
use clicktrail_verdicts::reader::VerdictReader;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use place::Place;
use together::Together;

mod ahead;
mod place;
mod together;

/// How often live counts are stored.
pub const TICK: Duration = Duration::from_secs(1);
/// No further frame is read in a tick once so many payload bytes are in hand: bounds memory when counting catches up.
const TICK_BYTES_MAX: usize = 16 << 20;
const _: () = assert!(TICK_BYTES_MAX >= frame::PAYLOAD_BYTES_MAX, "a tick has room for any frame");
/// Rows of a tick, if it has more than one frame. Each may be a row of counts, of a kilobyte at most: so a payload can
/// hold them.
const TICK_ROWS_MAX: usize = 1 << 17;
const _: () = assert!(TICK_ROWS_MAX >= frame::ROWS_MAX, "a tick has room for any frame");
/// After so many ticks, as many partials of one hour are merged into one.
const MERGE_AFTER: usize = 60;
const _: () = assert!(MERGE_AFTER > 1, "merging makes fewer rows");
/// Pause after a failure.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Counts frames as they are logged.
#[derive(Debug)]
pub struct Projector {
    log: Arc<dyn Log>,
    archive: Archive,
    catalog: Arc<dyn Catalog>,
    limits: session::Limits,
    /// The verdict log, if there is a judge.
    verdicts: Option<VerdictReader>,
    /// What time it is, if frames from the future are to open no hour.
    clock: Option<Arc<dyn Clock>>,
    /// `None` at the start, and once it does not hold any more: then it is found again from the catalog.
    place: Option<Place>,
    /// Whether there was more than a tick may hold: then the next one does not wait.
    is_behind: bool,
    /// Ticks since the last merge.
    ticks: usize,
}

impl Projector {
    /// A projector of one log that nobody judges: every click counts as billable.
    pub fn new(log: Arc<dyn Log>, archive: Archive, catalog: Arc<dyn Catalog>, limits: session::Limits) -> Self {
        let (verdicts, clock, place) = (None, None, None);
        Self { log, archive, catalog, limits, verdicts, clock, place, is_behind: false, ticks: 0 }
    }

    /// The same that knows the present.
    #[must_use]
    pub fn at_present(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The same behind a judge: what it has passed is counted, with its verdicts, and nothing else.
    #[must_use]
    pub fn behind_judge(mut self, verdicts: VerdictReader) -> Self {
        self.verdicts = Some(verdicts);
        self
    }

    /// Counts until `shutdown`, then once more what is logged by then.
    pub async fn run(mut self, shutdown: CancellationToken) {
        loop {
            let stopping = shutdown.is_cancelled();
            match self.tick(if stopping { Duration::ZERO } else { TICK }).await {
                Ok(0) if stopping => return,
                Ok(_) => {}
                Err(cause) => {
                    if cause.is_transient() {
                        warn!(cause = %causes(&cause), "counting is tried again");
                    } else {
                        error!(cause = %causes(&cause), "live counting stands still; a person must act");
                    }
                    if stopping {
                        return;
                    }
                    let _ = tokio::time::timeout(RETRY_PAUSE, shutdown.cancelled()).await;
                }
            }
        }
    }

    /// Counts the frames that come within `wait`, or as many as a tick may hold; how many frames.
    ///
    /// # Errors
    /// See [`Error`]: the same call may be made again. What passes by itself leaves the place as it is, and only what
    /// failed is done again; after anything else the place is found again.
    pub async fn tick(&mut self, wait: Duration) -> Result<usize, Error> {
        let ticked = self.try_tick(wait).await;
        if let Err(cause) = &ticked {
            // Somebody else counted, an hour was sealed or the catalog was rebuilt: again it would be refused again.
            let is_over = !cause.is_transient() || matches!(cause, Error::Catalog(catalog::Error::Conflict(_)));
            self.place = self.place.take().filter(|_| !is_over).map(Place::in_doubt);
        }
        ticked
    }

    async fn try_tick(&mut self, wait: Duration) -> Result<usize, Error> {
        if let Some(place) = &mut self.place
            && !place.holds(&self.log).await?
        {
            self.place = None;
        }
        let place = match &mut self.place {
            Some(place) => place,
            None => self.place.insert(
                Place::find(&self.log, &self.archive, &self.catalog, self.verdicts.is_some(), self.clock.as_ref())
                    .await?,
            ),
        };
        place.reach(&self.log).await?;
        if let Some(frames) = place.store().await? {
            // What was left by a tick that failed.
            return Ok(frames);
        }
        let frames = self.gather(wait).await?;
        let place = self.place.as_mut().expect("it was just there");
        if let Some(clock) = &self.clock {
            place.reader.look_at(clock.now());
        }
        let Some(hour) = frames.first().map(|first| place.reader.hour_of(first)) else {
            // After a rebuild there may be frames to count again, also if no new ones come.
            if !place.is_present().await? {
                self.place = None;
            }
            return Ok(0);
        };
        let of_hour = frames.iter().take_while(|frame| place.reader.hour_of(frame) == hour).count();
        let count = at_once(&frames[..of_hour]);
        self.is_behind |= count < of_hour;
        // Until their counts are in hand, an error leaves no place: the reader is past frames that are not counted.
        let mut place = self.place.take().expect("it was just there");
        place.count(&frames[..count], hour).await?;
        self.place.insert(place).store().await?;
        self.merge_sometimes(hour).await?;
        Ok(count)
    }

    /// The frames to count next, as far as they come within `wait`. Behind a judge: those that it has passed, once its
    /// verdicts about them are in hand.
    async fn gather(&mut self, wait: Duration) -> Result<Vec<Logged>, Error> {
        let place = self.place.as_mut().expect("counting stands somewhere");
        let mut next = place.reader.next();
        let Some(verdicts) = &self.verdicts else { return self.gather_logged(next, wait).await };
        if !std::mem::take(&mut self.is_behind) {
            tokio::time::sleep(wait).await;
        }
        let judged = self.catalog.judged().await?;
        place.ahead.read_through(verdicts, judged.verdicts_through).await?;
        let in_hand = place.ahead.cover(verdicts, place.reader.epoch(), next).await?;
        let is_known = in_hand.is_none_or(|in_hand| in_hand >= next);
        invariant!(I7, is_known, "frame {next} is to be counted, and verdicts are in hand up to {in_hand:?}");
        let through = in_hand.map_or(judged.clicks_through, |in_hand| in_hand.min(judged.clicks_through));
        self.is_behind |= through < judged.clicks_through;
        let (mut frames, mut bytes): (Vec<Logged>, _) = (Vec::new(), 0);
        while next <= through {
            if bytes >= TICK_BYTES_MAX {
                self.is_behind = true;
                break;
            }
            let more = self.log.read(next, ReadLimit::waiting(Duration::ZERO)).await?;
            let Some(last) = more.last() else { break };
            next = last.seq.next();
            bytes += more.iter().map(|frame| frame.frame.payload.len()).sum::<usize>();
            frames.extend(more.into_iter().filter(|frame| frame.seq <= through));
        }
        let through = frames.last().map_or(Seq::ZERO, |last| last.seq);
        let is_judged = through <= judged.clicks_through && place.ahead.knows(judged.verdicts_through);
        invariant!(I7, is_judged, "frames up to {through} are counted, judging stands at {judged:?}");
        Ok(frames)
    }

    /// Frames from `from` on that arrive within `wait`.
    async fn gather_logged(&self, from: Seq, wait: Duration) -> Result<Vec<Logged>, Error> {
        let deadline = tokio::time::Instant::now() + wait;
        let mut frames: Vec<Logged> = Vec::new();
        let mut bytes = 0;
        loop {
            let next = frames.last().map_or(from, |frame| frame.seq.next());
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            let more = self.log.read(next, ReadLimit::waiting(left)).await?;
            bytes += more.iter().map(|frame| frame.frame.payload.len()).sum::<usize>();
            let done = more.is_empty() || bytes >= TICK_BYTES_MAX || left.is_zero();
            frames.extend(more);
            if done {
                return Ok(frames);
            }
        }
    }

    /// Merges the newest partials of an hour once there were enough ticks.
    async fn merge_sometimes(&mut self, hour: Hour) -> Result<(), Error> {
        self.ticks += 1;
        if self.ticks < MERGE_AFTER {
            return Ok(());
        }
        self.merge(hour).await?;
        self.ticks = 0;
        Ok(())
    }

    async fn merge(&self, hour: Hour) -> Result<(), Error> {
        // Begun here: of partials that a rebuild replaced nothing is merged.
        let catalog = self.catalog.begin().await?;
        // The newest rows are the small ones. Those before are merged already, and stay.
        let ranges = catalog.partial_ranges(hour).await?;
        let recent = &ranges[ranges.len().saturating_sub(MERGE_AFTER)..];
        let mut together = Together::default();
        for (first, _) in recent {
            let Some(partial) = catalog.partials(hour, *first, 1).await?.pop() else { return Ok(()) };
            // After an upgrade these stay as they are: merged, nobody could tell any more that they lack columns.
            if counters::hot::is_of_earlier_version(&partial.payload)? {
                return Ok(());
            }
            let rows = counters::hot::decode(&partial.payload)?;
            if let Err(rows) = together.take(&partial, rows) {
                self.make_one(catalog.as_ref(), std::mem::take(&mut together)).await?;
                // One that is large alone is the first of the next few.
                let _ = together.take(&partial, rows);
            }
        }
        self.make_one(catalog.as_ref(), together).await
    }

    /// Makes one partial of a few.
    async fn make_one(&self, catalog: &dyn Catalog, together: Together) -> Result<(), Error> {
        let Some((range, rows, count)) = together.several() else { return Ok(()) };
        let payload = counters::hot::encode(&counters::merge(rows, self.limits).await?)?;
        let merged = HotPartial { payload, ..range };
        match catalog.merge_partials(&merged, count).await {
            // After a conflict there is nothing to merge: the hour was sealed, or another projector merged.
            Ok(()) | Err(catalog::Error::Conflict(_)) => Ok(()),
            Err(cause) => Err(cause.into()),
        }
    }
}

/// How many of these frames, of which there is at least one, a tick takes: as many as have rows that fit a payload.
fn at_once(frames: &[Logged]) -> usize {
    let mut rows = 0_usize;
    let fit = frames.iter().take_while(|frame| {
        rows = rows.saturating_add(usize::try_from(frame.frame.header.rows).unwrap_or(usize::MAX));
        rows <= TICK_ROWS_MAX
    });
    fit.count().max(1)
}

#[cfg(test)]
mod tests;
