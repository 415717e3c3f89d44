//! Tiles (C2SP `tlog-tiles`): the hashes of a tree in files of 256. Level 0 holds leaves; each hash of a level above is
//! the root over a full tile of the level below.

use crate::{
    hash::Hash,
    tree::{self, Address},
};

/// Hashes of a full tile, and the binary logarithm of it.
pub(super) const WIDTH: u64 = 256;
const HEIGHT: u32 = 8;

/// A tile as a tree of some size has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// 0 for leaves.
    pub level: u32,
    /// Its number within the level.
    pub index: u64,
    /// How many hashes it has: 1 to 256. The last tile of a level is partial, unless it happens to be full.
    pub width: u16,
}

impl Tile {
    /// A full one.
    pub const fn full(level: u32, index: u64) -> Self {
        Self { level, index, width: 256 }
    }

    /// Tile `index` of a level as a tree of `size` leaves has it; `None` if it has none there.
    pub fn of(level: u32, index: u64, size: u64) -> Option<Self> {
        let hashes = size.checked_shr(level * HEIGHT).unwrap_or(0).checked_sub(index.checked_mul(WIDTH)?)?;
        let width = u16::try_from(hashes.min(WIDTH)).expect("256 at most");
        (width > 0).then_some(Self { level, index, width })
    }

    /// The partial tiles at the end of a tree of `size` leaves, from the leaves up.
    pub fn partial(size: u64) -> Vec<Self> {
        let levels = (0..u64::BITS / HEIGHT).map(|level| (level, size >> (level * HEIGHT)));
        let partial = levels.filter(|(_, hashes)| hashes % WIDTH > 0);
        partial.filter_map(|(level, hashes)| Self::of(level, hashes / WIDTH, size)).collect()
    }

    /// Where a tree of `size` leaves has the node at `address`: the tile, and which of its hashes the node is over.
    pub fn holding(address: Address, size: u64) -> Option<(Self, std::ops::Range<usize>)> {
        let level = address.height / HEIGHT;
        let over = 1_u64.checked_shl(address.height % HEIGHT)?;
        let first = address.index.checked_mul(over)?;
        let tile = Self::of(level, first / WIDTH, size)?;
        let first = usize::try_from(first % WIDTH).expect("below 256");
        let end = first + usize::try_from(over).expect("128 at most");
        (end <= usize::from(tile.width)).then_some((tile, first..end))
    }

    /// The node over some of its hashes.
    pub fn node(hashes: &[Hash]) -> Hash {
        tree::root(hashes.iter().copied())
    }

    /// Its hashes as bytes.
    pub fn encode(hashes: &[Hash]) -> Vec<u8> {
        hashes.iter().flat_map(|hash| hash.0).collect()
    }

    /// Its hashes, if these bytes have as many as it should.
    pub fn decode(self, bytes: &[u8]) -> Option<Vec<Hash>> {
        let (hashes, rest) = bytes.as_chunks::<32>();
        (rest.is_empty() && hashes.len() == usize::from(self.width))
            .then(|| hashes.iter().map(|hash| Hash(*hash)).collect())
    }

    /// Its path below the prefix of the log, as in `tile/0/x001/234.p/5`.
    pub fn path(self) -> String {
        format!("tile/{}/{}{}", self.level, index_path(self.index), self.suffix())
    }

    /// The path of the bundle with the entries of a tile of level 0, as in `tile/entries/x001/234.p/5`.
    pub fn entries_path(self) -> String {
        format!("tile/entries/{}{}", index_path(self.index), self.suffix())
    }

    fn suffix(self) -> String {
        if u64::from(self.width) == WIDTH { String::new() } else { format!(".p/{}", self.width) }
    }
}

/// A number as elements of a path with three digits each, all but the last behind an `x`: no file is ever in the way of
/// a directory.
pub fn index_path(index: u64) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    path
}

/// Reads what [`index_path`] writes.
pub fn parse_index(path: &str) -> Option<u64> {
    let digits: String = path.chars().filter(char::is_ascii_digit).collect();
    let index: u64 = digits.parse().ok()?;
    (index_path(index) == path).then_some(index)
}
