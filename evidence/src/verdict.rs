//! Leaves of verdicts. A leaf shows which event it is about without the verdict itself, so that *there is no other
//! verdict about this event* is shown by the neighbours of those there are.

use std::ops::Range;

use crate::{
    hash::{self, Hash},
    row,
};

/// A leaf of the tree of an hour of verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf {
    /// The position of the event that is judged.
    pub target: i64,
    /// The hash of the verdict's row, which has kind [`row::Kind::Verdicts`].
    pub row: Hash,
}

impl Leaf {
    /// Of a verdict whose values stand in the order of the schema.
    pub fn of<'a>(target: i64, values: impl IntoIterator<Item = row::Value<'a>>) -> Self {
        Self { target, row: Hash::of(&row::encode(row::Kind::Verdicts, values)) }
    }

    /// What stands in the tree: the leaf that holds the target (8 bytes, signed, big endian) and the hash of the row.
    pub fn hash(&self) -> Hash {
        let mut data = [hash::LEAF; 1 + size_of::<i64>() + hash::BYTES];
        data[1..=size_of::<i64>()].copy_from_slice(&self.target.to_be_bytes());
        data[1 + size_of::<i64>()..].copy_from_slice(&self.row.0);
        hash::of_short(&data)
    }
}

/// Whether a run of consecutive leaves of a part shows every verdict of the part about `target`: rows of a part ascend
/// by target, so there is a lesser one before (or the part begins), a greater one behind (or it ends), and nothing is
/// out of order between them. `part` and `run` are leaves of the tree, half-open; that the run's leaves stand there is
/// proved elsewhere ([`crate::tree::ranges`]).
pub fn shows_all_of(target: i64, part: &Range<u64>, run: &Range<u64>, leaves: &[Leaf]) -> bool {
    let is_run = run.start >= part.start && run.end <= part.end && run.start <= run.end;
    if !is_run || run.end - run.start != leaves.len() as u64 || !leaves.is_sorted_by_key(|leaf| leaf.target) {
        return false;
    }
    let is_below = |leaf: &Leaf| leaf.target < target;
    let is_above = |leaf: &Leaf| leaf.target > target;
    let begins = run.start == part.start || leaves.first().is_some_and(is_below);
    let ends = run.end == part.end || leaves.last().is_some_and(is_above);
    begins && ends
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(target: i64) -> Leaf {
        Leaf::of(target, [row::Value::Int(target), row::Value::Text("valid")])
    }

    #[test]
    fn leaf_holds_target_and_hash_of_the_row() {
        let leaf = leaf(-2);
        let row = Hash::of(&row::encode(row::Kind::Verdicts, [row::Value::Int(-2), row::Value::Text("valid")]));
        let data = [(-2_i64).to_be_bytes().as_slice(), &row.0].concat();
        assert_eq!(leaf.hash(), Hash::leaf(&data));
    }

    #[test]
    fn neighbours_or_ends_of_the_part_show_that_nothing_is_left_out() {
        let part: Vec<Leaf> = [3, 5, 5, 7, 7, 9].map(leaf).into();
        let shows = |target, start: usize, end: usize| {
            shows_all_of(target, &(100..106), &(100 + start as u64..100 + end as u64), &part[start..end])
        };
        for (target, start, end, expected) in [
            (5, 0, 4, true),
            (5, 1, 4, false), // no lesser one before
            (5, 0, 3, false), // no greater one behind
            (3, 0, 2, true),  // the part begins
            (9, 4, 6, true),  // the part ends
            (6, 2, 4, true),  // there is none
            (6, 2, 3, false),
            (2, 0, 1, true),
            (11, 5, 6, true),
            (11, 0, 6, true),
            (5, 0, 0, false),
        ] {
            assert_eq!(shows(target, start, end), expected, "{target} in {start}..{end}");
        }
        assert!(!shows_all_of(5, &(100..106), &(99..103), &part[0..4]), "it begins before the part");
        assert!(!shows_all_of(5, &(100..106), &(100..104), &part[0..3]), "a leaf is missing");
        let mut unsorted = part[0..4].to_vec();
        unsorted.swap(1, 3);
        assert!(!shows_all_of(5, &(100..106), &(100..104), &unsorted));
        assert!(shows_all_of(5, &(100..100), &(100..100), &[]), "an empty part holds none");
    }
}
