//! Keys of advertisers, what they claim, and nodes that add up.

use std::{fmt, ops::Range};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    hash::{self, Hash},
    tree::Node,
};

const HEAD: &[u8] = b"clicktrail advertiser 1\0";
const LEAF: u8 = 2;
const NODE: u8 = 3;

/// Where an advertiser stands in the tree of an hour. It tells nothing to whoever does not know the advertiser's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(pub Hash);

impl Key {
    /// Of an advertiser in an hour, which is written as in `2026-11-22T14`.
    pub fn new(hour: &str, advertiser_id: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(HEAD);
        hash.update(hour.as_bytes());
        hash.update([0]);
        hash.update(advertiser_id.as_bytes());
        Self(Hash(hash.finalize().into()))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Consecutive leaves of the tree of rows: an advertiser's in one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The first leaf.
    pub first: u64,
    /// How many: at least one.
    pub count: u64,
}

impl Run {
    /// As a half-open range; `None` if it has no end.
    pub fn range(self) -> Option<Range<u64>> {
        Some(self.first..self.first.checked_add(self.count)?)
    }
}

/// What an advertiser's leaf says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Whose it is.
    pub key: Key,
    /// Its rows, ascending: one run for each part that has some.
    pub runs: Vec<Run>,
}

impl Claim {
    /// How many rows it claims; `None` if they are not ascending runs of the tree of `rows` leaves, each of one row at
    /// least, or none at all.
    pub fn rows(&self, rows: u64) -> Option<u64> {
        let (mut sum, mut from) = (0_u64, 0_u64);
        for run in &self.runs {
            let range = run.range()?;
            if range.is_empty() || range.start < from || range.end > rows {
                return None;
            }
            from = range.end;
            sum += run.count;
        }
        (sum > 0).then_some(sum)
    }

    /// The hash over the runs.
    pub fn rest(&self) -> Hash {
        if let [run] = self.runs.as_slice() {
            // In most hours there is one part, and so one run of each.
            let mut bytes = [0; 2 * size_of::<u64>()];
            let (first, count) = bytes.split_at_mut(size_of::<u64>());
            first.copy_from_slice(&run.first.to_be_bytes());
            count.copy_from_slice(&run.count.to_be_bytes());
            return hash::of_short(&bytes);
        }
        let mut hash = Sha256::new();
        for run in &self.runs {
            hash.update(run.first.to_be_bytes());
            hash.update(run.count.to_be_bytes());
        }
        Hash(hash.finalize().into())
    }
}

/// A node of the tree: rows and a hash that commits to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summed {
    /// Rows of all advertisers below.
    pub rows: u64,
    /// Commits to them, and to everything below.
    pub hash: Hash,
}

impl Summed {
    /// The leaf of an advertiser.
    pub fn leaf(key: &Key, rows: u64, rest: &Hash) -> Self {
        let mut bytes = [LEAF; 1 + 2 * hash::BYTES + size_of::<u64>()];
        let (head, behind) = bytes[1..].split_at_mut(hash::BYTES);
        head.copy_from_slice(&key.0.0);
        let (number, behind) = behind.split_at_mut(size_of::<u64>());
        number.copy_from_slice(&rows.to_be_bytes());
        behind.copy_from_slice(&rest.0);
        Self { rows, hash: hash::of_two_blocks(&bytes) }
    }
}

impl Node for Summed {
    fn empty() -> Self {
        Self { rows: 0, hash: <Hash as Node>::empty() }
    }

    fn join(left: &Self, right: &Self) -> Option<Self> {
        const SIDE: usize = size_of::<u64>() + hash::BYTES;
        let mut bytes = [NODE; 1 + 2 * SIDE];
        for (side, place) in [left, right].into_iter().zip(bytes[1..].chunks_exact_mut(SIDE)) {
            let (number, place) = place.split_at_mut(size_of::<u64>());
            number.copy_from_slice(&side.rows.to_be_bytes());
            place.copy_from_slice(&side.hash.0);
        }
        Some(Self { rows: left.rows.checked_add(right.rows)?, hash: hash::of_two_blocks(&bytes) })
    }
}
