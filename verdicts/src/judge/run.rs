//! One run of judging, from a mark on: the fold, where it stands in the log, and what is found and not settled yet.
//!
//! An error that passes by itself leaves the run as it is, between two of its steps: what was folded is not folded
//! again, and only the operation that failed is done once more.

#![expect(
    clippy::disallowed_methods,
    reason = "folding keeps a thread busy, and the judge has nothing else to do meanwhile"
)]

use std::time::Duration;

use arrow::{array::AsArray as _, datatypes::Int64Type};
use clicktrail_log::position::{Position, Seq};
use tokio::runtime::{Handle, RuntimeFlavor};

use super::{
    error::Error,
    mark::Mark,
    rows::{ClickRows, Rows},
};
use crate::{fold::Fold, schema::Outline, verdict::Verdict};

/// One uninterrupted run of judging. After a restart, or once somebody else judged, another run begins from the mark.
#[derive(Debug)]
pub(super) struct Run {
    /// The mark that the caller keeps. Once it keeps another, somebody else judged, and the run is over.
    pub(super) from: Mark,
    pub(super) rows: ClickRows,
    pub(super) fold: Fold,
    /// How far the run has judged.
    pub(super) mark: Mark,
    /// The last event that had its live verdict in the log already when the run began.
    pub(super) appended: Option<Position>,
    /// Whether the fold knows the look-back: until then, what is read up to the mark only warms it.
    pub(super) is_warm: bool,
    /// Rows that were read and are not judged yet.
    pub(super) rest: Option<Rows>,
    /// What was found in rows that are folded, until it is known to be in the verdict log.
    pub(super) found: Option<Found>,
    /// Whether an error came since the logs were last looked at: what the run knows of them may not hold any more.
    pub(super) is_in_doubt: bool,
}

/// What was found in the frames up to one of them.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) through: Seq,
    /// In log order, without those that are in the verdict log already.
    pub(super) verdicts: Vec<Verdict>,
}

impl Found {
    /// Leaves out what an append whose outcome was unknown has brought into the verdict log. `false` if that is not how
    /// the findings begin: then somebody else judged.
    pub(super) fn settle(&mut self, appended: &[Outline]) -> bool {
        let are_ours = self.verdicts.len() >= appended.len()
            && self.verdicts.iter().zip(appended).all(|(found, held)| Outline::of(found) == *held);
        if are_ours {
            self.verdicts.drain(..appended.len());
        }
        are_ours
    }
}

impl Run {
    /// Folds all rows of frames up to the mark without judging them.
    pub(super) async fn warm_up(&mut self) -> Result<(), Error> {
        let through = self.mark.clicks_through;
        // By their numbers, which go on from epoch to epoch.
        let is_before =
            |position: &i64| Position::from_i64(*position).is_some_and(|position| position.seq() <= through);
        while !self.is_warm {
            let Some(read) = self.rows.next(Duration::ZERO).await? else {
                self.is_warm = true;
                break;
            };
            let positions = read.batch.column(0).as_primitive::<Int64Type>().values();
            let before = positions.partition_point(is_before);
            if before > 0 {
                let known = read.batch.slice(0, before);
                keep_busy(|| self.fold.warm(&known))?;
            }
            self.is_warm = read.through >= through;
            if read.through > through {
                let batch = read.batch.slice(before, read.batch.num_rows() - before);
                self.rest = Some(Rows { batch, through: read.through, erased: read.erased });
            }
        }
        Ok(())
    }

    /// Whether an event was judged before the rows in hand.
    pub(super) fn is_judged(&self) -> impl Fn(Position) -> bool + Send + use<> {
        let (through, appended) = (self.mark.clicks_through, self.appended);
        move |target| target.seq() <= through || appended.is_some_and(|last| target <= last)
    }
}

/// Does work that keeps its thread busy. On a runtime of one thread, as simulations have, nothing else goes on
/// meanwhile.
pub(super) fn keep_busy<T>(work: impl FnOnce() -> T) -> T {
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        return work();
    }
    tokio::task::block_in_place(work)
}
