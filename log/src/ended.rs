//! A log of which nothing is left but its archive: it ends with the last sealed frame, and holds none.

use std::fmt;

use async_trait::async_trait;

use crate::{
    archive::{Archive, Error as ArchiveError, kind::Kind},
    frame::Frame,
    log::{Appended, Durability, Error, Info, Log, Logged, ReadLimit},
    position::{Epoch, Seq},
};

/// Stands where there is no log, for whoever reads what was archived of it. A tail that was never sealed is not known
/// of.
#[derive(Debug)]
pub struct EndedLog {
    epoch: Epoch,
    last: Seq,
}

impl EndedLog {
    /// The log that nothing was ever logged in.
    pub const EMPTY: Self = Self { epoch: Epoch::FIRST, last: Seq::ZERO };

    /// The log that `archive` was sealed from.
    ///
    /// # Errors
    /// As the archive reports.
    pub async fn of<K: Kind>(archive: &Archive) -> Result<Self, ArchiveError> {
        let Some(last) = archive.sealed_hours(K::STREAM).await?.pop() else { return Ok(Self::EMPTY) };
        let manifest = archive.manifest::<K>(last).await?;
        Ok(manifest.map_or(Self::EMPTY, |last| Self { epoch: last.epoch(), last: last.last_seq() }))
    }
}

fn refused<T>(what: &dyn fmt::Display) -> Result<T, Error> {
    Err(Error::Fatal(format!("there is no log here, only what was archived of it: {what}")))
}

#[async_trait]
impl Log for EndedLog {
    async fn append(&self, frame: &Frame) -> Result<Appended, Error> {
        refused(&format_args!("frame {} cannot be appended", frame.header.message_id()))
    }

    async fn read(&self, from: Seq, _limit: ReadLimit) -> Result<Vec<Logged>, Error> {
        match from {
            from if from <= self.last => Err(Error::Trimmed { from, first: self.last.next() }),
            from if from == self.last.next() => Ok(Vec::new()),
            _ => Err(Error::Gap { expected: self.last.next(), found: None, last: self.last }),
        }
    }

    async fn info(&self) -> Result<Info, Error> {
        Ok(Info { epoch: self.epoch, first: self.last.next(), last: self.last, bytes: 0 })
    }

    async fn trim(&self, _first_kept: Seq) -> Result<(), Error> {
        refused(&"nothing can be trimmed")
    }

    async fn durability(&self) -> Result<Durability, Error> {
        Ok(Durability::Weak("there is no log here".to_owned()))
    }
}
