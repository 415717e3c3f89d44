//! The frames that were decoded last, for all readers of one process: what one of them fetched, inflated and decoded,
//! the others are given as it is.
//!
//! A role reads the log through a [`RecentLog`] and decodes with [`Logged::decode`]. Each stands where it stands: none
//! waits for another, and whoever asks for a frame that is not held reads and decodes it by itself.
//!
//! - Held is only what was decoded without an error: a damaged frame is read and refused anew by every reader.
//! - Rows are given for a frame only if header and payload are the very ones that they were decoded from.
//! - Before a held frame is given, the log is asked for its range: what it trimmed is [`Trimmed`](Error::Trimmed), and
//!   a log that is away, lost frames or is in another epoch says so as ever.
//! - What the log has no more leaves memory too: with the trim, or with the next look at the log if another process
//!   trims. It may be about somebody who was erased.
//! - It is bounded by bytes. The lowest frames leave first, so a reader that is far behind, whose frames nobody else
//!   needs, drags out nothing that others do need.

use std::sync::Arc;

use async_trait::async_trait;

pub use self::held::{BYTES_MAX, Recent};
use crate::{
    frame::Frame,
    invariant,
    log::{Appended, Condition, Durability, Error, Info, Log, Logged, ReadLimit},
    position::{Epoch, Seq},
    time::Timestamp,
};

pub(crate) mod held;

/// A log whose decoded frames are shared by its readers. Appending, trimming and waiting at the tail are the log's own.
#[derive(Debug)]
pub struct RecentLog {
    log: Arc<dyn Log>,
    recent: Arc<Recent>,
}

impl RecentLog {
    /// `log`, of which `recent` holds frames. Several handles of one log may share it.
    pub fn new(log: Arc<dyn Log>, recent: Arc<Recent>) -> Self {
        Self { log, recent }
    }

    /// What is held from `from` on, as far as the log still has it; nothing if the log has to be read.
    async fn read_held(&self, from: Seq, limit: ReadLimit) -> Result<Vec<Logged>, Error> {
        let info = self.info().await?;
        if from < info.first && from <= info.last {
            return Err(Error::Trimmed { from, first: info.first });
        }
        let run = self.recent.run(from..=info.last, limit.frames, limit.bytes);
        let run: Vec<Logged> = run
            .into_iter()
            .map(|(seq, logged_at, frame)| Logged::new(seq, logged_at, frame).held_in(&self.recent))
            .collect();
        let is_whole = run.iter().zip(from.get()..).all(|(logged, number)| logged.seq.get() == number);
        invariant!(I1, is_whole, "held frames from {from} are not contiguous");
        Ok(run)
    }
}

#[async_trait]
impl Log for RecentLog {
    async fn append(&self, frame: &Frame) -> Result<Appended, Error> {
        self.log.append(frame).await
    }

    async fn append_if(&self, frame: &Frame, condition: Condition) -> Result<Appended, Error> {
        self.log.append_if(frame, condition).await
    }

    async fn read(&self, from: Seq, limit: ReadLimit) -> Result<Vec<Logged>, Error> {
        let next_held = self.recent.next_held(from);
        if next_held == Some(from) {
            let run = self.read_held(from, limit).await?;
            if !run.is_empty() {
                return Ok(run);
            }
        }
        // No further than to what is held.
        let before =
            next_held.filter(|held| *held > from).and_then(|held| usize::try_from(held.get() - from.get()).ok());
        let limit = ReadLimit { frames: before.map_or(limit.frames, |before| limit.frames.min(before)), ..limit };
        let frames = self.log.read(from, limit).await?;
        Ok(frames.into_iter().map(|logged| logged.held_in(&self.recent)).collect())
    }

    async fn info(&self) -> Result<Info, Error> {
        let info = self.log.info().await?;
        self.recent.forget_before(info.first);
        Ok(info)
    }

    async fn trim(&self, first_kept: Seq) -> Result<(), Error> {
        self.log.trim(first_kept).await?;
        self.recent.forget_before(first_kept);
        Ok(())
    }

    async fn scrub(&self) -> Result<(), Error> {
        self.log.scrub().await
    }

    async fn durability(&self) -> Result<Durability, Error> {
        self.log.durability().await
    }

    async fn begin_epoch(&self, epoch: Epoch, first: Seq) -> Result<(), Error> {
        self.recent.forget();
        self.log.begin_epoch(epoch, first).await
    }

    async fn now(&self) -> Result<Option<Timestamp>, Error> {
        self.log.now().await
    }
}

#[cfg(test)]
mod tests;
