//! A tree of which some leaves are shown, as bytes that are read once, from the left to the right.
//!
//! Each subtree, the whole tree first, is written as one of:
//!
//! ```text
//! h, 32 bytes              hidden: its hash
//! s                        a leaf that is shown: the next row of the table that goes with the proof
//! b, 8 bytes, 32 bytes     a leaf of verdicts beside those that are shown: its target (signed, big endian) and the
//!                          hash of its row
//! d, left half, right half divided as RFC 6962 divides it
//! ```
//!
//! A subtree of which nothing is shown is hidden as one: `d h h` does not occur. So the leaves that are shown decide
//! the bytes, and the bytes which leaves are shown. A tree without leaves has no bytes.

use std::{
    io::{self, BufRead, Write},
    ops::Range,
};

use crate::{hash, hash::Hash, tree::Subtree, verdict};

const HIDDEN: u8 = b'h';
const SHOWN: u8 = b's';
const BESIDE: u8 = b'b';
const DIVIDED: u8 = b'd';

/// What a proof has at a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaf {
    /// The next row of a table.
    Shown,
    /// A leaf of verdicts, shown so that others are not left out.
    Beside(verdict::Leaf),
}

/// Why bytes are no such tree.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// They cannot be read, or end too early.
    #[error("the proof cannot be read, or ends too early")]
    Io(#[from] io::Error),
    /// Something else stands there than may.
    #[error("at leaf {leaf} the proof has {found:?}, which cannot stand there")]
    Tag {
        /// The first leaf of the subtree.
        leaf: u64,
        /// What stands there.
        found: char,
    },
}

/// Reads a tree of `size` leaves and returns its root. `leaf` gets each leaf that is shown, with its index, in order,
/// and says its hash. At most 64 calls deep.
///
/// # Errors
/// [`Malformed`], and what `leaf` reports.
pub fn read_root<E: From<Malformed>>(
    size: u64,
    from: &mut impl BufRead,
    leaf: &mut impl FnMut(u64, Leaf) -> Result<Hash, E>,
) -> Result<Hash, E> {
    match Subtree::whole(size) {
        Some(whole) => read(whole, from, leaf).map(|(hash, _)| hash),
        None => Ok(Hash::of(b"")),
    }
}

/// The hash of a subtree, and whether all of it is hidden.
fn read<E: From<Malformed>>(
    subtree: Subtree,
    from: &mut impl BufRead,
    leaf: &mut impl FnMut(u64, Leaf) -> Result<Hash, E>,
) -> Result<(Hash, bool), E> {
    let tag = tag(from)?;
    match (tag, subtree.halves()) {
        (HIDDEN, _) => Ok((Hash(bytes(from)?), true)),
        (SHOWN, None) => Ok((leaf(subtree.start, Leaf::Shown)?, false)),
        (BESIDE, None) => {
            let beside = verdict::Leaf { target: i64::from_be_bytes(bytes(from)?), row: Hash(bytes(from)?) };
            Ok((leaf(subtree.start, Leaf::Beside(beside))?, false))
        }
        (DIVIDED, Some((left, right))) => match (read(left, from, leaf)?, read(right, from, leaf)?) {
            ((_, true), (_, true)) => Err(Malformed::Tag { leaf: subtree.start, found: DIVIDED.into() }.into()),
            ((left, _), (right, _)) => Ok((Hash::node(&left, &right), false)),
        },
        (found, _) => Err(Malformed::Tag { leaf: subtree.start, found: found.into() }.into()),
    }
}

/// The next byte, of which a tree has more than anything else.
fn tag(from: &mut impl BufRead) -> Result<u8, Malformed> {
    let tag = from.fill_buf()?.first().copied().ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
    from.consume(1);
    Ok(tag)
}

fn bytes<const N: usize>(from: &mut impl BufRead) -> Result<[u8; N], Malformed> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Writes a tree of `size` leaves of which those in `shown` (ascending, disjoint, not empty) are shown: `leaf` says how
/// each is, `hidden` the hash of each largest subtree without any. Both are asked from the left to the right; the
/// subtrees are those of [`tree::ranges::path`](crate::tree::ranges::path).
///
/// # Errors
/// What `hidden` reports; of writing.
pub fn write<E: From<io::Error>>(
    size: u64,
    shown: &[Range<u64>],
    out: &mut impl Write,
    leaf: &mut impl FnMut(u64) -> Leaf,
    hidden: &mut impl FnMut(Subtree) -> Result<Hash, E>,
) -> Result<(), E> {
    match Subtree::whole(size) {
        Some(whole) => write_subtree(whole, shown, out, leaf, hidden),
        None => Ok(()),
    }
}

fn write_subtree<E: From<io::Error>>(
    subtree: Subtree,
    shown: &[Range<u64>],
    out: &mut impl Write,
    leaf: &mut impl FnMut(u64) -> Leaf,
    hidden: &mut impl FnMut(Subtree) -> Result<Hash, E>,
) -> Result<(), E> {
    let first = shown.partition_point(|range| range.end <= subtree.start);
    let last = shown.partition_point(|range| range.start < subtree.end);
    let shown = shown.get(first..last).unwrap_or_default();
    if shown.is_empty() {
        out.write_all(&[HIDDEN])?;
        out.write_all(&hidden(subtree)?.0)?;
        return Ok(());
    }
    if let Some((left, right)) = subtree.halves() {
        out.write_all(&[DIVIDED])?;
        write_subtree(left, shown, out, leaf, hidden)?;
        return write_subtree(right, shown, out, leaf, hidden);
    }
    match leaf(subtree.start) {
        Leaf::Shown => out.write_all(&[SHOWN])?,
        Leaf::Beside(beside) => {
            let mut bytes = [BESIDE; 1 + size_of::<i64>() + hash::BYTES];
            bytes[1..=size_of::<i64>()].copy_from_slice(&beside.target.to_be_bytes());
            bytes[1 + size_of::<i64>()..].copy_from_slice(&beside.row.0);
            out.write_all(&bytes)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tree;

    fn leaf(index: u64) -> Hash {
        Hash::leaf(&index.to_be_bytes())
    }

    fn whole(subtree: Subtree) -> Hash {
        tree::root((subtree.start..subtree.end).map(leaf))
    }

    fn ranges(shown: &[bool]) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for index in (0_u64..).zip(shown).filter(|(_, shown)| **shown).map(|(index, _)| index) {
            match ranges.last_mut() {
                Some(last) if last.end == index => last.end += 1,
                _ => ranges.push(index..index + 1),
            }
        }
        ranges
    }

    fn written(shown: &[bool]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let hidden = &mut |subtree| Ok::<_, io::Error>(whole(subtree));
        write(shown.len() as u64, &ranges(shown), &mut bytes, &mut |_| Leaf::Shown, hidden).unwrap();
        bytes
    }

    proptest! {
        #[test]
        fn any_leaves_are_shown_and_lead_to_the_root(shown in prop::collection::vec(any::<bool>(), 0..70)) {
            let bytes = written(&shown);
            let mut from = bytes.as_slice();
            let mut seen = vec![false; shown.len()];
            let root = read_root::<Malformed>(shown.len() as u64, &mut from, &mut |index, _| {
                seen[usize::try_from(index).unwrap()] = true;
                Ok(leaf(index))
            }).unwrap();
            prop_assert_eq!(root, tree::root((0..shown.len() as u64).map(leaf)));
            prop_assert!(from.is_empty());
            prop_assert_eq!(seen, shown);
        }
    }

    #[test]
    fn what_is_hidden_is_hidden_as_one() {
        let mut bytes = vec![DIVIDED];
        for index in 0..2 {
            bytes.push(HIDDEN);
            bytes.extend(leaf(index).0);
        }
        let read = |bytes: &[u8], size| read_root::<Malformed>(size, &mut &bytes[..], &mut |index, _| Ok(leaf(index)));
        assert!(matches!(read(&bytes, 2), Err(Malformed::Tag { leaf: 0, found: 'd' })));
        assert!(matches!(read(b"s", 2), Err(Malformed::Tag { leaf: 0, found: 's' })));
        assert!(matches!(read(b"dss", 1), Err(Malformed::Tag { .. })));
        assert!(matches!(read(b"x", 1), Err(Malformed::Tag { .. })));
        assert!(matches!(read(b"ds", 2), Err(Malformed::Io(_))));
    }
}
