//! Judging the click log as it grows.

#![expect(
    clippy::disallowed_methods,
    reason = "folding keeps a thread busy, and the judge has nothing else to do meanwhile"
)]

use std::{sync::Arc, time::Duration};

use arrow::{array::AsArray as _, datatypes::Int64Type};
use clicktrail_log::{
    archive::Archive,
    invariant,
    log::{self, Log, ReadLimit, Stream},
    position::{Epoch, Position, Seq},
    time::{Clock, Timestamp},
};
use tokio::runtime::{Handle, RuntimeFlavor};
use tracing::warn;
use uuid::Uuid;

use super::{
    archived_originals::ArchivedOriginals,
    error::Error,
    mark::Mark,
    passed::{Passed, PassedKind},
    rows::{ClickRows, Rows, manifest_of},
    verdict::verdict,
};
use crate::{
    append::Appender,
    coverage::Coverage,
    fold::{Finding, Fold, Originals, REWIND_MAX},
    reader::VerdictReader,
    ruleset::Ruleset,
    verdict::{Stage, Verdict},
};

/// Under which the judge writes: the same for every process, so that of two judges one is refused.
const WRITER: Uuid = Uuid::from_u128(0x9c1d_6f0e_5b7a_4c3d_8e21_6a75_6467_6501);

/// Judges the click log as it grows.
#[derive(Debug)]
pub struct Judge {
    clicks: Arc<dyn Log>,
    verdicts: VerdictReader,
    archive: Archive,
    rules: Arc<Ruleset>,
    clock: Arc<dyn Clock>,
    appender: Appender,
    originals: ArchivedOriginals,
    passed: Passed,
    run: Option<Run>,
}

/// One uninterrupted run of judging. After an error or a restart, another run begins from the mark.
#[derive(Debug)]
struct Run {
    rows: ClickRows,
    fold: Fold,
    mark: Mark,
    /// The last event that had its live verdict in the log already when the run began.
    appended: Option<Position>,
    /// Rows that were read and are not judged yet: what was left of the rows in which the mark lay.
    rest: Option<Rows>,
}

impl Judge {
    /// A judge of `clicks` that writes into `verdicts`.
    pub fn new(
        clicks: Arc<dyn Log>,
        verdicts: Arc<dyn Log>,
        archive: Archive,
        rules: Arc<Ruleset>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let reader = VerdictReader::new(Arc::clone(&verdicts), archive.clone());
        let appender = Appender::new(verdicts, archive.clone(), WRITER);
        let originals = ArchivedOriginals::new(Arc::clone(&clicks), archive.clone(), Arc::clone(&rules));
        let passed = Passed::default();
        Self { clicks, verdicts: reader, archive, rules, clock, appender, originals, passed, run: None }
    }

    /// The rules that it applies.
    pub fn rules(&self) -> &Arc<Ruleset> {
        &self.rules
    }

    /// What it reads of the verdict log.
    pub fn verdicts(&self) -> &VerdictReader {
        &self.verdicts
    }

    /// Bytes of state that the folds hold.
    pub fn memory_bytes(&self) -> usize {
        self.run.as_ref().map_or(0, |run| run.fold.memory_bytes())
    }

    /// What was judged since this was asked last, by kind. Frames that had to be judged again count again.
    pub fn take_passed(&mut self) -> Vec<PassedKind> {
        self.passed.take(self.rules.kinds())
    }

    /// Judges the frames behind `from` that come within `wait`, and appends what is found. Returns the mark that holds
    /// from then on, for the caller to keep; `None` if there was nothing to judge.
    ///
    /// # Errors
    /// See [`Error`]: call again with the mark that you keep.
    pub async fn step(&mut self, from: Mark, wait: Duration) -> Result<Option<Mark>, Error> {
        // Taken out of `self`, so that an error leaves no run behind and the next step begins another.
        let mut run = match self.run.take().filter(|run| run.mark == from) {
            Some(run) => run,
            None => match self.begin(from, wait).await? {
                Some(run) => run,
                None => return Ok(None),
            },
        };
        let rows = match run.rest.take() {
            Some(rest) => Some(rest),
            None => run.rows.next(wait).await?,
        };
        let Some(rows) = rows else {
            // Frames without rows are passed, too: those that were lost.
            run.mark.clicks_through = run.mark.clicks_through.max(run.rows.read_through());
            let mark = run.mark;
            self.run = Some(run);
            return Ok((mark != from).then_some(mark));
        };
        let judged = run.mark.clicks_through;
        let follows = rows.first_frame().is_none_or(|first| first > judged) && rows.through > judged;
        invariant!(I1, follows, "frames up to {} come, but those up to {judged} are judged", rows.through);
        // The fold is untouched until everything that it needs is there, so that it need not be warmed again.
        let originals = match self.originals(&run.fold, &rows).await {
            Ok(originals) => originals,
            Err(error) => {
                run.rest = Some(rows);
                self.run = Some(run);
                return Err(error);
            }
        };
        let findings = Self::judge(&mut run.fold, &rows, &originals)?;
        let fresh: Vec<Verdict> = findings
            .into_iter()
            .filter(|finding| run.appended.is_none_or(|last| finding.target > last))
            .map(|finding| self.verdict(finding, Stage::Live))
            .collect();
        if !fresh.is_empty() {
            let (before, appended) = (run.mark.verdicts_through, self.appender.append(&fresh).await?);
            invariant!(I1, appended > before, "verdict frame {appended} was appended behind frame {before}");
            run.mark.verdicts_through = appended;
        }
        run.mark.clicks_through = rows.through;
        self.passed.add(&rows.batch);
        let mark = run.mark;
        self.run = Some(run);
        Ok(Some(mark))
    }

    /// What was logged before the look-back and comes again. It is asked until the archive answers: nothing is taken
    /// for new because nobody could look.
    async fn originals(&self, fold: &Fold, rows: &Rows) -> Result<Originals, Error> {
        let candidates = fold.candidates(&rows.batch)?;
        self.originals.find(&candidates).await
    }

    fn judge(fold: &mut Fold, rows: &Rows, originals: &Originals) -> Result<Vec<Finding>, Error> {
        let before = fold.rewinds().events;
        let findings = keep_busy(|| fold.judge(&rows.batch, originals))?;
        let rewound = fold.rewinds().events - before;
        if rewound > 0 {
            let through = rows.through.get();
            warn!(
                through,
                rewound, "the log's clock ran far backwards: judging these events again may find something else"
            );
        }
        Ok(findings)
    }

    fn verdict(&self, finding: Finding, stage: Stage) -> Verdict {
        verdict(finding, stage, &self.rules, self.clock.now())
    }

    /// Begins a run: finds where judging goes on, and warms the fold up to there. `None` if there is no frame to judge.
    async fn begin(&mut self, from: Mark, wait: Duration) -> Result<Option<Run>, Error> {
        // Before the verdicts are read: behind what the appender has seen nobody else's get in unnoticed.
        let seen = self.appender.locate().await?;
        let (epoch, appended, verdicts_through) = self.last_appended(from).await?;
        if verdicts_through < seen {
            let reason =
                format!("verdict frame {verdicts_through} is the last that can be read, and {seen} was appended");
            return Err(log::Error::Unavailable(reason).into());
        }
        // Of the frame that the last verdict is about, later rows may still lack theirs: it is judged again.
        let complete = appended.map_or(Seq::ZERO, |last| last.seq().previous());
        let mark = Mark { clicks_through: from.clicks_through.max(complete), verdicts_through };
        let Some(next_logged) = self.logged_at(mark.clicks_through.next(), wait).await? else {
            return Ok(None);
        };
        self.cover(Position::new(epoch, mark.clicks_through.next(), 0), appended, from).await?;
        // Logged time may run backwards by REWIND_MAX, so what the look-back shows may have been logged that much
        // earlier.
        let seen = self.rules.look_back().saturating_add(REWIND_MAX);
        let warm_from = next_logged.plus_micros(-i64::try_from(seen.as_micros()).unwrap_or(i64::MAX / 2));
        let mut rows = ClickRows::open(Arc::clone(&self.clicks), self.archive.clone(), Some(warm_from)).await?;
        let mut fold = Fold::new(Arc::clone(&self.rules));
        let rest = warm(&mut rows, &mut fold, mark.clicks_through).await?;
        Ok(Some(Run { rows, fold, mark, appended, rest }))
    }

    /// Says in the archive which kinds are judged from `first` on, unless it says so already.
    ///
    /// What an earlier judge has passed may be known from its verdicts alone, if the mark was lost with the catalog, or
    /// from the hours that were sealed, if nothing was found. Then only what lies behind them is said to be judged.
    async fn cover(&self, first: Position, appended: Option<Position>, from: Mark) -> Result<(), Error> {
        let (kinds, mut coverage) = (self.rules.kinds(), Coverage::read(&self.archive).await?);
        if coverage.goes_on(kinds) {
            return Ok(());
        }
        let frame = |seq: Seq| Position::new(first.epoch(), seq, 0);
        let mut first = first.max(appended.map_or(first, |last| frame(last.seq().next())));
        if from == Mark::NOTHING
            && let Some(hour) = self.archive.sealed_hours(Stream::Clicks).await?.pop()
        {
            first = first.max(frame(manifest_of(&self.archive, hour).await?.last_seq().next()));
        }
        coverage.begin(first, kinds);
        Ok(coverage.write(&self.archive).await?)
    }

    /// The epoch of the click log; what the last live verdict behind the mark is about; and the last verdict frame.
    async fn last_appended(&self, from: Mark) -> Result<(Epoch, Option<Position>, Seq), Error> {
        let epoch = self.clicks.info().await?.epoch;
        // The mark's own frame may be about clicks behind the mark too, if the mark was found again after a loss.
        let mut next = from.verdicts_through.max(Seq::FIRST);
        let mut last = None;
        loop {
            let page = self.verdicts.read_outlines(next, ReadLimit::waiting(Duration::ZERO)).await?;
            let live = page.ruled.iter().filter(|ruled| ruled.outline.stage == Stage::Live);
            last = last.max(live.map(|ruled| ruled.outline.target).max());
            if page.next == next {
                return Ok((epoch, last, next.previous()));
            }
            next = page.next;
        }
    }

    /// When a frame was logged. If the log no longer holds it, the start of the sealed hour that does.
    async fn logged_at(&self, seq: Seq, wait: Duration) -> Result<Option<Timestamp>, Error> {
        let info = self.clicks.info().await?;
        if seq >= info.first {
            let limit = ReadLimit { frames: 1, bytes: 1, wait };
            let found = self.clicks.read(seq, limit).await?;
            return Ok(found.first().map(|frame| frame.logged_at));
        }
        for hour in self.archive.sealed_hours(Stream::Clicks).await? {
            let manifest = manifest_of(&self.archive, hour).await?;
            if manifest.last_seq() >= seq {
                return Ok(Some(hour.start()));
            }
        }
        Err(log::Error::Trimmed { from: seq, first: info.first }.into())
    }
}

/// Folds all rows of frames up to `through` without judging them. Returns what was read beyond.
async fn warm(rows: &mut ClickRows, fold: &mut Fold, through: Seq) -> Result<Option<Rows>, Error> {
    // By their numbers, which go on from epoch to epoch.
    let is_before = |position: &i64| Position::from_i64(*position).is_some_and(|position| position.seq() <= through);
    while let Some(read) = rows.next(Duration::ZERO).await? {
        let positions = read.batch.column(0).as_primitive::<Int64Type>().values();
        let before = positions.partition_point(is_before);
        if before > 0 {
            let known = read.batch.slice(0, before);
            keep_busy(|| fold.warm(&known))?;
        }
        if read.through > through {
            let rest = read.batch.slice(before, read.batch.num_rows() - before);
            return Ok(Some(Rows { batch: rest, through: read.through, erased: read.erased }));
        }
        if read.through == through {
            return Ok(None);
        }
    }
    Ok(None)
}

/// Does work that keeps its thread busy. On a runtime of one thread, as simulations have, nothing else goes on
/// meanwhile.
fn keep_busy<T>(work: impl FnOnce() -> T) -> T {
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        return work();
    }
    tokio::task::block_in_place(work)
}
