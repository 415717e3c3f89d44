//! The advertisers of an hour, all of them: how the tree grows, its bytes, and the proofs from it.

use std::collections::BTreeMap;

use super::{
    leaf::{Claim, Key, Run, Summed},
    proof::{Absence, Neighbour, Presence, Proof},
};
use crate::{
    hash::{self, Hash},
    tree::{self, Subtree},
};

/// All advertisers of an hour and their rows, by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Advertisers {
    runs: BTreeMap<Key, Vec<Run>>,
    rows: u64,
}

/// Why these are not the advertisers of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An advertiser has two runs in one part, so the part is not sorted by advertiser.
    #[error("the rows of an advertiser do not stand together from row {0} on")]
    Scattered(u64),
    /// The bytes end too early, or something follows.
    #[error("the list of advertisers is cut, or something follows it")]
    Length,
    /// They are not ascending, or a claim is none.
    #[error("advertiser {0} of the list is out of order, or its rows are not those of a tree")]
    Claim(u64),
}

/// Bytes of a number in the list.
const NUMBER: usize = size_of::<u64>();

impl Advertisers {
    /// Adds the rows of the next part: `runs` are how many rows of which advertiser, in the order of the part.
    ///
    /// # Errors
    /// [`Error::Scattered`].
    pub fn add_part(&mut self, runs: impl IntoIterator<Item = (Key, u64)>) -> Result<(), Error> {
        let begin = self.rows;
        for (key, count) in runs {
            let of = self.runs.entry(key).or_default();
            if of.last().is_some_and(|last| last.first >= begin) {
                return Err(Error::Scattered(self.rows));
            }
            of.push(Run { first: self.rows, count });
            self.rows += count;
        }
        Ok(())
    }

    /// How many advertisers there are: leaves of the tree.
    pub fn count(&self) -> u64 {
        self.runs.len() as u64
    }

    /// Their rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The claims by key.
    pub fn claims(&self) -> impl Iterator<Item = Claim> {
        self.runs.iter().map(|(key, runs)| Claim { key: *key, runs: runs.clone() })
    }

    /// The rows of an advertiser.
    pub fn runs(&self, key: &Key) -> Option<&[Run]> {
        self.runs.get(key).map(Vec::as_slice)
    }

    fn leaves(&self) -> Vec<Summed> {
        let leaf = |(key, runs): (&Key, &Vec<Run>)| {
            let claim = Claim { key: *key, runs: runs.clone() };
            Summed::leaf(key, runs.iter().map(|run| run.count).sum(), &claim.rest())
        };
        self.runs.iter().map(leaf).collect()
    }

    /// The root over them.
    pub fn root(&self) -> Summed {
        tree::root(self.leaves())
    }

    /// Makes proofs: computes the leaves once, for any number of advertisers.
    pub fn prover(&self) -> Prover<'_> {
        Prover { advertisers: self, keys: self.runs.keys().copied().collect(), leaves: self.leaves() }
    }

    /// As bytes: of each advertiser, by key, its key (32 bytes), how many runs it has, and of each run first leaf and
    /// leaves; numbers have 8 bytes, big endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (key, runs) in &self.runs {
            bytes.extend_from_slice(&key.0.0);
            bytes.extend_from_slice(&(runs.len() as u64).to_be_bytes());
            for run in runs {
                bytes.extend_from_slice(&run.first.to_be_bytes());
                bytes.extend_from_slice(&run.count.to_be_bytes());
            }
        }
        bytes
    }

    /// Reads what [`Advertisers::to_bytes`] wrote: `count` advertisers of an hour with `rows` rows.
    ///
    /// # Errors
    /// [`Error::Length`] or [`Error::Claim`].
    pub fn from_bytes(count: u64, rows: u64, mut bytes: &[u8]) -> Result<Self, Error> {
        let mut read = Self { runs: BTreeMap::new(), rows: 0 };
        for index in 0..count {
            let claim = take_claim(&mut bytes).ok_or(Error::Length)?;
            let sum = claim.rows(rows).and_then(|sum| read.rows.checked_add(sum)).ok_or(Error::Claim(index))?;
            if read.runs.last_key_value().is_some_and(|(last, _)| *last >= claim.key) {
                return Err(Error::Claim(index));
            }
            read.rows = sum;
            read.runs.insert(claim.key, claim.runs);
        }
        if bytes.is_empty() { Ok(read) } else { Err(Error::Length) }
    }
}

/// The next claim of a list; what it takes is bounded by the bytes that there are.
fn take_claim(bytes: &mut &[u8]) -> Option<Claim> {
    let key = Key(Hash(bytes.split_off(..hash::BYTES)?.try_into().ok()?));
    let runs = usize::try_from(take_number(bytes)?).ok()?;
    let mut run_bytes = bytes.split_off(..runs.checked_mul(2 * NUMBER)?)?;
    let mut claim = Claim { key, runs: Vec::with_capacity(runs) };
    for _ in 0..runs {
        claim.runs.push(Run { first: take_number(&mut run_bytes)?, count: take_number(&mut run_bytes)? });
    }
    Some(claim)
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.split_off(..NUMBER)?.try_into().ok()?))
}

/// Makes proofs about advertisers of one hour.
#[derive(Debug)]
pub struct Prover<'a> {
    advertisers: &'a Advertisers,
    keys: Vec<Key>,
    leaves: Vec<Summed>,
}

impl Prover<'_> {
    /// Which rows an advertiser has, or that it has none.
    pub fn prove(&self, key: &Key) -> Proof {
        let size = self.leaves.len() as u64;
        match self.keys.binary_search(key) {
            Ok(index) => {
                let index = index as u64;
                let path = tree::inclusion::path(index, size).expect("the leaf is in the tree");
                let runs = self.advertisers.runs(key).unwrap_or_default().to_vec();
                Proof::Present(Presence { index, runs, path: self.nodes(&path) })
            }
            Err(behind) => {
                let range = behind.saturating_sub(1)..self.keys.len().min(behind + 1);
                let neighbours = self.keys[range.clone()].iter().zip(&self.leaves[range.clone()]);
                let neighbours = neighbours.map(|(key, leaf)| {
                    let runs = self.advertisers.runs(key).unwrap_or_default().to_vec();
                    Neighbour { key: *key, rows: leaf.rows, rest: Claim { key: *key, runs }.rest() }
                });
                let shown = range.start as u64..range.end as u64;
                let ranges = if shown.is_empty() { Vec::new() } else { vec![shown.clone()] };
                let path = tree::ranges::path(&ranges, size).expect("the leaves are in the tree");
                Proof::Absent(Absence {
                    index: shown.start,
                    neighbours: neighbours.collect(),
                    nodes: self.nodes(&path),
                })
            }
        }
    }

    fn nodes(&self, path: &[Subtree]) -> Vec<Summed> {
        let leaf = |leaf: u64| self.leaves[usize::try_from(leaf).expect("an index of a list")];
        path.iter().map(|subtree| tree::root((subtree.start..subtree.end).map(leaf))).collect()
    }
}
