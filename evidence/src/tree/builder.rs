//! A tree that grows by one leaf after the other. It holds the roots of its complete subtrees and nothing else: at most
//! 64 nodes, however many leaves there are.

use super::node::Node;
use crate::hash::Hash;

/// A tree in the making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Builder<N = Hash> {
    size: u64,
    /// Roots of complete subtrees, the largest first: one for each bit of `size` that is set.
    roots: Vec<N>,
}

impl<N> Default for Builder<N> {
    fn default() -> Self {
        Self { size: 0, roots: Vec::new() }
    }
}

impl<N: Node> Builder<N> {
    /// Adds the next leaf.
    ///
    /// # Panics
    /// If sums no longer fit 64 bits.
    pub fn push(&mut self, leaf: N) {
        self.push_with(leaf, |_, _| {});
    }

    /// The same; `formed` gets the height and the node of each subtree that is complete with this leaf, the leaf first.
    ///
    /// # Panics
    /// If sums no longer fit 64 bits.
    pub fn push_with(&mut self, leaf: N, mut formed: impl FnMut(u32, N)) {
        formed(0, leaf);
        let mut node = leaf;
        for height in 1..=self.size.trailing_ones() {
            let left = self.roots.pop().expect("there is a root for each bit of the size");
            node = N::join(&left, &node).expect("what is added up fits 64 bits");
            formed(height, node);
        }
        self.roots.push(node);
        self.size += 1;
    }

    /// Leaves so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root over the leaves so far.
    ///
    /// # Panics
    /// If sums do not fit 64 bits.
    pub fn root(&self) -> N {
        let join = |right: N, left: &N| N::join(left, &right).expect("what is added up fits 64 bits");
        let mut roots = self.roots.iter().rev();
        roots.next().map_or_else(N::empty, |last| roots.fold(*last, join))
    }
}

/// The root over leaves.
///
/// # Panics
/// If their sums do not fit 64 bits.
pub fn root<N: Node>(leaves: impl IntoIterator<Item = N>) -> N {
    let mut builder = Builder::default();
    leaves.into_iter().for_each(|leaf| builder.push(leaf));
    builder.root()
}
