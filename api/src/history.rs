//! History into the embedded log: logged time follows event time, and hours are judged and sealed as they pass.
//!
//! The same batches under the same identity make the same frames, so doing it again appends nothing, and going on
//! after a crash continues where it stopped.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use arrow::array::RecordBatch;
use clicktrail_log::{
    archive::seal,
    frame::Writer,
    time::{Hour, ManualClock, Timestamp},
};
use clicktrail_projections::session;
use clicktrail_replay::{
    catalog::Outcome,
    judging::Judging,
    live::Projector,
    sealing::{self, Archiver},
};
use clicktrail_verdicts::ruleset::Ruleset;
use uuid::Uuid;

use crate::instance::Instance;

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

/// Writes events in event-time order.
#[derive(Debug)]
pub struct History {
    instance: Instance,
    clock: Arc<ManualClock>,
    /// The machine's time: an hour that is not over is not sealed.
    present: Timestamp,
    writer: Writer,
    judging: Judging,
    projector: Projector,
    archiver: Archiver,
    open: Option<Hour>,
    written: Written,
}

impl History {
    /// A writer of history under `identity`. `instance` must have been opened with `clock`, and be embedded.
    ///
    /// # Errors
    /// If the log is not embedded: a broker gives frames its own time.
    pub fn new(
        instance: Instance,
        rules: Arc<Ruleset>,
        clock: Arc<ManualClock>,
        present: Timestamp,
        identity: Uuid,
    ) -> anyhow::Result<Self> {
        if !instance.is_embedded() {
            bail!("history needs the embedded log: a broker logs events under its own time");
        }
        let limits = session::Limits::default();
        let (judging, projector, archiver) =
            (instance.judging(rules), instance.projector(limits), instance.archiver(limits));
        let writer = Writer::new(identity, 1);
        Ok(Self {
            instance,
            clock,
            present,
            writer,
            judging,
            projector,
            archiver,
            open: None,
            written: Written::default(),
        })
    }

    /// Appends one batch whose times lie in one hour, not before the batch appended last.
    ///
    /// # Errors
    /// If the hour is sealed already and the batch is new; otherwise as log, archive and catalog report.
    pub async fn append(&mut self, events: &RecordBatch, first: Timestamp, last: Timestamp) -> anyhow::Result<()> {
        let hour = first.hour();
        if self.open.is_some_and(|open| hour > open) {
            self.seal_until(hour).await?;
        }
        self.open = Some(hour);
        self.clock.set(last);
        let frame = self.writer.seal(events, (first, last)).context("make a frame")?;
        let sealed = self.instance.catalog.last_hour().await?;
        if let Some(sealed) = sealed.filter(|sealed| sealed.hour >= hour) {
            // New events may not go under a sealed hour; what the log holds already is a repeat.
            if !self.is_logged(&frame).await? {
                bail!(
                    "the log is sealed up to {}, and these events are of {hour}: history goes into an empty log, or after what is sealed",
                    sealed.hour
                );
            }
        }
        let appended = self.instance.clicks.append(&frame).await?;
        let rows = events.num_rows() as u64;
        match appended.duplicate {
            true => self.written.duplicates += rows,
            false => self.written.logged += rows,
        }
        Ok(())
    }

    /// Asks without appending: the frames of one writer are logged in order, so any later one proves the earlier.
    async fn is_logged(&self, frame: &clicktrail_log::frame::Frame) -> anyhow::Result<bool> {
        let header = &frame.header;
        let last = self.instance.catalog.last_hour().await?.map(|last| last.hour);
        let sealer = seal::Sealer::new(Arc::clone(&self.instance.clicks), self.instance.archive.clone());
        let cursor = sealer.resume(last).await?;
        Ok(cursor.chain().last_of(header.writer).is_some_and(|known| (header.writer_epoch, header.number) <= known))
    }

    /// Judges and counts what is logged.
    async fn count(&mut self) -> anyhow::Result<()> {
        while self.judging.tick(Duration::ZERO).await? {}
        while self.projector.tick(Duration::ZERO).await? > 0 {}
        Ok(())
    }

    /// Judges and counts what is logged, then seals every hour before `hour`.
    async fn seal_until(&mut self, hour: Hour) -> anyhow::Result<()> {
        let grace = i64::try_from(seal::GRACE.as_micros()).expect("a few seconds");
        let now = hour.start().plus_micros(grace);
        if now > self.present {
            return Ok(());
        }
        self.count().await?;
        while let Some(sealed) = self.archiver.seal_next(now).await? {
            sealing::report(&sealed);
            self.written.hours_sealed += 1;
            self.written.hours_equal += u64::from(sealed.reconciliation.outcome == Outcome::Equal);
        }
        while self.archiver.seal_next_verdicts(now).await? {}
        Ok(())
    }

    /// Seals the last hour too, if it is over by the machine's clock.
    ///
    /// # Errors
    /// As [`History::append`].
    pub async fn finish(mut self) -> anyhow::Result<Written> {
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
