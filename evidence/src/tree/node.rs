//! What stands at a node of a tree.

use std::fmt;

use crate::hash::Hash;

/// What stands at a node: a hash, alone or with a sum that the hash commits to.
pub trait Node: Copy + PartialEq + Eq + fmt::Debug {
    /// At the root of a tree without leaves.
    fn empty() -> Self;

    /// Above two nodes; `None` if their sums do not fit.
    fn join(left: &Self, right: &Self) -> Option<Self>;
}

impl Node for Hash {
    fn empty() -> Self {
        Self::of(b"")
    }

    fn join(left: &Self, right: &Self) -> Option<Self> {
        Some(Self::node(left, right))
    }
}
