//! That some leaves are in a tree, in as many ranges as there are: one leaf, all rows of somebody, scattered ones.
//!
//! The proof is the nodes of the largest subtrees that hold none of the leaves, from left to right. Of a single leaf
//! these are the nodes of its audit path in another order; of all leaves there are none.

use std::ops::Range;

use super::{invalid::Invalid, node::Node, subtree::Subtree};

/// The subtrees whose nodes prove that the leaves in `ranges` are in a tree of `size` leaves, from left to right;
/// `None` if the ranges are not ascending, disjoint, non-empty and inside the tree. Ranges may touch.
///
/// Without ranges it is the whole tree, if that has leaves.
pub fn path(ranges: &[Range<u64>], size: u64) -> Option<Vec<Subtree>> {
    if !are_ranges_of(ranges, size) {
        return None;
    }
    let mut path = Vec::new();
    if let Some(whole) = Subtree::whole(size) {
        collect(whole, ranges, &mut path);
    }
    Some(path)
}

fn are_ranges_of(ranges: &[Range<u64>], size: u64) -> bool {
    let mut from = 0;
    for range in ranges {
        if range.start < from || range.is_empty() || range.end > size {
            return false;
        }
        from = range.end;
    }
    true
}

/// The ranges that meet the subtree; `ranges` are ascending and disjoint.
fn meeting(subtree: Subtree, ranges: &[Range<u64>]) -> &[Range<u64>] {
    let first = ranges.partition_point(|range| range.end <= subtree.start);
    let last = ranges.partition_point(|range| range.start < subtree.end);
    ranges.get(first..last).unwrap_or_default()
}

fn is_within(subtree: Subtree, ranges: &[Range<u64>]) -> bool {
    matches!(ranges, [range] if range.start <= subtree.start && subtree.end <= range.end)
}

fn collect(subtree: Subtree, ranges: &[Range<u64>], path: &mut Vec<Subtree>) {
    let ranges = meeting(subtree, ranges);
    if ranges.is_empty() {
        path.push(subtree);
    } else if !is_within(subtree, ranges)
        && let Some((left, right)) = subtree.halves()
    {
        collect(left, ranges, path);
        collect(right, ranges, path);
    }
}

/// Checks that `leaves`, which are those of `ranges` in order, stand there in the tree of `size` leaves under `root`.
///
/// # Errors
/// Why it is not proved.
pub fn verify<N: Node>(
    ranges: &[Range<u64>],
    size: u64,
    leaves: impl IntoIterator<Item = N>,
    proof: &[N],
    root: &N,
) -> Result<(), Invalid> {
    if !are_ranges_of(ranges, size) {
        return Err(Invalid::Question);
    }
    let (mut leaves, mut proof) = (leaves.into_iter(), proof.iter());
    let found = match Subtree::whole(size) {
        Some(whole) => node_of(whole, ranges, &mut leaves, &mut proof)?,
        None => N::empty(),
    };
    if leaves.next().is_some() || proof.next().is_some() {
        return Err(Invalid::Length);
    }
    if found == *root { Ok(()) } else { Err(Invalid::Root) }
}

/// The node of a subtree, from leaves and proof. At most 64 calls deep, and each call that ends takes a leaf or a node.
fn node_of<'p, N: Node + 'p>(
    subtree: Subtree,
    ranges: &[Range<u64>],
    leaves: &mut impl Iterator<Item = N>,
    proof: &mut impl Iterator<Item = &'p N>,
) -> Result<N, Invalid> {
    let ranges = meeting(subtree, ranges);
    if ranges.is_empty() {
        return proof.next().copied().ok_or(Invalid::Length);
    }
    let Some((left, right)) = subtree.halves() else {
        return leaves.next().ok_or(Invalid::Length);
    };
    let left = node_of(left, ranges, leaves, proof)?;
    let right = node_of(right, ranges, leaves, proof)?;
    N::join(&left, &right).ok_or(Invalid::Sum)
}
