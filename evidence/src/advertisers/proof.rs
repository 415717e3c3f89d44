//! Checking what is said of one advertiser in one hour, from its proof alone.

use serde::{Deserialize, Serialize};

use super::leaf::{Claim, Key, Run, Summed};
use crate::{
    hash::Hash,
    tree::{self, Invalid},
};

/// Proves which rows an advertiser has in an hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    /// Which leaf it is.
    pub index: u64,
    /// Its rows.
    pub runs: Vec<Run>,
    /// The nodes beside its way to the root, from the leaf up.
    pub path: Vec<Summed>,
}

/// What a proof of absence shows of a leaf beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Neighbour {
    /// Whose it is, for whoever knows.
    pub key: Key,
    /// How many rows it claims.
    pub rows: u64,
    /// The hash over its runs.
    pub rest: Hash,
}

/// Proves that an advertiser has no rows in an hour: consecutive leaves between which its key would stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absence {
    /// Which leaf the first of `neighbours` is.
    pub index: u64,
    /// The leaf before its key and that behind it; only one if it would be the first or the last; none in an hour
    /// without advertisers.
    pub neighbours: Vec<Neighbour>,
    /// The nodes beside them, from left to right ([`tree::ranges`]).
    pub nodes: Vec<Summed>,
}

/// What an hour has of an advertiser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Some rows.
    Present(Presence),
    /// None.
    Absent(Absence),
}

impl Proof {
    /// Checks it as [`Presence::verify`] and [`Absence::verify`] do. Returns how many rows the advertiser has.
    ///
    /// # Errors
    /// Why it is not proved.
    pub fn verify(&self, key: Key, advertisers: u64, root: &Summed, rows: u64) -> Result<u64, Unproved> {
        match self {
            Self::Present(presence) => presence.verify(key, advertisers, root, rows),
            Self::Absent(absence) => absence.verify(key, advertisers, root, rows).map(|()| 0),
        }
    }

    /// The rows that it says the advertiser has.
    pub fn runs(&self) -> &[Run] {
        match self {
            Self::Present(presence) => &presence.runs,
            Self::Absent(_) => &[],
        }
    }
}

/// Why nothing is proved of an advertiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unproved {
    /// Its runs are no rows of this hour.
    #[error("the advertiser's ranges are not ascending ranges of the hour's rows")]
    Runs,
    /// The leaves shown do not stand around its key.
    #[error("the advertisers shown are not those beside the one that is asked for")]
    Neighbours,
    /// The leaves of the tree do not claim all rows of the hour.
    #[error("the tree of advertisers accounts for {0} rows, the hour has {1}")]
    Rows(u64, u64),
    /// The nodes do not lead to the root.
    #[error(transparent)]
    Tree(#[from] Invalid),
}

/// Checks that all leaves together claim the rows of the hour.
fn check_sum(root: &Summed, rows: u64) -> Result<(), Unproved> {
    if root.rows == rows { Ok(()) } else { Err(Unproved::Rows(root.rows, rows)) }
}

impl Presence {
    /// Checks that the advertiser with this key has exactly these rows: `advertisers` and `root` are what the manifest
    /// says of the tree, `rows` are the rows of the hour. Returns how many rows it has.
    ///
    /// # Errors
    /// Why it is not proved.
    pub fn verify(&self, key: Key, advertisers: u64, root: &Summed, rows: u64) -> Result<u64, Unproved> {
        check_sum(root, rows)?;
        let claim = Claim { key, runs: self.runs.clone() };
        let claimed = claim.rows(rows).ok_or(Unproved::Runs)?;
        let leaf = Summed::leaf(&key, claimed, &claim.rest());
        tree::inclusion::verify(leaf, self.index, advertisers, &self.path, root)?;
        Ok(claimed)
    }
}

impl Absence {
    /// Checks that no advertiser has this key; the rest as for [`Presence::verify`].
    ///
    /// # Errors
    /// Why it is not proved.
    pub fn verify(&self, key: Key, advertisers: u64, root: &Summed, rows: u64) -> Result<(), Unproved> {
        check_sum(root, rows)?;
        let behind = self.index.checked_add(self.neighbours.len() as u64).ok_or(Unproved::Neighbours)?;
        let (is_first, is_last) = (self.index == 0, behind == advertisers);
        let stands = match self.neighbours.as_slice() {
            [] => is_first && is_last,
            [only] if only.key < key => is_last,
            [only] => key < only.key && is_first,
            [before, behind] => before.key < key && key < behind.key,
            [_, _, _, ..] => false,
        };
        if !stands {
            return Err(Unproved::Neighbours);
        }
        let shown = self.neighbours.iter().map(|shown| Summed::leaf(&shown.key, shown.rows, &shown.rest));
        let range = self.index..behind;
        let ranges = if range.is_empty() { [].as_slice() } else { std::slice::from_ref(&range) };
        Ok(tree::ranges::verify(ranges, advertisers, shown, &self.nodes, root)?)
    }
}
