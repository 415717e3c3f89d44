//! Makes what is derived from the entries again: tiles and bundles that are gone. Nothing is written over.

use clicktrail_evidence::tlog::{Edge, Entry, Tile, bundle};

use super::{
    error::{Error, damaged},
    objects::Objects,
    signer::Keys,
    standing::check_ours,
};
use crate::{
    archive::{
        keys::TransparencyKey,
        store::{self, Archive},
    },
    invariant,
};

/// Puts back the tiles and bundles of the newest checkpoint that are gone, and entries that a bundle still has; which
/// objects these were.
///
/// # Errors
/// An entry that is nowhere, an object that holds something else, or a checkpoint that the entries do not lead to, by
/// name. See [`Error`].
pub async fn mend(archive: &Archive, keys: &Keys) -> Result<Vec<String>, Error> {
    let objects = Objects { archive: archive.clone() };
    let Some(newest) = objects.newest().await? else { return Ok(Vec::new()) };
    check_ours(&newest, keys.origin(), keys.verifying())?;
    let size = newest.checkpoint.size;
    let (mut edge, mut made, mut pending) = (Edge::default(), Vec::new(), Vec::new());
    let mut derived = Vec::new();
    for number in 0..size {
        let entry = entry(&objects, number, size, &mut made).await?;
        let full = edge.push(entry.leaf());
        pending.push(entry);
        for (tile, hashes) in full {
            if tile.level == 0 {
                derived.push((TransparencyKey::Entries(tile), bundled(&std::mem::take(&mut pending))));
            }
            derived.push((TransparencyKey::Tile(tile), Tile::encode(&hashes)));
        }
    }
    // Before anything is put: entries that lead elsewhere would make wrong tiles.
    if edge.root() != newest.checkpoint.root {
        let key = TransparencyKey::Checkpoint(size).path();
        return Err(damaged(&key, "the entries do not lead to its root: one of them was edited"));
    }
    for (tile, hashes) in edge.partial() {
        if tile.level == 0 {
            derived.push((TransparencyKey::Entries(tile), bundled(&pending)));
        }
        derived.push((TransparencyKey::Tile(tile), Tile::encode(&hashes)));
    }
    invariant!(I3, edge.size() == size, "tiles of {} entries are about to be made for {size}", edge.size());
    for (key, bytes) in derived {
        let was_there = archive.holds(&key.path()).await?;
        objects.create_derived(&key, bytes.into()).await?;
        if !was_there {
            made.push(key.path().to_string());
        }
    }
    Ok(made)
}

fn bundled(entries: &[Entry]) -> Vec<u8> {
    bundle::encode(entries.iter().map(Entry::to_string))
}

/// An entry from its own object, or else from a bundle whose leaves it has.
async fn entry(objects: &Objects, number: u64, size: u64, made: &mut Vec<String>) -> Result<Entry, Error> {
    if let Some(entry) = objects.entry(number).await? {
        return Ok(entry);
    }
    let key = TransparencyKey::Entry(number).path();
    let missing = || Error::Store(store::Error::Missing(key.to_string()));
    let tile = Tile::of(0, number / 256, size).ok_or_else(missing)?;
    let bundle = objects.bundle(tile).await.map_err(|_| missing())?;
    let place = usize::try_from(number % 256).expect("below 256");
    let entry = bundle.into_iter().nth(place).ok_or_else(missing)?;
    objects.create_entry(number, &entry).await?;
    made.push(key.to_string());
    Ok(entry)
}
