//! Writes history into the embedded log: logged time follows event time, and hours are judged and sealed as they pass.
//!
//! The same batches under the same identity make the same frames. So a second run appends nothing, and a run after a
//! crash goes on where the first one stopped.
//!
//! Logged time never runs back. A backfill that [follows](Backfill::following) the log puts events that are older than
//! the log's end behind it: they keep their event time, and belong to the hour that is open there.

use std::{sync::Arc, time::Duration};

use arrow::array::RecordBatch;
use clicktrail_catalog::{self as catalog, Catalog, Outcome};
use clicktrail_log::{
    archive::{Archive, seal},
    frame::{self, Frame, Writer},
    invariant,
    log::{self, Condition, Log, ReadLimit},
    time::{Hour, ManualClock, Timestamp},
};
use uuid::Uuid;

use crate::{
    counting::Projector,
    judging::Judging,
    sealing::{self, Archiver},
};

/// Why past events were not written. What was written before stays, and the same call goes on behind it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A new batch is of an hour that is sealed already.
    #[error(
        "the log is sealed up to {sealed}, and these events are of {hour}: imported events must be newer than the last \
         sealed hour, unless the log is empty"
    )]
    Sealed {
        /// The last sealed hour.
        sealed: Hour,
        /// The hour of the batch.
        hour: Hour,
    },
    /// The batch is no frame.
    #[error("make a frame")]
    Frame(#[from] frame::Error),
    /// The log refused.
    #[error("append to the log")]
    Log(#[from] log::Error),
    /// The archive could not be read.
    #[error("read what is sealed")]
    Seal(#[from] seal::Error),
    /// The catalog refused.
    #[error("use the catalog")]
    Catalog(#[from] catalog::Error),
    /// Judging, counting or sealing failed.
    #[error(transparent)]
    Role(#[from] clicktrail_replay::Error),
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Events that are new in the log.
    pub logged: u64,
    /// Events that the log held already.
    pub duplicates: u64,
    /// Hours sealed.
    pub hours_sealed: u64,
    /// Of these, hours whose segment equals what was counted live.
    pub hours_equal: u64,
}

/// What history is written into, and the roles that it drives.
#[derive(Debug)]
pub struct Parts {
    /// The click log: embedded, and opened with the clock that the writer sets.
    pub clicks: Arc<dyn Log>,
    /// The archive.
    pub archive: Archive,
    /// The catalog.
    pub catalog: Arc<dyn Catalog>,
    /// Judges what is logged.
    pub judging: Judging,
    /// Counts what is judged.
    pub projector: Projector,
    /// Seals hours as they pass.
    pub archiver: Archiver,
}

/// Writes events in event-time order.
#[derive(Debug)]
pub struct Backfill {
    parts: Parts,
    clock: Arc<ManualClock>,
    /// The machine's time. An hour that is not over by it is not sealed.
    present: Timestamp,
    writer: Writer,
    /// The hour of the frame logged last, unless it is sealed.
    open: Option<Hour>,
    /// Events are logged no earlier than this; `None`: older ones are refused.
    floor: Option<Timestamp>,
    written: Written,
}

impl Backfill {
    /// A writer of history under `identity`.
    pub fn new(parts: Parts, clock: Arc<ManualClock>, present: Timestamp, identity: Uuid) -> Self {
        let writer = Writer::new(identity, 1);
        Self { parts, clock, present, writer, open: None, floor: None, written: Written::default() }
    }

    /// The same behind whatever the log holds: it goes on with the frames of its identity where `writer` stands, and
    /// events older than the log's end are logged at its end.
    ///
    /// # Errors
    /// As log and catalog report.
    pub async fn following(mut self, writer: Writer) -> Result<Self, Error> {
        invariant!(I1, self.written == Written::default(), "a backfill that has begun does not change its writer");
        self.writer = writer;
        let sealed = self.parts.catalog.last_hour().await?.map(|sealed| sealed.hour);
        let info = self.parts.clicks.info().await?;
        let mut floor = sealed.map_or(Timestamp::from_micros(0), |sealed| sealed.next().start());
        if info.first <= info.last {
            let limit = ReadLimit { frames: 1, bytes: 1, wait: Duration::ZERO };
            let last = self.parts.clicks.read(info.last, limit).await?.pop();
            let logged = last.map_or(floor, |last| last.logged_at);
            // The judge's and the archiver's clock stands where it stood after that frame.
            self.clock.set(logged);
            floor = floor.max(logged);
            self.open = Some(logged.hour()).filter(|hour| sealed.is_none_or(|sealed| sealed < *hour));
        }
        self.floor = Some(floor);
        Ok(self)
    }

    /// Appends one batch whose times lie in one hour, not before the batch appended last.
    ///
    /// # Errors
    /// If the hour is sealed already and the batch is new; otherwise as log, archive and catalog report.
    pub async fn append(&mut self, events: &RecordBatch, first: Timestamp, last: Timestamp) -> Result<(), Error> {
        let logged = self.floor.map_or(last, |floor| floor.max(last));
        let hour = logged.hour();
        let in_order = first <= last && first.hour() == last.hour() && self.open.is_none_or(|open| open <= hour);
        invariant!(I4, in_order, "a batch of {first} to {last} comes after one of {:?}", self.open);
        if self.open.is_some_and(|open| hour > open) {
            self.seal_until(hour).await?;
        }
        self.open = Some(hour);
        self.clock.set(logged);
        let frame = self.writer.seal(events, (first, last))?;
        let sealed = self.parts.catalog.last_hour().await?;
        if let Some(sealed) = sealed.filter(|sealed| sealed.hour >= hour) {
            // What the log holds already is a repeat, whatever is sealed. New events cannot join a sealed hour (I3).
            if !self.is_logged(&frame).await? {
                return Err(Error::Sealed { sealed: sealed.hour, hour });
            }
        }
        let appended = self.parts.clicks.append_if(&frame, Condition::NumberUnused).await?;
        let rows = events.num_rows() as u64;
        match appended.duplicate {
            true => self.written.duplicates += rows,
            false => self.written.logged += rows,
        }
        Ok(())
    }

    /// Whether the log holds a frame, without appending it: the frames of one writer are logged in order, so a later
    /// one proves that the earlier ones are there.
    async fn is_logged(&self, frame: &Frame) -> Result<bool, Error> {
        let header = &frame.header;
        let last = self.parts.catalog.last_hour().await?.map(|last| last.hour);
        let sealer = seal::Sealer::new(Arc::clone(&self.parts.clicks), self.parts.archive.clone());
        let cursor = sealer.resume(last).await?;
        Ok(cursor.chain().last_of(header.writer).is_some_and(|known| (header.writer_epoch, header.number) <= known))
    }

    /// Judges and counts what is logged.
    async fn count(&mut self) -> Result<(), Error> {
        while self.parts.judging.tick(Duration::ZERO).await? {}
        while self.parts.projector.tick(Duration::ZERO).await? > 0 {}
        Ok(())
    }

    /// Judges and counts what is logged, then seals every hour before `hour`.
    async fn seal_until(&mut self, hour: Hour) -> Result<(), Error> {
        let grace = i64::try_from(seal::GRACE.as_micros()).expect("a few seconds");
        let now = hour.start().plus_micros(grace);
        if now > self.present {
            return Ok(());
        }
        self.count().await?;
        while let Some(sealed) = self.parts.archiver.seal_next(now).await? {
            sealing::report(&sealed);
            self.written.hours_sealed += 1;
            self.written.hours_equal += u64::from(sealed.reconciliation.outcome == Outcome::Equal);
        }
        while self.parts.archiver.seal_next_verdicts(now).await? {}
        Ok(())
    }

    /// Seals the last hour too, if it is over by the machine's clock.
    ///
    /// # Errors
    /// As [`Backfill::append`].
    pub async fn finish(mut self) -> Result<Written, Error> {
        if let Some(open) = self.open {
            self.seal_until(open.next()).await?;
        }
        self.count().await?;
        Ok(self.written)
    }

    /// What was written so far.
    pub fn written(&self) -> Written {
        self.written
    }
}
