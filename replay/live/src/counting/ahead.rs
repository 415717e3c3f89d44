//! Live rulings about frames that the judge has passed and counting has not.

use std::{collections::BTreeMap, time::Duration};

use arrow::array::RecordBatch;
use clicktrail_log::{
    log::ReadLimit,
    position::{Epoch, Position, Seq},
};
use clicktrail_replay::Error;
use clicktrail_verdicts::{
    judge::Mark,
    reader::{Outlined, VerdictReader},
    rulings::{Rulings, Stages},
    verdict::Stage,
};

/// Verdicts in hand: read once, taken when their frames are counted.
#[derive(Debug)]
pub(super) struct Ahead {
    /// By target; of several about one click the last, as live verdicts supersede each other.
    verdicts: BTreeMap<Position, Outlined>,
    /// The first verdict frame that was not read.
    next: Seq,
}

impl Default for Ahead {
    fn default() -> Self {
        Self { verdicts: BTreeMap::new(), next: Seq::FIRST }
    }
}

impl Ahead {
    /// The verdicts about the frames after `counted` that the judge has passed: after a restart.
    pub(super) async fn read(history: &VerdictReader, epoch: Epoch, counted: Seq, judged: Mark) -> Result<Self, Error> {
        let frame = |seq: Seq| Position::new(epoch, seq, 0);
        let mut ahead = Self { verdicts: BTreeMap::new(), next: judged.verdicts_through.next() };
        if judged.clicks_through > counted {
            let targets = frame(counted.next())..frame(judged.clicks_through.next());
            let verdicts = history.about(targets, frame(ahead.next)).await?;
            ahead.add(verdicts.iter().map(Outlined::from));
        }
        Ok(ahead)
    }

    /// Reads on up to a verdict frame.
    pub(super) async fn read_through(&mut self, history: &VerdictReader, through: Seq) -> Result<(), Error> {
        while self.next <= through {
            let page = history.read_outlines(self.next, ReadLimit::waiting(Duration::ZERO)).await?;
            if page.next == self.next {
                break;
            }
            self.next = page.next;
            self.add(page.ruled);
        }
        Ok(())
    }

    fn add(&mut self, verdicts: impl IntoIterator<Item = Outlined>) {
        let live = verdicts.into_iter().filter(|ruled| ruled.outline.stage == Stage::Live);
        self.verdicts.extend(live.map(|ruled| (ruled.outline.target, ruled)));
    }

    /// The rulings about the frames up to `through`, which are then counted.
    pub(super) fn take(&mut self, epoch: Epoch, through: Seq) -> Result<RecordBatch, Error> {
        let (first, after) = (Position::new(epoch, Seq::ZERO, 0), Position::new(epoch, through.next(), 0));
        let later = self.verdicts.split_off(&after);
        let mut rulings = Rulings::new(first..after, Position::new(epoch, self.next, 0), Stages::LiveOnly);
        for ruled in std::mem::replace(&mut self.verdicts, later).into_values() {
            rulings.add(ruled.position, &ruled.outline);
        }
        Ok(rulings.to_batch())
    }
}
