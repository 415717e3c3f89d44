//! Checkpoints, entries and proofs for whoever shows them to others: commands, evidence, invoices.
//!
//! A proof is checked before it is given, so that nobody is handed one that does not hold.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use clicktrail_evidence::{
    Hash,
    tlog::{Entry, Tile},
    tree::{Subtree, consistency, inclusion},
};

use super::{
    error::{Error, damaged},
    objects::{Kept, Objects},
};
use crate::{
    archive::{keys::TransparencyKey, store::Archive},
    invariant,
};

/// Tiles that are held at most, of 8 KiB each: proofs of one month lie in a few.
const TILES_HELD_MAX: usize = 128;

/// Reads the log of logs of one archive.
#[derive(Debug)]
pub struct Reader {
    objects: Objects,
    held: HashMap<Tile, Vec<Hash>>,
}

impl Reader {
    /// A reader of `archive`.
    pub fn new(archive: Archive) -> Self {
        Self { objects: Objects { archive }, held: HashMap::new() }
    }

    /// The newest checkpoint, with all cosignatures that are kept; `None` if nothing was ever signed.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn newest(&self) -> Result<Option<Kept>, Error> {
        match self.objects.newest().await? {
            Some(kept) => self.objects.with_cosignatures(kept).await.map(Some),
            None => Ok(None),
        }
    }

    /// The checkpoint over `size` entries, with all cosignatures; `None` if none was signed at that size.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn checkpoint(&self, size: u64) -> Result<Option<Kept>, Error> {
        match self.objects.checkpoint(size).await? {
            Some(kept) => self.objects.with_cosignatures(kept).await.map(Some),
            None => Ok(None),
        }
    }

    /// The entries of a range, out of the first `size`.
    ///
    /// # Errors
    /// [`Error::Unknown`] if there are fewer; [`Error::Store`].
    pub async fn entries(&self, range: Range<u64>, size: u64) -> Result<Vec<Entry>, Error> {
        let mut found = Vec::new();
        let mut number = range.start;
        while number < range.end {
            let tile = tile(number, size)?;
            let (first, end) = (tile.index * 256, tile.index * 256 + u64::from(tile.width));
            let entries = self.objects.bundle(tile).await?;
            let within = usize::try_from(number - first).expect("below 256")
                ..usize::try_from(range.end.min(end) - first).expect("256 at most");
            found.extend(entries.into_iter().take(within.end).skip(within.start));
            number = end;
        }
        Ok(found)
    }

    /// The numbers of these entries among the first `size`; what is not among them is left out. It looks from the end,
    /// so what was logged lately is found soon.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn find(&self, wanted: &[Entry], size: u64) -> Result<BTreeMap<Entry, u64>, Error> {
        let mut found = BTreeMap::new();
        let mut index = size.div_ceil(256);
        while let Some(before) = index.checked_sub(1)
            && found.len() < wanted.len()
        {
            index = before;
            let Some(tile) = Tile::of(0, index, size) else { continue };
            let entries: HashMap<Entry, u64> =
                self.objects.bundle(tile).await?.into_iter().zip(index * 256..).collect();
            found.extend(wanted.iter().filter_map(|entry| Some((entry.clone(), *entries.get(entry)?))));
        }
        Ok(found)
    }

    /// The hashes that prove that entry `number` is in the tree of a checkpoint, from the leaf up.
    ///
    /// # Errors
    /// [`Error::Unknown`] if it has no such entry; [`Error::Store`] also if the tiles do not lead to its root.
    pub async fn inclusion(&mut self, number: u64, kept: &Kept) -> Result<Vec<Hash>, Error> {
        let size = kept.checkpoint.size;
        let path = inclusion::path(number, size);
        let path = path.ok_or_else(|| Error::Unknown(format!("of {size} entries none has the number {number}")))?;
        let proof = self.nodes(&path, size).await?;
        let tile = tile(number, size)?;
        let leaf = self.hashes(tile).await?[usize::try_from(number % 256).expect("below 256")];
        let checked = inclusion::verify(leaf, number, size, &proof, &kept.checkpoint.root);
        checked.map_err(|_| not_of_tiles(size))?;
        Ok(proof)
    }

    /// The hashes that prove that the tree of `new` entries begins with that of `old`. They are read from the tiles of
    /// the tree of `of` entries, of which a checkpoint is kept.
    ///
    /// # Errors
    /// [`Error::Unknown`] if `old` is larger than `new`, or `new` than `of`; [`Error::Store`].
    pub async fn consistency(&mut self, old: u64, new: u64, of: u64) -> Result<Vec<Hash>, Error> {
        let path = consistency::path(old, new).filter(|_| new <= of);
        let path = path.ok_or_else(|| Error::Unknown(format!("{old}, {new} and {of} entries do not ascend")))?;
        self.nodes(&path, of).await
    }

    /// The root over the first `size` entries, of which a checkpoint over `of` is kept.
    ///
    /// # Errors
    /// [`Error::Unknown`] if there are fewer; [`Error::Store`].
    pub async fn root(&mut self, size: u64, of: u64) -> Result<Hash, Error> {
        if size > of {
            return Err(Error::Unknown(format!("{of} entries are signed, not {size}")));
        }
        match Subtree::whole(size) {
            Some(whole) => Ok(self.nodes(&[whole], of).await?[0]),
            None => Ok(Hash::of(b"")),
        }
    }

    /// The nodes of subtrees, from the tiles of a tree of `size` entries.
    async fn nodes(&mut self, path: &[Subtree], size: u64) -> Result<Vec<Hash>, Error> {
        let mut nodes = Vec::with_capacity(path.len());
        for subtree in path {
            let mut complete = HashMap::new();
            for address in subtree.complete() {
                let held = Tile::holding(address, size);
                let (tile, range) =
                    held.ok_or_else(|| Error::Unknown(format!("a tree of {size} entries has no node {address:?}")))?;
                complete.insert(address, Tile::node(&self.hashes(tile).await?[range]));
            }
            let node = subtree.node(|address| complete.get(&address).copied().ok_or(()));
            nodes.push(node.expect("every complete subtree was read"));
        }
        invariant!(I3, nodes.len() == path.len(), "{} nodes of {} subtrees", nodes.len(), path.len());
        Ok(nodes)
    }

    async fn hashes(&mut self, tile: Tile) -> Result<&[Hash], Error> {
        if !self.held.contains_key(&tile) {
            let hashes = self.objects.tile(tile).await?;
            if self.held.len() >= TILES_HELD_MAX {
                self.held.clear();
            }
            self.held.insert(tile, hashes);
        }
        Ok(&self.held[&tile])
    }
}

fn tile(number: u64, size: u64) -> Result<Tile, Error> {
    let tile = Tile::of(0, number / 256, size).filter(|_| number < size);
    tile.ok_or_else(|| Error::Unknown(format!("of {size} entries none has the number {number}")))
}

fn not_of_tiles(size: u64) -> Error {
    damaged(&TransparencyKey::Checkpoint(size).path(), "the tiles do not lead to its root")
}
