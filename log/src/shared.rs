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
    frame::{self, Frame},
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
    /// `None` until it was found in the log, and after every error.
    place: Option<Place>,
    kind: PhantomData<K>,
}

/// Where a writer stands.
#[derive(Debug)]
struct Place {
    writer: frame::Writer,
    /// The last frame of the log that was seen: nobody wrote under the identity up to it but as `writer` knows.
    end: Seq,
}

impl<K: Kind> SharedWriter<K> {
    /// A writer to `log`, the stream of `K`, under the identity `id`.
    pub fn new(log: Arc<dyn Log>, archive: Archive, id: Uuid) -> Self {
        Self { log, archive, id, place: None, kind: PhantomData }
    }

    /// Finds where the writer stands, and returns the last frame that it has seen. What it appends next stands behind
    /// that frame, with nothing of its identity in between; otherwise it is told [`Error::Moved`].
    ///
    /// # Errors
    /// As log and archive report.
    pub async fn locate(&mut self) -> Result<Seq, Error> {
        let place = match self.place.take() {
            Some(place) => place,
            None => self.find().await?,
        };
        Ok(self.place.insert(place).end)
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
        let mut place = self.place.take().expect("it was just found");
        let mut appended = Vec::new();
        for frame in make(&mut place.writer)? {
            let seq = self.append_behind(&frame, place.end).await?;
            invariant!(I1, seq > place.end, "frame {seq} was appended behind frame {}", place.end);
            place.end = seq;
            appended.push(seq);
        }
        self.place = Some(place);
        Ok(appended)
    }

    /// Appends a frame behind `end`, or behind what others appended since, if none of it is of this identity.
    async fn append_behind(&self, frame: &Frame, mut end: Seq) -> Result<Seq, Error> {
        for _ in 0..ATTEMPTS {
            match self.log.append_if(frame, Condition::Behind(end)).await {
                Ok(appended) if appended.duplicate => return Err(Error::Moved),
                Ok(appended) => return Ok(appended.seq),
                Err(log::Error::Moved(_)) => end = self.pass_others(end).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Moved)
    }

    /// The end of the log as it is now, if nobody wrote under this identity behind `end`.
    async fn pass_others(&self, mut end: Seq) -> Result<Seq, Error> {
        loop {
            let frames = match self.log.read(end.next(), ReadLimit::waiting(Duration::ZERO)).await {
                // What was appended meanwhile is sealed and trimmed already.
                Err(log::Error::Trimmed { .. }) => return Err(Error::Moved),
                frames => frames?,
            };
            let Some(last) = frames.last() else { return Ok(end) };
            if frames.iter().any(|logged| logged.frame.header.writer == self.id) {
                return Err(Error::Moved);
            }
            end = last.seq;
        }
    }

    /// Finds where the writer stands: from the last sealed hour and the frames since.
    async fn find(&self) -> Result<Place, Error> {
        let (mut next, mut chain) = (Seq::FIRST, Chain::default());
        if let Some(hour) = self.archive.sealed_hours(K::STREAM).await?.pop() {
            let key = ManifestKey { stream: K::STREAM, hour }.path().to_string();
            let manifest = self.archive.manifest::<K>(hour).await?;
            let manifest = manifest.ok_or_else(|| archive::Error::Missing(key.clone()))?;
            let damaged = || archive::Error::Damaged { key, reason: "a writer's digest is not one".into() };
            (next, chain) = (manifest.last_seq().next(), manifest.chain_after().ok_or_else(damaged)?);
        }
        loop {
            let frames = self.log.read(next, ReadLimit::waiting(Duration::ZERO)).await?;
            let Some(last) = frames.last() else {
                return Ok(Place { writer: chain.writer(self.id), end: next.previous() });
            };
            next = last.seq.next();
            for logged in &frames {
                chain.admit(&logged.frame.header);
            }
        }
    }
}
