//! Judging the click log as it grows.

use std::{sync::Arc, time::Duration};

use clicktrail_log::{
    archive::Archive,
    invariant,
    log::{self, Log, ReadLimit, Stream},
    position::{Position, Seq},
    time::{Clock, Timestamp},
};
use tracing::warn;
use uuid::Uuid;

use super::{
    archived_originals::ArchivedOriginals,
    error::Error,
    mark::Mark,
    passed::{Passed, PassedKind},
    rows::{ClickRows, Rows, manifest_of},
    run::{Found, Run, keep_busy},
    verdict::verdict,
};
use crate::{
    append::Appender,
    coverage::Coverage,
    fold::{Finding, Fold, Originals, REWIND_MAX},
    reader::VerdictReader,
    ruleset::Ruleset,
    schema::Outline,
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
    /// See [`Error`]: call again with the mark that you keep. What is folded stays folded if the error is transient.
    pub async fn step(&mut self, from: Mark, wait: Duration) -> Result<Option<Mark>, Error> {
        let mut run = match self.resumed(from).await? {
            Some(run) => run,
            None => match self.begin(from, wait).await? {
                Some(run) => run,
                None => return Ok(None),
            },
        };
        let stepped = self.go_on(&mut run, wait).await;
        match &stepped {
            Ok(mark) => run.from = mark.unwrap_or(from),
            // With rows in hand and nothing found, originals could not be looked up: the fold is untouched.
            Err(error) if error.is_transient() || run.rest.is_some() && !matches!(error, Error::Fold(_)) => {
                run.is_in_doubt = true;
            }
            // What cannot be read or folded is met again from the mark on.
            Err(_) => return stepped,
        }
        self.run = Some(run);
        stepped
    }

    /// The run that the last step left, unless another has to begin: somebody else judged, or the logs are others.
    async fn resumed(&mut self, from: Mark) -> Result<Option<Run>, Error> {
        let Some(mut run) = self.run.take().filter(|run| run.from == from) else { return Ok(None) };
        if !run.is_in_doubt {
            return Ok(Some(run));
        }
        match self.look_again(&mut run).await {
            Ok(holds) => {
                run.is_in_doubt = !holds;
                Ok(Some(run).filter(|_| holds))
            }
            Err(error) => {
                self.run = Some(run).filter(|_| error.is_transient());
                Err(error)
            }
        }
    }

    /// Whether a run still holds after an error. Of what it found, the verdict log may have taken a part or all: that
    /// is left out, as after a restart.
    async fn look_again(&mut self, run: &mut Run) -> Result<bool, Error> {
        if !run.rows.are_in_log().await? {
            return Ok(false);
        }
        let is_judged = run.is_judged();
        let Some(found) = &mut run.found else { return Ok(true) };
        // One more than there were to append is enough to tell that they are not ours.
        let (mut live, most) = (Vec::new(), found.verdicts.len() + 1);
        let show = |outline: Outline| {
            if live.len() < most && !is_judged(outline.target) {
                live.push(outline);
            }
        };
        let through = self.appended_from(run.mark.verdicts_through.next(), show).await?;
        run.mark.verdicts_through = run.mark.verdicts_through.max(through);
        Ok(found.settle(&live))
    }

    /// Judges what comes next, and appends what is found. Whatever fails, the run stands between two of these steps.
    async fn go_on(&mut self, run: &mut Run, wait: Duration) -> Result<Option<Mark>, Error> {
        run.warm_up().await?;
        if run.found.is_none() {
            if run.rest.is_none() {
                run.rest = run.rows.next(wait).await?;
            }
            if run.rest.is_none() {
                // Frames without rows are passed, too: those that were lost.
                run.mark.clicks_through = run.mark.clicks_through.max(run.rows.read_through());
                return Ok((run.mark != run.from).then_some(run.mark));
            }
            self.find(run).await?;
        }
        let found = run.found.as_ref().expect("it was just found");
        if !found.verdicts.is_empty() {
            let (before, appended) = (run.mark.verdicts_through, self.appender.append(&found.verdicts).await?);
            invariant!(I1, appended > before, "verdict frame {appended} was appended behind frame {before}");
            run.mark.verdicts_through = appended;
        }
        run.mark.clicks_through = found.through;
        run.found = None;
        Ok(Some(run.mark))
    }

    /// Folds the rows that were read. The fold is untouched until everything that it needs is there.
    async fn find(&mut self, run: &mut Run) -> Result<(), Error> {
        let rows = run.rest.as_ref().expect("something was read");
        let judged = run.mark.clicks_through;
        let follows = rows.first_frame().is_none_or(|first| first > judged) && rows.through > judged;
        invariant!(I1, follows, "frames up to {} come, but those up to {judged} are judged", rows.through);
        let originals = self.originals(&run.fold, rows).await?;
        let findings = Self::judge(&mut run.fold, rows, &originals)?;
        self.passed.add(&rows.batch);
        let verdicts: Vec<Verdict> = findings
            .into_iter()
            .filter(|finding| run.appended.is_none_or(|last| finding.target > last))
            .map(|finding| self.verdict(finding, Stage::Live))
            .collect();
        run.found = Some(Found { through: rows.through, verdicts });
        run.rest = None;
        Ok(())
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

    /// Begins a run: finds where judging goes on, and from where the fold has to be warmed. `None` if there is no frame
    /// to judge.
    async fn begin(&mut self, from: Mark, wait: Duration) -> Result<Option<Run>, Error> {
        let epoch = self.clicks.info().await?.epoch;
        // The mark's own frame may be about clicks behind the mark too, if the mark was found again after a loss.
        let mut appended = None;
        let show = |outline: Outline| appended = appended.max(Some(outline.target));
        let verdicts_through = self.appended_from(from.verdicts_through.max(Seq::FIRST), show).await?;
        // Of the frame that the last verdict is about, later rows may still lack theirs: it is judged again.
        let complete = appended.map_or(Seq::ZERO, |last| last.seq().previous());
        let mark = Mark { clicks_through: from.clicks_through.max(complete), verdicts_through };
        let Some(next_logged) = self.logged_around(mark.clicks_through.next(), wait).await? else {
            return Ok(None);
        };
        self.cover(Position::new(epoch, mark.clicks_through.next(), 0), appended, from).await?;
        // Logged time may run backwards by REWIND_MAX, so what the look-back shows may have been logged that much
        // earlier.
        let seen = self.rules.look_back().saturating_add(REWIND_MAX);
        let warm_from = next_logged.plus_micros(-i64::try_from(seen.as_micros()).unwrap_or(i64::MAX / 2));
        let rows = ClickRows::open(Arc::clone(&self.clicks), self.archive.clone(), Some(warm_from)).await?;
        let fold = Fold::new(Arc::clone(&self.rules));
        let (is_warm, is_in_doubt, rest, found) = (false, false, None, None);
        Ok(Some(Run { from, rows, fold, mark, appended, is_warm, rest, found, is_in_doubt }))
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

    /// Shows the live verdicts in the frames of the verdict log from `next` on, and returns the last of these frames.
    /// Of what another judge appends behind it, the next append is told.
    async fn appended_from(&mut self, mut next: Seq, mut show: impl FnMut(Outline) + Send) -> Result<Seq, Error> {
        // Before the verdicts are read: behind what the appender has seen nobody else's get in unnoticed.
        let seen = self.appender.locate().await?;
        loop {
            let page = self.verdicts.read_outlines(next, ReadLimit::waiting(Duration::ZERO)).await?;
            let outlines = page.ruled.into_iter().map(|ruled| ruled.outline);
            outlines.filter(|outline| outline.stage == Stage::Live).for_each(&mut show);
            if page.next == next {
                break;
            }
            next = page.next;
        }
        let through = next.previous();
        if through < seen {
            let reason = format!("verdict frame {through} is the last that can be read, and {seen} was appended");
            return Err(log::Error::Unavailable(reason).into());
        }
        Ok(through)
    }

    /// The earliest time at which a frame, the one before it or one of the next was logged: any of them may be of the
    /// future, and to warm the fold on more than it needs changes nothing. If the log no longer holds the frame, it is
    /// the start of the sealed hour that does. `None` if the frame is not there yet.
    async fn logged_around(&self, seq: Seq, wait: Duration) -> Result<Option<Timestamp>, Error> {
        let info = self.clicks.info().await?;
        if seq >= info.first {
            let next = self.clicks.read(seq, ReadLimit::waiting(wait)).await?;
            let Some(earliest) = next.iter().map(|frame| frame.logged_at).min() else { return Ok(None) };
            if seq.previous() < info.first || seq == Seq::FIRST {
                return Ok(Some(earliest));
            }
            let one = ReadLimit { frames: 1, bytes: 1, wait: Duration::ZERO };
            let before = self.clicks.read(seq.previous(), one).await?;
            return Ok(before.first().map(|before| before.logged_at.min(earliest)).or(Some(earliest)));
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
