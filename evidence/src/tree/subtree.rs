//! Subtrees: the pieces that proofs consist of.

use std::ops::Range;

use super::node::Node;

/// A complete subtree: leaves `index << height .. (index + 1) << height`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// 0 for a leaf.
    pub height: u32,
    /// Its number among those of its height, from 0.
    pub index: u64,
}

/// A subtree of some tree: complete, or one that holds the tree's last leaf. Half-open, never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subtree {
    /// The first leaf.
    pub start: u64,
    /// Behind the last.
    pub end: u64,
}

impl Subtree {
    /// The whole of a tree; `None` for one without leaves.
    pub fn whole(size: u64) -> Option<Self> {
        (size > 0).then_some(Self { start: 0, end: size })
    }

    /// How many leaves.
    pub fn leaves(self) -> u64 {
        self.end - self.start
    }

    /// Its halves; `None` for a leaf.
    pub fn halves(self) -> Option<(Self, Self)> {
        let leaves = self.leaves();
        if leaves < 2 {
            return None;
        }
        // The largest power of two below the number of leaves.
        let middle = self.start + (1 << (leaves - 1).ilog2());
        Some((Self { start: self.start, end: middle }, Self { start: middle, end: self.end }))
    }

    /// Whether any leaf of it is in the range.
    pub fn meets(self, range: &Range<u64>) -> bool {
        range.start < self.end && self.start < range.end
    }

    /// The complete subtrees that it is made of, from left to right, each smaller than the one before.
    pub fn complete(self) -> Vec<Address> {
        let (mut start, mut found) = (self.start, Vec::new());
        while start < self.end {
            let height = (self.end - start).ilog2();
            found.push(Address { height, index: start >> height });
            start += 1 << height;
        }
        found
    }

    /// Its node, from those of the complete subtrees that it is made of.
    ///
    /// # Errors
    /// Those of `node_of`.
    ///
    /// # Panics
    /// If sums do not fit 64 bits.
    pub fn node<N: Node, E>(self, mut node_of: impl FnMut(Address) -> Result<N, E>) -> Result<N, E> {
        let mut node: Option<N> = None;
        for address in self.complete().into_iter().rev() {
            let left = node_of(address)?;
            node = Some(match node {
                None => left,
                Some(right) => N::join(&left, &right).expect("what is added up fits 64 bits"),
            });
        }
        Ok(node.unwrap_or_else(N::empty))
    }
}
