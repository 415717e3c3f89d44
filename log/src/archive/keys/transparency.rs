//! Keys of the log of logs. What stands under the prefix is a tiled log as C2SP `tlog-tiles` has it: any web server
//! that gives these objects out serves it.
//!
//! ```text
//! transparency/entries/000000000001/000000000001234     one entry: created once, and that is its place
//! transparency/tile/<level>/x001/x234/067[.p/<width>]   hashes of the tree
//! transparency/tile/entries/x001/x234/067[.p/<width>]   the entries of a tile of leaves
//! transparency/checkpoints/000000000001/000000000001234 what was signed at this size: created once
//! transparency/cosignatures/000000000001/000000000001234/<digest>   what a witness signed beside it, by its key
//! transparency/checkpoint                               the newest, with cosignatures: replaced
//! ```

use clicktrail_evidence::tlog::{Tile, parse_index};
use object_store::path::Path;

use super::short::{is_short, short};
use crate::{frame::Digest, invariant};

const PREFIX: &str = "transparency/";
/// Objects of a directory: what is numbered is found by looking into few of them.
const SHARD: u64 = 1_000;

/// An object of the log of logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransparencyKey {
    /// An entry, by its number.
    Entry(u64),
    /// Hashes of the tree.
    Tile(Tile),
    /// The entries of a tile of level 0.
    Entries(Tile),
    /// A checkpoint, by how many entries it is over.
    Checkpoint(u64),
    /// What a witness signed beside a checkpoint.
    Cosignature {
        /// Of how many entries.
        size: u64,
        /// The beginning of the SHA-256 of the witness's verifier key, 32 hexadecimal digits.
        witness: String,
    },
    /// The newest checkpoint, with its cosignatures.
    Newest,
}

impl TransparencyKey {
    /// The key of what a witness signed beside a checkpoint; `key` is its verifier key.
    pub fn cosignature(size: u64, key: &str) -> Self {
        Self::Cosignature { size, witness: short(&Digest::of(key.as_bytes())) }
    }

    /// Where all of it stands.
    pub fn prefix() -> Path {
        Path::from("transparency")
    }

    /// The directory in which the checkpoint over `size` entries stands, and the smallest size that has its place
    /// there.
    pub fn checkpoints_beside(size: u64) -> (Path, u64) {
        let shard = size / SHARD;
        (Path::from(format!("{PREFIX}checkpoints/{shard:012}")), shard * SHARD)
    }

    /// Where all checkpoints stand.
    pub fn checkpoints() -> Path {
        Path::from(format!("{PREFIX}checkpoints"))
    }

    /// Where what witnesses signed beside a checkpoint stands.
    pub fn cosignatures(size: u64) -> Path {
        Path::from(format!("{PREFIX}cosignatures/{}", sharded(size)))
    }

    /// Where what there is of a tile stood before it was filled: hashes, and of a tile of level 0 entries.
    pub fn partial(filled: Tile) -> Vec<Path> {
        let mut paths = vec![filled.path()];
        if filled.level == 0 {
            paths.push(filled.entries_path());
        }
        paths.iter().map(|path| Path::from(format!("{PREFIX}{path}.p"))).collect()
    }

    /// Whether it is of a tile that is not full: what may be removed once the full one is there.
    pub fn is_partial(&self) -> bool {
        match self {
            Self::Tile(tile) | Self::Entries(tile) => *tile != Tile::full(tile.level, tile.index),
            Self::Entry(_) | Self::Checkpoint(_) | Self::Cosignature { .. } | Self::Newest => false,
        }
    }

    /// As a path of the store.
    pub fn path(&self) -> Path {
        let below = match self {
            Self::Entry(number) => format!("entries/{}", sharded(*number)),
            Self::Tile(tile) => tile.path(),
            Self::Entries(tile) => tile.entries_path(),
            Self::Checkpoint(size) => format!("checkpoints/{}", sharded(*size)),
            Self::Cosignature { size, witness } => format!("cosignatures/{}/{witness}", sharded(*size)),
            Self::Newest => "checkpoint".to_owned(),
        };
        let path = Path::from(format!("{PREFIX}{below}"));
        invariant!(I3, Self::parse(path.as_ref()).as_ref() == Some(self), "{self:?} is not what {path} names");
        path
    }

    /// Reads a path of the store.
    pub fn parse(path: &str) -> Option<Self> {
        let below = path.strip_prefix(PREFIX)?;
        let Some((kind, rest)) = below.split_once('/') else { return (below == "checkpoint").then_some(Self::Newest) };
        match kind {
            "entries" => parse_sharded(rest).map(Self::Entry),
            "checkpoints" => parse_sharded(rest).map(Self::Checkpoint),
            "cosignatures" => {
                let (size, witness) = rest.rsplit_once('/')?;
                let size = parse_sharded(size).filter(|_| is_short(witness))?;
                Some(Self::Cosignature { size, witness: witness.to_owned() })
            }
            "tile" => parse_tile(rest),
            _ => None,
        }
    }
}

fn sharded(number: u64) -> String {
    format!("{:012}/{number:015}", number / SHARD)
}

fn parse_sharded(path: &str) -> Option<u64> {
    let number = path.split_once('/')?.1.parse().ok()?;
    (sharded(number) == path).then_some(number)
}

/// What follows `tile/`.
fn parse_tile(path: &str) -> Option<TransparencyKey> {
    let (level, rest) = path.split_once('/')?;
    let (index, width) = match rest.split_once(".p/") {
        Some((index, width)) => (index, width.parse().ok().filter(|width| (1..=255).contains(width))?),
        None => (rest, 256),
    };
    let index = parse_index(index)?;
    let key = match level {
        "entries" => TransparencyKey::Entries(Tile { level: 0, index, width }),
        level => TransparencyKey::Tile(Tile { level: level.parse().ok().filter(|level| *level < 64)?, index, width }),
    };
    // There is one spelling of each.
    let spelled = match &key {
        TransparencyKey::Entries(tile) => tile.entries_path(),
        TransparencyKey::Tile(tile) => tile.path(),
        TransparencyKey::Entry(_)
        | TransparencyKey::Checkpoint(_)
        | TransparencyKey::Cosignature { .. }
        | TransparencyKey::Newest => return None,
    };
    (spelled.strip_prefix("tile/") == Some(path)).then_some(key)
}

/// What an object of the log of logs is good for, and what helps if it is lost or damaged.
pub(super) fn remedy(key: &str) -> &'static str {
    match TransparencyKey::parse(key) {
        Some(TransparencyKey::Tile(_) | TransparencyKey::Entries(_)) => {
            "it is made of the log's entries; delete it, and run `clicktrail log sign --mend`, which makes it again"
        }
        Some(TransparencyKey::Newest) => "it is a copy of the newest checkpoint; delete it, and it is made again",
        Some(TransparencyKey::Entry(_) | TransparencyKey::Checkpoint(_) | TransparencyKey::Cosignature { .. })
        | None => "it stands nowhere else; put it back from a copy of the archive",
    }
}
