//! Pairs by event id: both sides sorted by it, and merged.
//!
//! Ids are compared whole. Their first 16 bytes are in the sorted list itself, so that few comparisons look further.

use std::cmp::Ordering;

use super::{
    pairs::Pairs,
    side::{Our, Side, Their},
};

/// The beginning of an id, and the row that has it.
pub(super) type Keyed = (u128, u32);

/// The beginning of an id, in the order of its bytes.
pub(super) fn beginning(id: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    let length = id.len().min(bytes.len());
    bytes[..length].copy_from_slice(&id[..length]);
    u128::from_be_bytes(bytes)
}

/// The rows that have an id and that `holds`, by id, then in their order.
pub(super) fn sorted<O>(side: &Side<O>, holds: impl Fn(u32) -> bool) -> Vec<Keyed> {
    let with_id = side.numbers().filter(|row| !side.id(*row).is_empty() && holds(*row));
    let mut keyed: Vec<Keyed> = with_id.map(|row| (beginning(side.id(row)), row)).collect();
    keyed.sort_unstable_by(|a, b| {
        let by_id = a.0.cmp(&b.0).then_with(|| side.id(a.1).cmp(side.id(b.1)));
        by_id.then(a.1.cmp(&b.1))
    });
    keyed
}

/// How many of the first rows have the id of the very first.
pub(super) fn group<O>(side: &Side<O>, keyed: &[Keyed]) -> usize {
    let Some(first) = keyed.first() else { return 0 };
    let is_same = |other: &&Keyed| other.0 == first.0 && side.id(other.1) == side.id(first.1);
    keyed.iter().take_while(is_same).count()
}

/// Pairs clicks of the same id. Where several have it, those of the same ad come first, and of ours those that are
/// billed.
pub(super) fn pair(ours: &Side<Our>, theirs: &Side<Their>, pairs: &mut Pairs) {
    let (all_ours, all_theirs) = (sorted(ours, |_| true), sorted(theirs, |_| true));
    let (mut a, mut b) = (&all_ours[..], &all_theirs[..]);
    while let (Some(first), Some(other)) = (a.first(), b.first()) {
        let order = first.0.cmp(&other.0).then_with(|| ours.id(first.1).cmp(theirs.id(other.1)));
        match order {
            Ordering::Less => a = &a[group(ours, a)..],
            Ordering::Greater => b = &b[group(theirs, b)..],
            Ordering::Equal => {
                let (same_a, rest_a) = a.split_at(group(ours, a));
                let (same_b, rest_b) = b.split_at(group(theirs, b));
                pair_group(ours, theirs, same_a, same_b, pairs);
                (a, b) = (rest_a, rest_b);
            }
        }
    }
}

/// Pairs the rows of one id.
fn pair_group(ours: &Side<Our>, theirs: &Side<Their>, same_a: &[Keyed], same_b: &[Keyed], pairs: &mut Pairs) {
    if let ([one], [other]) = (same_a, same_b) {
        pairs.pair(one.1, other.1);
        return;
    }
    let rows = |keyed: &[Keyed]| keyed.iter().map(|(_, row)| *row).collect::<Vec<u32>>();
    let (mut a, mut b) = (rows(same_a), rows(same_b));
    a.sort_unstable_by_key(|row| (ours.row(*row).ad, ours.row(*row).own.order()));
    b.sort_unstable_by_key(|row| (theirs.row(*row).ad, *row));
    let (mut i, mut j) = (0, 0);
    while let (Some(one), Some(other)) = (a.get(i), b.get(j)) {
        match ours.row(*one).ad.cmp(&theirs.row(*other).ad) {
            Ordering::Less => i += 1,
            Ordering::Greater => j += 1,
            Ordering::Equal => {
                pairs.pair(*one, *other);
                (i, j) = (i + 1, j + 1);
            }
        }
    }
    a.retain(|row| pairs.of_ours(*row).is_none());
    b.retain(|row| pairs.of_theirs(*row).is_none());
    a.sort_unstable_by_key(|row| ours.row(*row).own.order());
    b.sort_unstable();
    a.iter().zip(&b).for_each(|(one, other)| pairs.pair(*one, *other));
}
