//! What is stored of a tree: its nodes of height 8 and more.
//!
//! A proof that needs smaller subtrees computes them from the 256 leaves of their block and reads no others. The last
//! block of a tree is usually not complete; its node is kept too, so that no proof needs leaves of it only because it
//! is the last.

use super::{
    builder::{self, Builder},
    node::Node as _,
    subtree::{Address, Subtree},
};
use crate::hash::{self, Hash};

/// The height of the smallest subtrees that are stored.
pub const HEIGHT: u32 = 8;
/// Leaves of such a subtree: a block.
pub const BLOCK: u64 = 1 << HEIGHT;

/// The stored nodes of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nodes {
    size: u64,
    /// Of each height from [`HEIGHT`] on, the nodes of the complete subtrees from left to right; no height is empty.
    levels: Vec<Vec<Hash>>,
    /// Of the leaves behind the last complete block, if there are any.
    tail: Option<Hash>,
}

/// A tree in the making whose nodes are to be stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Growing {
    tree: Builder,
    levels: Vec<Vec<Hash>>,
    /// The leaves behind the last complete block: fewer than one has.
    block: Vec<Hash>,
}

/// The root over the leaves of a complete block, which is empty behind it. Level by level: no node of a level waits for
/// another, so they are hashed in pairs.
fn folded(block: &mut Vec<Hash>) -> Hash {
    let mut nodes = block.len() / 2;
    while nodes > 1 {
        for node in (0..nodes).step_by(2) {
            let below = block[2 * node..].first_chunk().expect("a level of a complete block has pairs of pairs");
            [block[node], block[node + 1]] = Hash::two_nodes(below);
        }
        nodes /= 2;
    }
    let root = Hash::node(&block[0], &block[1]);
    block.clear();
    root
}

impl Growing {
    /// Adds the next leaf.
    pub fn push(&mut self, leaf: Hash) {
        self.block.push(leaf);
        if (self.block.len() as u64) < BLOCK {
            return;
        }
        let block = folded(&mut self.block);
        let levels = &mut self.levels;
        self.tree.push_with(block, |height, node| {
            let height = height as usize;
            if levels.len() == height {
                levels.push(Vec::new());
            }
            levels[height].push(node);
        });
    }

    /// Leaves so far.
    pub fn size(&self) -> u64 {
        self.tree.size() * BLOCK + self.block.len() as u64
    }

    /// The tree as it is now.
    pub fn finish(self) -> Nodes {
        let size = self.size();
        let tail = (!self.block.is_empty()).then(|| builder::root(self.block));
        Nodes { size, levels: self.levels, tail }
    }
}

/// Why bytes are not the stored nodes of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// There are fewer or more bytes than the size of the tree takes.
    #[error("stored nodes are cut, or something follows them")]
    Length,
    /// A node is not that of the nodes below it.
    #[error("a stored node of height {0} is not that of the two below it")]
    Node(u32),
}

/// Leaves of a block that a proof needs and that were not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the leaves of block {0} are needed")]
pub struct Needed(pub u64);

impl Nodes {
    /// Leaves of the tree.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let node = |subtree: Subtree| self.node(subtree, &mut |block| Err::<Vec<Hash>, _>(Needed(block)));
        Subtree::whole(self.size).map_or_else(Hash::empty, |whole| node(whole).expect("of a whole tree all is stored"))
    }

    /// The leaves of a block.
    pub fn block(&self, block: u64) -> std::ops::Range<u64> {
        let start = block.saturating_mul(BLOCK).min(self.size);
        start..start.saturating_add(BLOCK).min(self.size)
    }

    /// The block whose leaves the node of this subtree is computed from; `None` if it comes from stored nodes.
    pub fn needs(&self, subtree: Subtree) -> Option<u64> {
        let is_tail = subtree.end == self.size && subtree.start.is_multiple_of(BLOCK);
        let is_whole = subtree.start.is_multiple_of(BLOCK) && (is_tail || subtree.end.is_multiple_of(BLOCK));
        (!is_whole).then_some(subtree.start / BLOCK)
    }

    /// The nodes of some subtrees of this tree, as a path of a proof names them. `leaves_of` gives the leaves of a
    /// block: those of [`Nodes::block`], and only of blocks that [`Nodes::needs`] names.
    ///
    /// # Errors
    /// Those of `leaves_of`; [`Needed`] if it gives another number of leaves, or the subtree is none of this tree.
    pub fn proof<E: From<Needed>>(
        &self,
        path: &[Subtree],
        mut leaves_of: impl FnMut(u64) -> Result<Vec<Hash>, E>,
    ) -> Result<Vec<Hash>, E> {
        // Consecutive subtrees of a path are often of one block.
        let mut last: Option<(u64, Vec<Hash>)> = None;
        let mut cached = |block: u64| match &last {
            Some((number, leaves)) if *number == block => Ok(leaves.clone()),
            _ => {
                let leaves = leaves_of(block)?;
                last = Some((block, leaves.clone()));
                Ok(leaves)
            }
        };
        path.iter().map(|subtree| self.node(*subtree, &mut cached)).collect()
    }

    fn node<E: From<Needed>>(
        &self,
        subtree: Subtree,
        leaves_of: &mut impl FnMut(u64) -> Result<Vec<Hash>, E>,
    ) -> Result<Hash, E> {
        if let Some(block) = self.needs(subtree) {
            let (all, leaves) = (self.block(block), leaves_of(block)?);
            let count = all.end - all.start;
            let inside = |leaf: u64| usize::try_from(leaf.checked_sub(all.start)?).ok();
            let wanted = inside(subtree.start).zip(inside(subtree.end)).and_then(|(start, end)| leaves.get(start..end));
            let wanted = wanted.filter(|_| leaves.len() as u64 == count).ok_or(Needed(block))?;
            return Ok(builder::root(wanted.iter().copied()));
        }
        let is_tail = !subtree.end.is_multiple_of(BLOCK);
        let complete = Subtree { start: subtree.start, end: subtree.end - subtree.end % BLOCK };
        let stored = |address: Address| {
            let level = address.height.checked_sub(HEIGHT).and_then(|level| self.levels.get(level as usize));
            let index = usize::try_from(address.index).ok();
            let node = level.zip(index).and_then(|(level, index)| level.get(index));
            node.copied().ok_or_else(|| E::from(Needed(subtree.start / BLOCK)))
        };
        let mut nodes = complete.complete().into_iter().map(stored).collect::<Result<Vec<_>, _>>()?;
        if is_tail {
            nodes.push(self.tail.ok_or_else(|| E::from(Needed(subtree.start / BLOCK)))?);
        }
        let last = nodes.pop().ok_or_else(|| E::from(Needed(subtree.start / BLOCK)))?;
        Ok(nodes.iter().rev().fold(last, |right, left| Hash::node(left, &right)))
    }

    /// The leaves of the first block in which another tree differs, as far as both have it; `None` if they are equal.
    pub fn first_difference(&self, other: &Self) -> Option<std::ops::Range<u64>> {
        let blocks = |nodes: &Self| nodes.levels.first().cloned().unwrap_or_default();
        let (one, two) = (blocks(self), blocks(other));
        let differs = one.iter().zip(&two).position(|(one, two)| one != two);
        let behind = || (self != other).then_some(one.len().min(two.len()));
        differs.or_else(behind).map(|block| self.block(block as u64))
    }

    /// As bytes: the nodes of each height from left to right, the lowest height first, then that of the last block if
    /// it is not complete. How many there are follows from the size of the tree, which is not among them.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.levels.iter().flatten().chain(&self.tail).flat_map(|hash| hash.0).collect()
    }

    /// How many bytes the nodes of a tree take.
    pub fn bytes_of(size: u64) -> u64 {
        let complete: u64 = (HEIGHT..u64::BITS).map(|height| size >> height).sum();
        let tail = u64::from(!size.is_multiple_of(BLOCK));
        // At most 2^57 nodes, so the bytes fit.
        (complete + tail) * hash::BYTES as u64
    }

    /// Reads the nodes of a tree of `size` leaves, and checks each against those below it. What the lowest height says
    /// is not checked: its leaves are elsewhere.
    ///
    /// # Errors
    /// Why these bytes are not such nodes.
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Result<Self, Unreadable> {
        if bytes.len() as u64 != Self::bytes_of(size) {
            return Err(Unreadable::Length);
        }
        let (chunks, _) = bytes.as_chunks::<{ hash::BYTES }>();
        let mut hashes = chunks.iter().map(|chunk| Hash(*chunk));
        let mut levels = Vec::new();
        for height in HEIGHT..u64::BITS {
            let count = usize::try_from(size >> height).map_err(|_| Unreadable::Length)?;
            if count == 0 {
                break;
            }
            levels.push(hashes.by_ref().take(count).collect::<Vec<_>>());
        }
        let nodes = Self { size, levels, tail: hashes.next() };
        for (height, pair) in (HEIGHT..).zip(nodes.levels.windows(2)) {
            let joined = pair[0].as_chunks::<2>().0.iter().map(|[left, right]| Hash::node(left, right));
            if !joined.eq(pair[1].iter().copied()) {
                return Err(Unreadable::Node(height + 1));
            }
        }
        Ok(nodes)
    }
}
