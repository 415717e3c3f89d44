//! A question about some leaves of a tree of which only nodes are stored: which leaves have to be looked at, and the
//! proof once they are known.

use std::ops::Range;

use super::{
    ranges,
    stored::{BLOCK, Needed, Nodes},
    subtree::Subtree,
};
use crate::hash::Hash;

/// Which leaves are to be proved, and which must be known for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    ranges: Vec<Range<u64>>,
    path: Vec<Subtree>,
    wanted: Vec<Range<u64>>,
    /// How many leaves stand in front of each of the wanted ranges, among those that are wanted.
    before: Vec<u64>,
}

/// Some leaves, and the nodes that prove them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The leaves that were asked for, in order.
    pub leaves: Vec<Hash>,
    /// The proof: see [`ranges`].
    pub nodes: Vec<Hash>,
}

impl Question {
    /// About the leaves in `ranges` of a tree; `None` if that has no such leaves (see [`ranges::path`]).
    pub fn new(nodes: &Nodes, ranges: Vec<Range<u64>>) -> Option<Self> {
        let path = ranges::path(&ranges, nodes.size())?;
        let blocks = path.iter().filter_map(|subtree| nodes.needs(*subtree)).map(|block| nodes.block(block));
        let wanted = union(ranges.iter().cloned().chain(blocks).collect());
        let mut sum = 0;
        let before = wanted
            .iter()
            .map(|range| {
                let before = sum;
                sum += range.end - range.start;
                before
            })
            .collect();
        Some(Self { ranges, path, wanted, before })
    }

    /// The ranges that were asked for.
    pub fn ranges(&self) -> &[Range<u64>] {
        &self.ranges
    }

    /// The leaves that have to be known: those that were asked for, and the others of blocks of 256 in which a range
    /// begins or ends. Ascending, disjoint, not touching.
    pub fn wanted(&self) -> &[Range<u64>] {
        &self.wanted
    }

    /// The proof, from the leaves that are wanted, in order.
    ///
    /// # Errors
    /// [`Needed`] if there are fewer or more, or the nodes are of another tree.
    pub fn answer(&self, nodes: &Nodes, wanted: &[Hash]) -> Result<Answer, Needed> {
        let count: u64 = self.wanted.iter().map(|range| range.end - range.start).sum();
        if wanted.len() as u64 != count {
            return Err(Needed(wanted.len() as u64 / BLOCK));
        }
        let of = |leaves: &Range<u64>| {
            let found = self.find(leaves).and_then(|range| wanted.get(range));
            found.ok_or(Needed(leaves.start / BLOCK))
        };
        let mut leaves = Vec::new();
        for range in &self.ranges {
            leaves.extend_from_slice(of(range)?);
        }
        let nodes = nodes.proof(&self.path, |block| of(&nodes.block(block)).map(<[Hash]>::to_vec))?;
        Ok(Answer { leaves, nodes })
    }

    /// Where leaves stand among those that are wanted.
    fn find(&self, leaves: &Range<u64>) -> Option<Range<usize>> {
        let at = self.wanted.partition_point(|range| range.end <= leaves.start);
        let range = self.wanted.get(at).filter(|range| range.start <= leaves.start && leaves.end <= range.end)?;
        let start = self.before.get(at)? + (leaves.start - range.start);
        let end = start + (leaves.end - leaves.start);
        Some(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }
}

/// Ranges as ascending ones that neither overlap nor touch.
fn union(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut united: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match united.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            Some(_) | None => united.push(range),
        }
    }
    united
}
