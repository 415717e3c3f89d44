//! Where a signer stands: behind the newest checkpoint, with the right edge of its tree and the last hours that are
//! logged.
//!
//! All of it is read from the store and checked: the checkpoint by our keys, the edge by the checkpoint's root, entries
//! by the leaves. What does not fit is named, and nothing is signed on top of it.

use clicktrail_evidence::{
    note::{NoteError, VerifierKey},
    tlog::{Edge, Entry, Tile},
};

use super::{
    candidates::Logged,
    error::{Error, damaged},
    objects::{Kept, Objects, publish},
    streams::STREAMS,
};
use crate::{archive::keys::TransparencyKey, frame::Digest, invariant, log::Stream, time::Hour};

/// Where a signer stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    /// The tree as it was signed last.
    pub(super) edge: Edge,
    /// The entries of its partial tile of leaves.
    pub(super) pending: Vec<Entry>,
    /// The hours that are logged.
    pub(super) logged: Logged,
}

/// The stream and hour that an entry is about.
pub(super) fn place(entry: &Entry) -> Option<(Stream, Hour)> {
    let stream = STREAMS.into_iter().find(|stream| stream.as_str() == entry.stream)?;
    Some((stream, Hour::parse(&entry.hour)?))
}

impl Standing {
    /// Reads it. `origin` is the name of the log, `keys` those that its newest checkpoint may be signed by.
    pub(super) async fn read(objects: &Objects, origin: &str, keys: &[VerifierKey]) -> Result<Self, Error> {
        let Some(kept) = objects.newest().await? else { return Ok(Self::default()) };
        check_ours(&kept, origin, keys)?;
        // Whoever signed it may have died before it was given out.
        let kept = publish(objects, kept).await?;
        let size = kept.checkpoint.size;
        let edge = Self::edge(objects, &kept).await?;
        let mut logged = Logged::default();
        let mut pending = Vec::new();
        let mut tile = size.checked_sub(1).and_then(|last| Tile::of(0, last / 256, size));
        while let Some(at) = tile
            && !logged.is_whole()
        {
            let entries = objects.bundle(at).await?;
            for entry in entries.iter().rev() {
                let key = || TransparencyKey::Entries(at).path();
                let (stream, hour) =
                    place(entry).ok_or_else(|| damaged(&key(), format!("{entry} is of no stream that is sealed")))?;
                logged.precede(stream, hour, Digest(entry.manifest.0));
            }
            if at.width < 256 {
                pending = entries;
            }
            tile = at.index.checked_sub(1).map(|index| Tile::full(0, index));
        }
        let held = pending.len() as u64;
        invariant!(I3, held == edge.size() % 256, "{held} entries are behind the last full tile of {}", edge.size());
        Ok(Self { edge, pending, logged })
    }

    async fn edge(objects: &Objects, kept: &Kept) -> Result<Edge, Error> {
        let size = kept.checkpoint.size;
        let mut partial = Vec::new();
        for tile in Tile::partial(size) {
            partial.push((tile, objects.tile(tile).await?));
        }
        let edge = Edge::of(size, &partial).filter(|edge| edge.root() == kept.checkpoint.root);
        edge.ok_or_else(|| {
            let key = TransparencyKey::Checkpoint(size).path();
            let tiles: Vec<_> = partial.iter().map(|(tile, _)| TransparencyKey::Tile(*tile).path()).collect();
            let tiles: Vec<_> = tiles.iter().map(AsRef::as_ref).collect();
            damaged(&key, format!("its root is not that of the tiles {}", tiles.join(", ")))
        })
    }
}

/// Whether a checkpoint is of our log and signed by one of our keys.
pub(super) fn check_ours(kept: &Kept, origin: &str, keys: &[VerifierKey]) -> Result<(), Error> {
    let size = kept.checkpoint.size;
    if kept.checkpoint.origin != origin {
        return Err(Error::Origin { found: kept.checkpoint.origin.clone(), given: origin.to_owned() });
    }
    let not_ours = |source: NoteError| Error::NotOurs { size, source };
    kept.note.verify(keys).map(|_| ()).map_err(not_ours)
}
