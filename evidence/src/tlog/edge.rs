//! The right edge of a tree: the hashes of its partial tiles, which is all that it takes to add leaves and to know the
//! root.

use crate::{
    hash::Hash,
    tree::{self, Node as _, Subtree},
};

use super::tile::{Tile, WIDTH};

/// A tree that grows. It holds at most 255 hashes a level.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edge {
    size: u64,
    /// The hashes of the partial tile of each level, from the leaves up.
    levels: Vec<Vec<Hash>>,
}

impl Edge {
    /// The edge of a tree of `size` leaves, from its partial tiles as [`Tile::partial`] names them; `None` if there are
    /// fewer or more, or one has not as many hashes as it must have.
    pub fn of(size: u64, partial: &[(Tile, Vec<Hash>)]) -> Option<Self> {
        let expected = Tile::partial(size);
        let fits = |((tile, hashes), expected): (&(Tile, Vec<Hash>), &Tile)| {
            tile == expected && hashes.len() == usize::from(expected.width)
        };
        if partial.len() != expected.len() || !partial.iter().zip(&expected).all(fits) {
            return None;
        }
        let mut levels = Vec::new();
        for (tile, hashes) in partial {
            let level = usize::try_from(tile.level).ok()?;
            levels.resize(level.max(levels.len()), Vec::new());
            levels.push(hashes.clone());
        }
        Some(Self { size, levels })
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf; the tiles that are full with it, from the leaves up.
    pub fn push(&mut self, leaf: Hash) -> Vec<(Tile, Vec<Hash>)> {
        let mut full = Vec::new();
        let (mut level, mut hash) = (0, leaf);
        loop {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let hashes = &mut self.levels[level];
            hashes.push(hash);
            if (hashes.len() as u64) < WIDTH {
                break;
            }
            hash = Tile::node(hashes);
            let number = u32::try_from(level).expect("a tree has 8 levels at most");
            full.push((Tile::full(number, self.size >> (8 * (number + 1))), std::mem::take(hashes)));
            level += 1;
        }
        self.size += 1;
        full
    }

    /// The partial tiles, from the leaves up.
    pub fn partial(&self) -> Vec<(Tile, Vec<Hash>)> {
        let tiles = Tile::partial(self.size).into_iter();
        tiles.map(|tile| (tile, self.levels[tile.level as usize].clone())).collect()
    }

    /// The root.
    pub fn root(&self) -> Hash {
        let mut root: Option<Hash> = None;
        // Complete subtrees from the right end: the smallest first.
        for hashes in &self.levels {
            let Some(all) = Subtree::whole(hashes.len() as u64) else { continue };
            let mut end = hashes.len();
            for subtree in all.complete().iter().rev() {
                let start = end - (1 << subtree.height);
                let left = tree::root(hashes[start..end].iter().copied());
                root = Some(root.map_or(left, |right| Hash::node(&left, &right)));
                end = start;
            }
        }
        root.unwrap_or_else(Hash::empty)
    }
}
