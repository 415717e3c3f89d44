//! Appending under an identity that every process shares. Whoever comes second is told so by the log.
//!
//! The state of the writer is in the log itself: the last frame under the identity says which number comes next and
//! which digest the next frame must name. So no file keeps the state, and a process may die at any instant. A frame is
//! appended only directly behind what the process has seen of the log. So of two processes that write at once one is
//! told that the log has moved, however long it was frozen in between; it looks whether the other wrote under its
//! identity, and only then decides again.

use std::{marker::PhantomData, sync::Arc, time::Duration};

use uuid::Uuid;

use crate::{
    archive::{self, Archive, keys::ManifestKey, kind::Kind},
    chain::Chain,
    frame::{self, Digest, Frame, Header},
    invariant,
    log::{self, Condition, Log, ReadLimit},
    position::Seq,
};

/// How often a frame is sent again because others append at the same time, under identities of their own.
const ATTEMPTS: usize = 64;

/// Why frames were not appended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log did not take them. After an unknown outcome it may have: read it before you try again.
    #[error("use the log")]
    Log(#[from] log::Error),
    /// The archive could not tell where the writer stands.
    #[error("use the archive")]
    Archive(#[from] archive::Error),
    /// Another process appended under the same identity: read the log, and decide again.
    #[error("another process appended meanwhile")]
    Moved,
}

impl Error {
    /// Whether deciding and appending again may succeed without anybody's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Moved => true,
            Self::Log(error) => error.is_transient(),
            Self::Archive(error) => error.is_transient(),
        }
    }
}

/// Appends to the log of `K` under one identity.
#[derive(Debug)]
pub struct SharedWriter<K: Kind> {
    log: Arc<dyn Log>,
    archive: Archive,
    id: Uuid,
    /// What was seen of the log; `None` at the start. After an error it is read on from there.
    seen: Option<Seen>,
    /// Whether the end of what was seen is where the writer stands: not at the start, nor after an error.
    is_located: bool,
    kind: PhantomData<K>,
}

/// A log up to one of its frames.
#[derive(Debug)]
struct Seen {
    /// The writers' chains.
    chain: Chain,
    /// The last frame: nobody wrote under the identity up to it but as the chain knows.
    end: Seq,
    /// Its digest; `None` if that frame is sealed and was not read.
    last: Option<Digest>,
}

impl Seen {
    fn take(&mut self, seq: Seq, header: &Header) {
        self.chain.admit(header);
        (self.end, self.last) = (seq, Some(header.digest()));
    }
}

impl<K: Kind> SharedWriter<K> {
    /// A writer to `log`, the stream of `K`, under the identity `id`.
    pub fn new(log: Arc<dyn Log>, archive: Archive, id: Uuid) -> Self {
        Self { log, archive, id, seen: None, is_located: false, kind: PhantomData }
    }

    /// Finds where the writer stands, and returns the last frame that it has seen. What it appends next stands behind
    /// that frame, with nothing of its identity in between; otherwise it is told [`Error::Moved`].
    ///
    /// # Errors
    /// As log and archive report.
    pub async fn locate(&mut self) -> Result<Seq, Error> {
        if !self.is_located {
            self.find().await?;
            self.is_located = true;
        }
        Ok(self.seen().end)
    }

    fn seen(&mut self) -> &mut Seen {
        self.seen.as_mut().expect("it was just found")
    }

    /// Appends the frames that `make` makes, in their order, and returns their sequences once all are durable.
    ///
    /// # Errors
    /// See [`Error`], or that of `make`. Some of the frames may have been appended.
    pub async fn append<E: From<Error>>(
        &mut self,
        make: impl FnOnce(&mut frame::Writer) -> Result<Vec<Frame>, E> + Send,
    ) -> Result<Vec<Seq>, E> {
        self.locate().await?;
        let id = self.id;
        let mut appended = Vec::new();
        for frame in make(&mut self.seen().chain.writer(id))? {
            // Until the outcome is known.
            self.is_located = false;
            let seq = self.append_behind(&frame).await?;
            let seen = self.seen();
            invariant!(I1, seq > seen.end, "frame {seq} was appended behind frame {}", seen.end);
            seen.take(seq, &frame.header);
            self.is_located = true;
            appended.push(seq);
        }
        Ok(appended)
    }

    /// Appends a frame behind what was seen, or behind what others appended since, if none of it is of this identity.
    async fn append_behind(&mut self, frame: &Frame) -> Result<Seq, Error> {
        for _ in 0..ATTEMPTS {
            let end = self.seen().end;
            match self.log.append_if(frame, Condition::Behind(end)).await {
                Ok(appended) if appended.duplicate => return Err(Error::Moved),
                Ok(appended) => return Ok(appended.seq),
                Err(log::Error::Moved(_)) => self.pass_others().await?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Moved)
    }

    /// Moves to the end of the log as it is now, if nobody wrote under this identity since.
    async fn pass_others(&mut self) -> Result<(), Error> {
        loop {
            let from = self.seen().end.next();
            let frames = match self.log.read(from, ReadLimit::waiting(Duration::ZERO)).await {
                // What was appended meanwhile is sealed and trimmed already.
                Err(log::Error::Trimmed { .. }) => return Err(Error::Moved),
                frames => frames?,
            };
            if frames.is_empty() {
                return Ok(());
            }
            if frames.iter().any(|logged| logged.frame.header.writer == self.id) {
                return Err(Error::Moved);
            }
            let seen = self.seen();
            frames.iter().for_each(|logged| seen.take(logged.seq, &logged.frame.header));
        }
    }

    /// Finds where the writer stands: from what was seen before, or from the last sealed hour, and the frames since.
    async fn find(&mut self) -> Result<(), Error> {
        if !self.goes_on().await? {
            self.seen = Some(self.sealed().await?);
        }
        loop {
            let from = self.seen().end.next();
            let frames = self.log.read(from, ReadLimit::waiting(Duration::ZERO)).await?;
            if frames.is_empty() {
                return Ok(());
            }
            let seen = self.seen();
            frames.iter().for_each(|logged| seen.take(logged.seq, &logged.frame.header));
        }
    }

    /// Whether the log still holds the last frame that was seen: it was not trimmed, and the log is no other.
    async fn goes_on(&self) -> Result<bool, Error> {
        let Some(Seen { end, last: Some(last), .. }) = &self.seen else { return Ok(false) };
        Ok(log::digest_of(self.log.as_ref(), *end).await? == Some(*last))
    }

    /// Behind the last sealed hour; at the beginning of the log if there is none.
    async fn sealed(&self) -> Result<Seen, Error> {
        let Some(hour) = self.archive.sealed_hours(K::STREAM).await?.pop() else {
            return Ok(Seen { chain: Chain::default(), end: Seq::ZERO, last: None });
        };
        let key = ManifestKey { stream: K::STREAM, hour }.path().to_string();
        let manifest = self.archive.manifest::<K>(hour).await?;
        let manifest = manifest.ok_or_else(|| archive::Error::Missing(key.clone()))?;
        let damaged = || archive::Error::Damaged { key, reason: "a writer's digest is not one".into() };
        Ok(Seen { chain: manifest.chain_after().ok_or_else(damaged)?, end: manifest.last_seq(), last: None })
    }
}
