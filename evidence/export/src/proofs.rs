//! Trees of which some leaves are shown, written from ranges of leaves and the nodes that prove them.

use std::{
    io::{self, Write},
    ops::Range,
};

use clicktrail_evidence::{
    Hash,
    bundle::proof::{self, Leaf},
};

/// Writes a tree of `size` leaves of which these are shown; `nodes` are those beside them, from left to right.
pub(crate) fn write(
    size: u64,
    shown: &[Range<u64>],
    nodes: &[Hash],
    leaf: &mut impl FnMut(u64) -> Leaf,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut nodes = nodes.iter().copied();
    let hidden = &mut |_| nodes.next().ok_or_else(|| io::Error::other("a proof has fewer nodes than its leaves need"));
    proof::write(size, shown, out, leaf, hidden)?;
    match nodes.next() {
        None => Ok(()),
        Some(_) => Err(io::Error::other("a proof has more nodes than its leaves need")),
    }
}

/// Ranges that ascend, as ranges that neither overlap nor touch.
pub(crate) fn joined(ranges: impl IntoIterator<Item = Range<u64>>) -> Vec<Range<u64>> {
    let mut found: Vec<Range<u64>> = Vec::new();
    for range in ranges.into_iter().filter(|range| !range.is_empty()) {
        match found.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            Some(_) | None => found.push(range),
        }
    }
    found
}
