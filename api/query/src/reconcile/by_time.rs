//! Pairs of clicks without ids: of the same ad and price, at the same time within a tolerance, the earliest first.
//!
//! It goes from what is most alike to what is least: clicks of ours that are billed, at the very time; within the
//! tolerance; clicks that are not billed; another price; outside the range that was asked for; and, last, the same by a
//! number of whole quarters of an hour earlier or later, if so many are that it can be no chance. One click is in one
//! pair, and the same lists give the same pairs.

use super::{
    names::Name,
    pairs::Pairs,
    side::{Our, Side, Stands, Their},
};

/// Offsets of zones are quarters of an hour.
pub(super) const QUARTER_MICROS: i64 = 900_000_000;
/// No clock is farther from another: from UTC-12 to UTC+14.
pub(super) const QUARTERS_MAX: i64 = 26 * 4;
/// A file has at most so many offsets: its zone's in winter and in summer.
const OFFSETS_MAX: usize = 2;
/// Fewer clicks at the same offset may be chance.
const OFFSET_ROWS_MIN: usize = 3;
/// An offset explains at least one in so many of the clicks that nothing else explains, and twice as many as the
/// offsets do that are none.
const OFFSET_SHARE: usize = 10;

/// What clicks must agree in, their time, and their row.
type Keyed = ((Name, Option<(Name, i64)>), i64, u32);

/// Pairs what has no id, and returns the offsets that were found.
pub(super) fn pair(ours: &Side<Our>, theirs: &Side<Their>, tolerance: i64, pairs: &mut Pairs) -> Vec<i64> {
    let is_billed = |row: u32| ours.row(row).own.is_billed();
    let is_asked = |row: u32| ours.row(row).own.is_asked;
    let is_known = |row: u32| ours.row(row).own.stands != Stands::Unjudged;
    let mut matching = Matching::new(ours, theirs, true, pairs);
    let steps: [(&dyn Fn(u32) -> bool, i64); 4] =
        [(&is_billed, 0), (&is_billed, tolerance), (&is_asked, 0), (&is_asked, tolerance)];
    for (holds, tolerance) in steps {
        matching.pass(holds, tolerance, pairs);
    }
    let mut any_price = Matching::new(ours, theirs, false, pairs);
    any_price.pass(&is_billed, tolerance, pairs);
    any_price.pass(&|row| is_asked(row) && is_known(row), tolerance, pairs);
    let mut rest = Matching::new(ours, theirs, true, pairs);
    rest.pass(&|_| true, tolerance, pairs);
    let mut offsets = Vec::new();
    while offsets.len() < OFFSETS_MAX {
        let Some(offset) = rest.offset(tolerance) else { break };
        rest.shifted(offset, tolerance, pairs);
        offsets.push(offset);
    }
    offsets
}

/// What is not paired yet, sorted by what must agree and then by time.
#[derive(Debug)]
struct Matching {
    ours: Vec<Keyed>,
    theirs: Vec<Keyed>,
}

impl Matching {
    fn new(ours: &Side<Our>, theirs: &Side<Their>, with_price: bool, pairs: &Pairs) -> Self {
        let mut of_ours: Vec<Keyed> = Vec::new();
        for row in ours.numbers().filter(|row| pairs.of_ours(*row).is_none()) {
            let click = ours.row(row);
            let Some(ad) = click.ad else { continue };
            of_ours.push(((ad, with_price.then_some((click.currency, click.price))), click.time, row));
        }
        let mut of_theirs: Vec<Keyed> = Vec::new();
        for row in theirs.numbers().filter(|row| pairs.of_theirs(*row).is_none() && theirs.id(*row).is_empty()) {
            let click = theirs.row(row);
            let Some(ad) = click.ad else { continue };
            of_theirs.push(((ad, with_price.then_some((click.currency, click.price))), click.time, row));
        }
        of_ours.sort_unstable();
        of_theirs.sort_unstable();
        Self { ours: of_ours, theirs: of_theirs }
    }

    /// Pairs those of ours that `holds` with what is left of theirs.
    fn pass(&mut self, holds: &dyn Fn(u32) -> bool, tolerance: i64, pairs: &mut Pairs) {
        if self.theirs.is_empty() {
            return;
        }
        let asked: Vec<Keyed> = self.ours.iter().filter(|keyed| holds(keyed.2)).copied().collect();
        merge(&asked, &self.theirs, 0, tolerance, &mut |one, other| pairs.pair(one, other));
        self.drop_paired(pairs);
    }

    /// Pairs what is the same `offset` later on their side.
    fn shifted(&mut self, offset: i64, tolerance: i64, pairs: &mut Pairs) {
        merge(&self.ours, &self.theirs, offset, tolerance, &mut |one, other| pairs.pair(one, other));
        self.drop_paired(pairs);
    }

    fn drop_paired(&mut self, pairs: &Pairs) {
        self.ours.retain(|keyed| pairs.of_ours(keyed.2).is_none());
        self.theirs.retain(|keyed| pairs.of_theirs(keyed.2).is_none());
    }

    /// The offset by which most of what is left is the same, if it can be no chance. Of equal ones the smallest.
    fn offset(&self, tolerance: i64) -> Option<i64> {
        if self.theirs.is_empty() || self.ours.is_empty() {
            return None;
        }
        let count = |offset: i64| {
            let mut count = 0;
            merge(&self.ours, &self.theirs, offset, tolerance, &mut |_, _| count += 1);
            count
        };
        let quarters = (1..=QUARTERS_MAX).flat_map(|quarter| [quarter, -quarter]);
        let counted: Vec<(usize, i64)> =
            quarters.map(|quarter| (count(quarter * QUARTER_MICROS), quarter * QUARTER_MICROS)).collect();
        let mut counts: Vec<usize> = counted.iter().map(|(count, _)| *count).collect();
        counts.sort_unstable();
        let by_chance = counts[counts.len() / 2];
        let (best, offset) = counted.into_iter().rev().max_by_key(|(count, _)| *count)?;
        let is_enough = best >= OFFSET_ROWS_MIN && best * OFFSET_SHARE >= self.theirs.len() && best > 2 * by_chance;
        is_enough.then_some(offset)
    }
}

/// Shows the pairs of two sorted lists: within what agrees, each of theirs, less `offset`, with the earliest of ours
/// that is not farther away than the tolerance.
fn merge(ours: &[Keyed], theirs: &[Keyed], offset: i64, tolerance: i64, pair: &mut dyn FnMut(u32, u32)) {
    let (mut i, mut j) = (0, 0);
    while let (Some(one), Some(other)) = (ours.get(i), theirs.get(j)) {
        let time = other.1.saturating_sub(offset);
        if (one.0, one.1.saturating_add(tolerance)) < (other.0, time) {
            i += 1;
        } else if (other.0, time.saturating_add(tolerance)) < (one.0, one.1) {
            j += 1;
        } else {
            pair(one.2, other.2);
            (i, j) = (i + 1, j + 1);
        }
    }
}
