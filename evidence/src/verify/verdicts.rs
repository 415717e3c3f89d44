//! Step 6: the verdicts are leaves of the hours in which they were logged, and none about these events is left out.
//!
//! Leaves of a part ascend by target, and each tells its target. So between two leaves that are shown side by side
//! there is no verdict about anything between them; and where leaves are hidden, no target of ours may be in their
//! range.

use std::ops::RangeInclusive;

use super::{
    failure::Failure,
    manifest::{Manifest, show},
    opened::{Opened, expect_end, expect_no_row, next_row},
    rows::Event,
    ruling::{Decision, Verdict, rank_of},
};
use crate::{
    bundle::{
        columns::{VERDICTS, at::verdicts},
        names,
        proof::{self, Leaf},
        table::Row,
    },
    hash::Hash,
    row, verdict,
};

/// Every verdict on the events, by target and place.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    pub(super) all: Vec<Verdict>,
    /// All verdicts before this position are there; `None` if there are no hours of verdicts.
    pub(super) before: Option<i64>,
    /// Leaves of others that were shown beside.
    pub(super) beside: u64,
}

/// Checks all verdicts. `events` ascend by position.
pub(super) fn check(opened: &Opened<'_>, hours: &[Manifest], events: &[Event]) -> Result<Verdicts, Failure> {
    let mut table = opened.table(names::VERDICTS, &VERDICTS)?;
    let mut from = opened.reader(names::PROOF_VERDICTS)?;
    let mut found = Verdicts { before: hours.last().map(|last| last.positions().end), ..Verdicts::default() };
    let mut bytes = Vec::new();
    for manifest in hours {
        let walk = Walk { manifest, events };
        let mut leaves: Vec<(u64, i64)> = Vec::new();
        let Verdicts { all, beside: others, .. } = &mut found;
        let root = proof::read_root::<Failure>(manifest.rows, &mut from, &mut |index, leaf| {
            let leaf = match leaf {
                Leaf::Beside(beside) => {
                    if has(events, &(beside.target..=beside.target)) {
                        let target = show(beside.target);
                        let reason = format!("a verdict about {target} in {} is withheld", manifest.hour);
                        return Err(Failure::incomplete(names::PROOF_VERDICTS, reason));
                    }
                    *others += 1;
                    beside
                }
                Leaf::Shown => {
                    let row = next_row(names::VERDICTS, &mut table)?;
                    let read = read(manifest, events, &row)?;
                    all.push(read);
                    bytes.clear();
                    row.encode(row::Kind::Verdicts, VERDICTS.len(), &mut bytes);
                    verdict::Leaf { target: read.target, row: Hash::of(&bytes) }
                }
            };
            leaves.push((index, leaf.target));
            Ok(leaf.hash())
        });
        let root = root.map_err(|failure| failure.or_at(names::PROOF_VERDICTS))?;
        if root != manifest.trees().rows.root {
            let reason = format!("the verdicts of {} are not those that were sealed", manifest.hour);
            return Err(Failure::integrity(names::VERDICTS, reason));
        }
        walk.check(&leaves)?;
    }
    expect_no_row(names::VERDICTS, &mut table)?;
    expect_end(names::PROOF_VERDICTS, &mut from)?;
    found.all.sort_unstable_by_key(|verdict| (verdict.target, verdict.position));
    Ok(found)
}

/// Whether any event stands in a range.
fn has(events: &[Event], targets: &RangeInclusive<i64>) -> bool {
    let first = events.partition_point(|event| event.position < *targets.start());
    events.get(first).is_some_and(|event| event.position <= *targets.end())
}

fn read(manifest: &Manifest, events: &[Event], row: &Row<'_>) -> Result<Verdict, Failure> {
    let wrong = |reason: &str| Failure::integrity(names::VERDICTS, format!("line {}: {reason}", row.line));
    let (target, position) = (row.int(verdicts::TARGET), row.int(verdicts::POSITION));
    if !has(events, &(target..=target)) {
        return Err(wrong("it is about an event that is not there"));
    }
    if !manifest.positions().contains(&position) {
        return Err(wrong("it does not stand in the frames of its hour"));
    }
    let decision = Decision::parse(row.text(verdicts::DECISION), row.text(verdicts::CATEGORY));
    let decision = decision.ok_or_else(|| wrong("it is neither valid nor invalid of a known category"))?;
    let weight = rank_of(row.text(verdicts::STAGE)).ok_or_else(|| wrong("its stage is not known"))?;
    Ok(Verdict { target, position, decision, weight })
}

/// Follows the leaves of an hour that are shown, part by part.
struct Walk<'r> {
    manifest: &'r Manifest,
    events: &'r [Event],
}

impl Walk<'_> {
    /// Checks leaves, which ascend, with their targets.
    fn check(&self, leaves: &[(u64, i64)]) -> Result<(), Failure> {
        let mut rest = leaves;
        for (part, range) in self.manifest.part_leaves().filter(|(_, range)| !range.is_empty()) {
            let Some((min, max)) = part.targets() else {
                let name = names::manifest(names::VERDICTS_STREAM, self.manifest.hour);
                return Err(Failure::integrity(name, "a part of it does not say what it is about"));
            };
            let (of_part, behind) = rest.split_at(rest.partition_point(|(leaf, _)| *leaf < range.end));
            rest = behind;
            let (mut next, mut least) = (range.start, min);
            for (leaf, target) in of_part {
                if *target < least || *target > max {
                    let reason =
                        format!("leaves of {} are out of order, or beyond what its part says", self.manifest.hour);
                    return Err(Failure::integrity(names::PROOF_VERDICTS, reason));
                }
                if *leaf != next {
                    self.check_hidden(&(least..=*target))?;
                }
                (next, least) = (leaf + 1, *target);
            }
            if next < range.end {
                self.check_hidden(&(least..=max))?;
            }
        }
        Ok(())
    }

    fn check_hidden(&self, targets: &RangeInclusive<i64>) -> Result<(), Failure> {
        if !has(self.events, targets) {
            return Ok(());
        }
        let (from, to) = (show(*targets.start()), show(*targets.end()));
        let reason = format!(
            "verdicts of {} about events from {from} to {to} are hidden, and events of the advertiser are among them",
            self.manifest.hour
        );
        Err(Failure::incomplete(names::PROOF_VERDICTS, reason))
    }
}
