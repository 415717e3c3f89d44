//! Single objects of the log of logs: each is read with its checks, and created once.

use bytes::Bytes;
use clicktrail_evidence::{
    Hash,
    note::{Note, Signature},
    tlog::{Checkpoint, Entry, Tile, bundle},
};
use object_store::path::Path;
use tracing::warn;

use super::error::{Error, damaged};
use crate::{
    archive::{
        keys::TransparencyKey,
        store::{self, Archive},
    },
    causes::causes,
};

/// A checkpoint that is kept: as it was signed, and what it says. Whose signatures these are its reader must ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What was signed, with the signatures.
    pub note: Note,
    /// What that says.
    pub checkpoint: Checkpoint,
}

impl Kept {
    /// Reads a checkpoint as a file or an object holds it.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let note = Note::parse(bytes).map_err(|error| error.to_string())?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(|error| error.to_string())?;
        Ok(Self { note, checkpoint })
    }
}

/// The objects of an archive's log of logs.
#[derive(Debug, Clone)]
pub(super) struct Objects {
    pub(super) archive: Archive,
}

impl Objects {
    pub(super) async fn get(&self, key: &TransparencyKey) -> Result<Option<Bytes>, Error> {
        match self.archive.get(&key.path()).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(store::Error::Missing(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Entry `number`; `None` if the log does not have it yet.
    pub(super) async fn entry(&self, number: u64) -> Result<Option<Entry>, Error> {
        let key = TransparencyKey::Entry(number);
        let Some(bytes) = self.get(&key).await? else { return Ok(None) };
        Entry::from_bytes(&bytes).map(Some).map_err(|error| damaged(&key.path(), error.to_string()))
    }

    /// Whether entry `number` is there.
    pub(super) async fn has_entry(&self, number: u64) -> Result<bool, Error> {
        Ok(self.archive.holds(&TransparencyKey::Entry(number).path()).await?)
    }

    /// Gives an entry its place, for good; `false` if another one has it. When it returns, the entry is durable, also
    /// if another process put it there a moment ago.
    pub(super) async fn create_entry(&self, number: u64, entry: &Entry) -> Result<bool, Error> {
        self.create(&TransparencyKey::Entry(number), entry.to_string().into()).await
    }

    /// Creates an object; `false` if other content is there.
    pub(super) async fn create(&self, key: &TransparencyKey, bytes: Bytes) -> Result<bool, Error> {
        match self.archive.create(&key.path(), bytes).await {
            Ok(()) => Ok(true),
            Err(store::Error::Conflict(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Creates what the entries give.
    pub(super) async fn create_derived(&self, key: &TransparencyKey, bytes: Bytes) -> Result<(), Error> {
        match self.create(key, bytes).await? {
            true => Ok(()),
            false => Err(damaged(&key.path(), "it is not what the entries give")),
        }
    }

    /// The hashes of a tile.
    pub(super) async fn tile(&self, tile: Tile) -> Result<Vec<Hash>, Error> {
        let (of, key, bytes) = self.partial_or_full(TransparencyKey::Tile, tile).await?;
        let wrong = || damaged(&key.path(), format!("it has {} bytes, not {} hashes", bytes.len(), of.width));
        let mut hashes = of.decode(&bytes).ok_or_else(wrong)?;
        hashes.truncate(tile.width.into());
        Ok(hashes)
    }

    /// The entries of a tile of leaves, if these are the leaves.
    pub(super) async fn bundle(&self, tile: Tile) -> Result<Vec<Entry>, Error> {
        let (of, key, bytes) = self.partial_or_full(TransparencyKey::Entries, tile).await?;
        let entries = bundle::decode(&bytes, of.width).map_err(|error| damaged(&key.path(), error.to_string()))?;
        let entries = entries.into_iter().take(tile.width.into()).map(Entry::from_bytes).collect::<Result<Vec<_>, _>>();
        let entries = entries.map_err(|error| damaged(&key.path(), error.to_string()))?;
        let leaves = self.tile(tile).await?;
        match entries.iter().map(Entry::leaf).eq(leaves) {
            true => Ok(entries),
            false => Err(damaged(&key.path(), "its entries are not the leaves of its tile")),
        }
    }

    /// An object of a tile. Those of a partial one are removed once it was filled: then they are the beginning of the
    /// full one's.
    async fn partial_or_full(
        &self,
        key_of: fn(Tile) -> TransparencyKey,
        tile: Tile,
    ) -> Result<(Tile, TransparencyKey, Bytes), Error> {
        let full = Tile::full(tile.level, tile.index);
        for of in [tile, full] {
            let key = key_of(of);
            if let Some(bytes) = self.get(&key).await? {
                return Ok((of, key, bytes));
            }
        }
        Err(store::Error::Missing(key_of(tile).path().to_string()).into())
    }

    /// Removes what there is of tiles that were partial before they were filled, as `tlog-tiles` permits once the full
    /// one is there. What cannot be removed stays: it is in nobody's way.
    pub(super) async fn remove_partial(&self, filled: Tile) {
        for prefix in TransparencyKey::partial(filled) {
            if let Err(error) = self.remove_below(&prefix).await {
                warn!(%prefix, error = %causes(&error), "what a full tile replaces was not removed");
            }
        }
    }

    async fn remove_below(&self, prefix: &Path) -> Result<(), store::Error> {
        for listed in self.archive.list(prefix).await? {
            self.archive.remove_derived(&listed.path).await?;
        }
        Ok(())
    }

    /// The checkpoint over `size` entries; `None` if none was signed.
    pub(super) async fn checkpoint(&self, size: u64) -> Result<Option<Kept>, Error> {
        let key = TransparencyKey::Checkpoint(size);
        let Some(bytes) = self.get(&key).await? else { return Ok(None) };
        let kept = Kept::parse(&bytes).map_err(|reason| damaged(&key.path(), reason))?;
        match kept.checkpoint.size == size {
            true => Ok(Some(kept)),
            false => Err(damaged(&key.path(), format!("it is over {} entries", kept.checkpoint.size))),
        }
    }

    /// A checkpoint with what witnesses signed beside it. A cosignature that cannot be read is left out, and so is what
    /// stands there in the name of the log: a line that its key did not sign would make the whole note worth nothing.
    /// Whose the others are their reader must ask; of each object there is one, so that no object crowds others out.
    pub(super) async fn with_cosignatures(&self, kept: Kept) -> Result<Kept, Error> {
        let mut cosignatures = Vec::new();
        for listed in self.archive.list(&TransparencyKey::cosignatures(kept.checkpoint.size)).await? {
            let bytes = self.archive.get(&listed.path).await?;
            let mut lines = std::str::from_utf8(&bytes).unwrap_or_default().lines().filter_map(Signature::parse);
            cosignatures.extend(lines.find(|line| line.name() != kept.checkpoint.origin));
        }
        Ok(Kept { note: kept.note.with(cosignatures), ..kept })
    }
}

/// Replaces the copy of the newest checkpoint, unless it is of a later one; with cosignatures, as far as there are any.
pub(super) async fn publish(objects: &Objects, kept: Kept) -> Result<Kept, Error> {
    let kept = objects.with_cosignatures(kept).await?;
    let newest = objects.get(&TransparencyKey::Newest).await?;
    let newest = newest.and_then(|bytes| Kept::parse(&bytes).ok());
    if newest.is_none_or(|newest| newest.checkpoint.size <= kept.checkpoint.size) {
        objects.archive.put_content(&TransparencyKey::Newest.path(), kept.note.to_string().into()).await?;
    }
    Ok(kept)
}
