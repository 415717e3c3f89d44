//! Which sealed hours are logged next: of every stream those behind the last that is logged, the earliest first.

use object_store::path::Path;

use super::{error::Error, streams::STREAMS};
use crate::{
    archive::{
        keys::ManifestKey,
        store::{self, Archive},
    },
    frame::Digest,
    invariant,
    log::Stream,
    time::Hour,
};

/// The last hour of each stream that is logged, with its manifest, in the order of [`STREAMS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Logged([Option<(Hour, Digest)>; STREAMS.len()]);

impl Logged {
    fn place(stream: Stream) -> Option<usize> {
        STREAMS.iter().position(|known| *known == stream)
    }

    /// The last hour of a stream that is logged.
    pub(super) fn last(&self, stream: Stream) -> Option<Hour> {
        Self::place(stream).and_then(|place| self.0[place]).map(|(hour, _)| hour)
    }

    /// The manifest of that hour.
    pub(super) fn last_manifest(&self, stream: Stream) -> Option<Digest> {
        Self::place(stream).and_then(|place| self.0[place]).map(|(_, manifest)| manifest)
    }

    /// Whether an hour may be logged behind these: the next of its stream, or the first of one.
    pub(super) fn may_follow(&self, stream: Stream, hour: Hour) -> bool {
        Self::place(stream).is_some_and(|place| self.0[place].is_none_or(|(last, _)| last.next() == hour))
    }

    /// Whether a later hour of a stream, the `place`th of [`STREAMS`], is logged.
    pub(super) fn is_past(&self, place: usize, hour: Hour) -> bool {
        self.0[place].is_some_and(|(last, _)| hour <= last)
    }

    /// Takes an hour in.
    pub(super) fn follow(&mut self, stream: Stream, hour: Hour, manifest: Digest) {
        if let Some(place) = Self::place(stream) {
            self.0[place] = Some((hour, manifest));
        }
    }

    /// Takes an earlier hour in, if nothing is known of its stream: for whoever reads the log from its end.
    pub(super) fn precede(&mut self, stream: Stream, hour: Hour, manifest: Digest) {
        if let Some(place) = Self::place(stream) {
            self.0[place].get_or_insert((hour, manifest));
        }
    }

    /// Whether every stream was met.
    pub(super) fn is_whole(&self) -> bool {
        self.0.iter().all(Option::is_some)
    }
}

/// A sealed hour that is not logged yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) stream: Stream,
    pub(super) hour: Hour,
    /// The digest of its manifest.
    pub(super) manifest: Digest,
    /// That of the hour before it, as it was logged; `None` if it is the first of its stream.
    pub(super) previous: Option<Digest>,
}

/// SHA-256 of a manifest's bytes, as they stand in the store; `None` if the hour is not sealed.
pub(super) async fn manifest_digest(
    archive: &Archive,
    stream: Stream,
    hour: Hour,
) -> Result<Option<Digest>, store::Error> {
    match archive.get(&ManifestKey { stream, hour }.path()).await {
        Ok(bytes) => Ok(Some(Digest::of(&bytes))),
        Err(store::Error::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The first hour of a stream that was ever sealed; `None` if none was.
pub(super) async fn first_sealed(archive: &Archive, stream: Stream) -> Result<Option<Hour>, Error> {
    let prefix: Path = ManifestKey::prefix(stream);
    if !archive.holds_any(&prefix).await? {
        return Ok(None);
    }
    Ok(archive.sealed_hours(stream).await?.into_iter().next())
}

/// The next hour of one stream that is not logged; `None` if there is none.
async fn next_of(archive: &Archive, logged: &Logged, stream: Stream) -> Result<Option<Candidate>, Error> {
    let hour = match logged.last(stream) {
        Some(last) => last.next(),
        None => match first_sealed(archive, stream).await? {
            Some(first) => first,
            None => return Ok(None),
        },
    };
    invariant!(I4, logged.may_follow(stream, hour), "{stream} of {hour} do not follow {:?}", logged.last(stream));
    let manifest = manifest_digest(archive, stream, hour).await?;
    let previous = logged.last_manifest(stream);
    Ok(manifest.map(|manifest| Candidate { stream, hour, manifest, previous }))
}

/// What may be logged next, by stream. A stream is asked once and then after each of its hours that was logged.
#[derive(Debug)]
pub(super) struct Candidates {
    next: [Option<Candidate>; STREAMS.len()],
}

impl Candidates {
    pub(super) async fn find(archive: &Archive, logged: &Logged) -> Result<Self, Error> {
        let mut next = [None; STREAMS.len()];
        for (place, stream) in STREAMS.into_iter().enumerate() {
            next[place] = next_of(archive, logged, stream).await?;
        }
        Ok(Self { next })
    }

    /// The earliest, and of one hour the first stream's.
    pub(super) fn first(&self) -> Option<Candidate> {
        // `min_by_key` gives the first of several.
        self.next.iter().flatten().min_by_key(|candidate| candidate.hour).copied()
    }

    /// Looks at a stream again, of which an hour was logged.
    pub(super) async fn refresh(&mut self, archive: &Archive, logged: &Logged, stream: Stream) -> Result<(), Error> {
        if let Some(place) = Logged::place(stream) {
            self.next[place] = next_of(archive, logged, stream).await?;
        }
        Ok(())
    }

    /// Leaves a stream out for now: its next hour cannot be logged.
    pub(super) fn leave_out(&mut self, stream: Stream) {
        if let Some(place) = Logged::place(stream) {
            self.next[place] = None;
        }
    }
}
