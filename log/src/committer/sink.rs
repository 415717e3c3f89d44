//! Where the committer puts frames.

use std::sync::Arc;

use crate::{
    frame::Frame,
    log,
    position::{Epoch, Seq},
};

/// Where a frame went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// Into the log, at this sequence.
    Logged(Seq),
    /// Onto the fsynced local spool. It will reach the log; its position is not known yet.
    Spooled,
}

/// Where the committer puts frames: the log itself, or the log behind a spool.
#[async_trait::async_trait]
pub trait Sink: Send + Sync + std::fmt::Debug {
    /// Stores one frame durably. The contract is that of [`log::Log::append`].
    async fn store(&self, frame: &Frame) -> Result<Stored, log::Error>;

    /// The epoch of the log behind it.
    fn epoch(&self) -> Epoch;
}

/// A log without a spool.
#[derive(Debug, Clone)]
pub struct Direct {
    log: Arc<dyn log::Log>,
    epoch: Epoch,
}

impl Direct {
    /// Asks the log for its epoch, once.
    ///
    /// # Errors
    /// As [`log::Log::info`].
    pub async fn new(log: Arc<dyn log::Log>) -> Result<Self, log::Error> {
        let epoch = log.info().await?.epoch;
        Ok(Self { log, epoch })
    }
}

#[async_trait::async_trait]
impl Sink for Direct {
    async fn store(&self, frame: &Frame) -> Result<Stored, log::Error> {
        self.log.append(frame).await.map(|appended| Stored::Logged(appended.seq))
    }

    fn epoch(&self) -> Epoch {
        self.epoch
    }
}
