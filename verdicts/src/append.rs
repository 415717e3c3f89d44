//! Appending verdicts under an identity that every process shares: see [`shared`] for what happens to whoever comes
//! second.

use std::sync::Arc;

use clicktrail_log::{
    archive::{self, Archive},
    invariant,
    log::{self, Log},
    position::Seq,
    shared::{self, SharedWriter},
};
use uuid::Uuid;

use crate::{archive::Verdicts, frames, verdict::Verdict};

/// Why verdicts were not appended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log did not take them. After an unknown outcome it may have: read it before you try again.
    #[error("use the verdict log")]
    Log(#[from] log::Error),
    /// The archive could not tell where the writer stands.
    #[error("use the archive")]
    Archive(#[from] archive::Error),
    /// They do not fit a frame.
    #[error("make a frame of verdicts")]
    Frame(#[from] frames::Error),
    /// Another process appended under the same identity: read the log, and decide again.
    #[error("another process appended verdicts meanwhile")]
    Moved,
}

impl Error {
    /// Whether another process used the number first, and nothing was appended.
    pub fn is_overtaken(&self) -> bool {
        matches!(self, Self::Moved)
    }

    /// Whether deciding and appending again may succeed without anybody's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Moved => true,
            Self::Log(error) => error.is_transient(),
            Self::Archive(error) => error.is_transient(),
            Self::Frame(_) => false,
        }
    }
}

impl From<shared::Error> for Error {
    fn from(error: shared::Error) -> Self {
        match error {
            shared::Error::Log(error) => Self::Log(error),
            shared::Error::Archive(error) => Self::Archive(error),
            shared::Error::Moved => Self::Moved,
        }
    }
}

/// Appends to the verdict log under one identity.
#[derive(Debug)]
pub struct Appender(SharedWriter<Verdicts>);

impl Appender {
    /// An appender to `log` under the identity `id`.
    pub fn new(log: Arc<dyn Log>, archive: Archive, id: Uuid) -> Self {
        Self(SharedWriter::new(log, archive, id))
    }

    /// The last frame that the next append has seen: see [`SharedWriter::locate`]. Whoever decides by what the log
    /// holds asks this first, and reads the log then: what another process appends behind it makes the append fail.
    ///
    /// # Errors
    /// As log and archive report.
    pub async fn locate(&mut self) -> Result<Seq, Error> {
        Ok(self.0.locate().await?)
    }

    /// Appends verdicts in their order, and returns the last frame's sequence once all are durable.
    ///
    /// # Errors
    /// See [`Error`]. Some of them may have been appended.
    ///
    /// # Panics
    /// If there are none.
    pub async fn append(&mut self, verdicts: &[Verdict]) -> Result<Seq, Error> {
        assert!(!verdicts.is_empty(), "an append is of something");
        let appended = self.0.append(|writer| Ok::<_, Error>(frames::to_frames(writer, verdicts)?)).await?;
        let last = appended.last().copied();
        invariant!(I1, last.is_some(), "{} verdicts made no frame", verdicts.len());
        Ok(last.expect("the invariant holds"))
    }
}

#[cfg(test)]
mod tests;
