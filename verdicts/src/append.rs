//! Appending verdicts under an identity that every process shares. Whoever comes second is told so by the log.
//!
//! The state of the writer is in the log itself: the last frame under the identity says which number comes next and
//! which digest the next frame must name. So no file keeps the state, and a process may die at any instant. Two
//! processes that write at once use the same number: the log takes one frame, and answers the other with a conflict or
//! with the place of the first.

use std::{sync::Arc, time::Duration};

use clicktrail_log::{
    archive::{self, Archive, keys::ManifestKey},
    chain::Chain,
    frame, invariant,
    log::{self, Log, ReadLimit, Stream},
    position::Seq,
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
    /// Whether another process used the number first, and nothing was appended. An embedded log reports a conflict; a
    /// broker reports a duplicate.
    pub fn is_overtaken(&self) -> bool {
        matches!(self, Self::Moved | Self::Log(log::Error::Conflict(_)))
    }

    /// Whether deciding and appending again may succeed without anybody's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Moved => true,
            Self::Log(error) => self.is_overtaken() || error.is_transient(),
            Self::Archive(error) => error.is_transient(),
            Self::Frame(_) => false,
        }
    }
}

/// Appends to the verdict log under one identity.
#[derive(Debug)]
pub struct Appender {
    log: Arc<dyn Log>,
    archive: Archive,
    id: Uuid,
    /// `None` until it was found in the log, and after every error.
    writer: Option<frame::Writer>,
}

impl Appender {
    /// An appender to `log` under the identity `id`.
    pub fn new(log: Arc<dyn Log>, archive: Archive, id: Uuid) -> Self {
        Self { log, archive, id, writer: None }
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
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => self.find().await?,
        };
        let mut last = Seq::ZERO;
        for frame in frames::to_frames(&mut writer, verdicts)? {
            let appended = self.log.append(&frame).await?;
            if appended.duplicate {
                return Err(Error::Moved);
            }
            invariant!(I1, appended.seq > last, "frame {} was appended behind frame {last}", appended.seq);
            last = appended.seq;
        }
        invariant!(I1, last > Seq::ZERO, "{} verdicts made no frame", verdicts.len());
        self.writer = Some(writer);
        Ok(last)
    }

    /// Finds where the writer stands: from the last sealed hour of verdicts and the frames since.
    async fn find(&self) -> Result<frame::Writer, Error> {
        let (mut next, mut chain) = (Seq::FIRST, Chain::default());
        if let Some(hour) = self.archive.sealed_hours(Stream::Verdicts).await?.pop() {
            let key = ManifestKey { stream: Stream::Verdicts, hour }.path().to_string();
            let manifest = self.archive.manifest::<Verdicts>(hour).await?;
            let manifest = manifest.ok_or_else(|| archive::Error::Missing(key.clone()))?;
            let damaged = || archive::Error::Damaged { key, reason: "a writer's digest is not one".into() };
            (next, chain) = (manifest.last_seq().next(), manifest.chain_after().ok_or_else(damaged)?);
        }
        loop {
            let frames = self.log.read(next, ReadLimit::waiting(Duration::ZERO)).await?;
            let Some(last) = frames.last() else { return Ok(chain.writer(self.id)) };
            next = last.seq.next();
            for logged in &frames {
                chain.admit(&logged.frame.header);
            }
        }
    }
}
