//! Live rulings about the frames that the judge has passed and counting has not.

use std::{collections::BTreeMap, time::Duration};

use arrow::array::RecordBatch;
use clicktrail_log::{
    invariant,
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
    /// What was judged before the start and is not in hand yet.
    backlog: Option<Backlog>,
}

/// Frames that the judge had passed when counting began, and whose verdicts are read piece by piece: a restart may find
/// any number of them.
#[derive(Debug, Clone, Copy)]
struct Backlog {
    /// The verdicts about frames up to this one are in hand.
    read: Seq,
    /// The last of the frames.
    through: Seq,
    /// Their verdicts stand before this frame of the verdict log; those behind it are about later frames.
    before: Seq,
}

impl Default for Ahead {
    fn default() -> Self {
        Self { verdicts: BTreeMap::new(), next: Seq::FIRST, backlog: None }
    }
}

impl Ahead {
    /// What is needed, after a restart, of the verdicts about the frames after `counted` that the judge has passed.
    pub(super) fn after(counted: Seq, judged: Mark) -> Self {
        let before = judged.verdicts_through.next();
        let backlog = Backlog { read: counted, through: judged.clicks_through, before };
        let backlog = Some(backlog).filter(|backlog| backlog.read < backlog.through);
        Self { verdicts: BTreeMap::new(), next: before, backlog }
    }

    /// Brings the verdicts about frame `next` into hand; the last frame that may be counted with what is in hand, if
    /// there is such a limit.
    ///
    /// # Errors
    /// As the verdict log reports.
    pub(super) async fn cover(
        &mut self,
        history: &VerdictReader,
        epoch: Epoch,
        next: Seq,
    ) -> Result<Option<Seq>, Error> {
        let Some(backlog) = self.backlog else { return Ok(None) };
        if next <= backlog.read {
            return Ok(Some(backlog.read));
        }
        let frame = |seq: Seq| Position::new(epoch, seq, 0);
        let mut to = backlog.through;
        // The verdict log has an epoch of its own.
        let before = history.address(backlog.before).await?;
        let verdicts = loop {
            match history.about(frame(backlog.read.next())..frame(to.next()), before).await {
                Ok(verdicts) => break verdicts,
                Err(reader::Error::TooMany) if to > backlog.read.next() => to = halfway(backlog.read.next(), to),
                Err(error) => return Err(error.into()),
            }
        };
        invariant!(I7, to >= next, "verdicts are in hand up to frame {to}, and {next} is to be counted");
        let are_of_them = verdicts.iter().all(|ruled| (backlog.read.next()..=to).contains(&ruled.verdict.target.seq()));
        invariant!(I7, are_of_them, "verdicts about frames {} to {to} are about others", backlog.read.next());
        self.add(verdicts.iter().map(Outlined::from));
        let is_all = to == backlog.through;
        self.backlog = (!is_all).then_some(Backlog { read: to, ..backlog });
        Ok((!is_all).then_some(to))
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
        let due = std::mem::replace(&mut self.verdicts, later);
        // All that is in hand was read: it stands before whatever comes next.
        let before = due.values().map(|ruled| ruled.position.next_frame()).max().unwrap_or(first);
        let mut rulings = Rulings::new(first..after, before, Stages::LiveOnly);
        for ruled in due.into_values() {
            rulings.add(ruled.position, &ruled.outline);
        }
        Ok(rulings.to_batch())
    }
}

/// A frame in the middle, before the last.
fn halfway(first: Seq, last: Seq) -> Seq {
    let middle = first.get() + (last.get() - first.get()) / 2;
    Seq::new(middle).expect("it lies between two sequences")
}
