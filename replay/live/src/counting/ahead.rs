//! Live rulings about the frames that the judge has passed and counting has not.

use std::{collections::BTreeMap, time::Duration};

use arrow::array::RecordBatch;
use clicktrail_log::{
    log::{self, ReadLimit},
    position::{Epoch, Position, Seq},
};
use clicktrail_replay::Error;
use clicktrail_verdicts::{
    judge::Mark,
    reader::{self, Outlined, VerdictReader},
    rulings::{Rulings, Stages},
    verdict::Stage,
};

/// Verdicts in hand. Each is read once, and taken out when its frame is counted.
#[derive(Debug)]
pub(super) struct Ahead {
    /// By target. Of several about one click the last: a live verdict replaces the one before.
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
    /// Reads, after a restart, the verdicts about the frames after `counted` that the judge has passed.
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

    /// Reads on up to a verdict frame, which the judge has appended.
    ///
    /// # Errors
    /// As the verdict log reports. Also if the log does not show the frame yet: to count without it would bill what is
    /// found invalid.
    pub(super) async fn read_through(&mut self, history: &VerdictReader, through: Seq) -> Result<(), Error> {
        while self.next <= through {
            let page = history.read_outlines(self.next, ReadLimit::waiting(Duration::ZERO)).await?;
            if page.next == self.next {
                let reason =
                    format!("verdict frame {} is not there yet, though the judge's mark is {through}", self.next);
                return Err(reader::Error::from(log::Error::Unavailable(reason)).into());
            }
            self.next = page.next;
            self.add(page.ruled);
        }
        Ok(())
    }

    /// Whether everything up to a verdict frame was read.
    pub(super) fn knows(&self, through: Seq) -> bool {
        through < self.next
    }

    fn add(&mut self, verdicts: impl IntoIterator<Item = Outlined>) {
        let live = verdicts.into_iter().filter(|ruled| ruled.outline.stage == Stage::Live);
        self.verdicts.extend(live.map(|ruled| (ruled.outline.target, ruled)));
    }

    /// Takes out the rulings about the frames up to `through`, which are then counted.
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
