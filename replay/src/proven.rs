//! How far the judge has come, from archive and verdict log alone: for a catalog that has lost the judge's mark.
//!
//! An hour is projected once the judge has passed it, so its receipt proves that. And live verdicts stand in the order
//! of what they are about, so the last one proves that everything before its frame is judged.

use std::time::Duration;

use clicktrail_log::{
    archive::{Archive, Manifest, keys::ReceiptKey},
    log::ReadLimit,
    position::Seq,
    time::Hour,
};
use clicktrail_projections::counters;
use clicktrail_verdicts::{judge::Mark, reader::VerdictReader, verdict::Stage};

use crate::error::Error;

/// The mark that is known, or a later one that is proven. Nothing is read if the known one covers all `manifests`.
/// Receipts of hours behind `receipts_prove` prove nothing.
///
/// # Errors
/// As archive and verdict log report.
pub(crate) async fn mark(
    archive: &Archive,
    history: &VerdictReader,
    manifests: &[Manifest],
    known: Mark,
    receipts_prove: Option<Hour>,
) -> Result<Mark, Error> {
    let is_further = |manifest: &&Manifest| manifest.last_seq() > known.clicks_through;
    if !manifests.last().is_some_and(|last| is_further(&last)) {
        return Ok(known);
    }
    let mut passed = known.clicks_through;
    let proves = |manifest: &&Manifest| receipts_prove.is_none_or(|last| manifest.hour() <= last);
    for manifest in manifests.iter().rev().take_while(is_further).filter(proves) {
        if archive.holds_any(&ReceiptKey::prefix(counters::NAME, manifest.hour())).await? {
            passed = manifest.last_seq();
            break;
        }
    }
    let mut verdicts = Verdicts { passed, through: known.verdicts_through, newest: Seq::ZERO, last: Seq::ZERO };
    let mut next = known.verdicts_through.max(Seq::FIRST);
    loop {
        let page = history.read_outlines(next, ReadLimit::waiting(Duration::ZERO)).await?;
        for ruled in page.ruled.iter().filter(|ruled| ruled.outline.stage == Stage::Live) {
            verdicts.add(ruled.position.seq(), ruled.outline.target.seq());
        }
        if page.next == next {
            return Ok(Mark { clicks_through: verdicts.passed, verdicts_through: verdicts.through });
        }
        next = page.next;
    }
}

/// What the live verdicts prove, read in their order.
#[derive(Debug)]
struct Verdicts {
    /// The last click frame that is judged for certain.
    passed: Seq,
    /// The last verdict frame that is about one of these.
    through: Seq,
    /// The newest click frame that a verdict is about: later rows of it may still lack theirs.
    newest: Seq,
    /// The last verdict frame.
    last: Seq,
}

impl Verdicts {
    fn add(&mut self, frame: Seq, target: Seq) {
        if target > self.newest {
            if target.previous() > self.passed {
                self.passed = target.previous();
                self.through = self.through.max(self.last);
            }
            self.newest = target;
        }
        if target <= self.passed {
            self.through = self.through.max(frame);
        }
        self.last = frame;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_verdicts_prove_the_frames_before_the_one_that_they_are_about() {
        let check = |passed: u64, verdicts: &[(u64, u64)], expected: (u64, u64)| {
            let seq = |n| Seq::new(n).unwrap();
            let mut found = Verdicts { passed: seq(passed), through: Seq::ZERO, newest: Seq::ZERO, last: Seq::ZERO };
            verdicts.iter().for_each(|(frame, target)| found.add(seq(*frame), seq(*target)));
            assert_eq!((found.passed.get(), found.through.get()), expected, "{verdicts:?}");
        };
        check(0, &[], (0, 0));
        check(9, &[], (9, 0));
        // Frame 1 of the verdicts is about click frames 3 and 5; of 5 there may be more to come.
        check(0, &[(1, 3), (1, 5)], (4, 1));
        check(0, &[(1, 3), (2, 5), (3, 5)], (4, 1));
        check(9, &[(1, 3), (2, 9), (3, 10)], (9, 2));
        check(9, &[(1, 3), (2, 9), (2, 12)], (11, 2));
    }
}
