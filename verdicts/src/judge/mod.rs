//! The judge: reads the click log in order, and appends what its rules find to the verdict log.
//!
//! Nothing is stored but the verdict log and a mark that the caller keeps, and the mark is only a shortcut: whatever is
//! lost, judging goes on behind the last live verdict that the log holds, and because the folds are deterministic it
//! finds what it would have found. So a judge that dies at any instant misses nothing and repeats nothing.
//!
//! | dies | then |
//! |---|---|
//! | before the append | the frames are judged again |
//! | in the append, outcome unknown | the log is read behind the mark: what is there is not appended again |
//! | after the append, before the mark moved | the same |
//! | two judges at once | both write under one identity: the log takes one, the other looks again |

use std::{sync::Arc, time::Duration};

use arrow::{array::AsArray as _, datatypes::Int64Type};
use clicktrail_log::{
    archive::{self, Archive},
    frame,
    log::{self, Log},
    position::{Epoch, Position, Seq},
    time::{Clock, Timestamp},
};
use tracing::warn;
use uuid::Uuid;

use crate::{
    append::{self, Appender},
    fold::{self, Finding, Fold},
    history::{self, History},
    ruleset::Ruleset,
    verdict::{Stage, Verdict},
};

mod originals;
pub mod rejudge;
mod rows;

pub use originals::Originals as ArchivedOriginals;
pub use rows::{ClickRows, Rows};

/// Who decided, in the judge's verdicts.
pub const ACTOR: &str = "judge";
/// Under which the judge writes: the same for every process, so that of two judges one is refused.
const WRITER: Uuid = Uuid::from_u128(0x9c1d_6f0e_5b7a_4c3d_8e21_6a75_6467_6501);

/// How far the judge has come: every live verdict about the click frames up to `clicks_through` stands in the verdict log
/// up to `verdicts_through`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// The last click frame that is judged; [`Seq::ZERO`] at the beginning.
    pub clicks_through: Seq,
    /// The last verdict frame that may hold a live verdict about them.
    pub verdicts_through: Seq,
}

impl Judged {
    /// Nothing is judged.
    pub const NOTHING: Self = Self { clicks_through: Seq::ZERO, verdicts_through: Seq::ZERO };
}

/// Why frames were not judged. The same step may be done again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The click log could not be read.
    #[error("read the click log")]
    Log(#[from] log::Error),
    /// The archive is out of reach, or something in it is missing or damaged.
    #[error("use the archive")]
    Archive(#[from] archive::Error),
    /// A frame cannot be decoded: it is not skipped, a person must act.
    #[error("frame {seq} of the click log cannot be decoded")]
    Frame {
        /// The frame.
        seq: Seq,
        /// Why.
        #[source]
        source: frame::Error,
    },
    /// Rows that are not those of the click log.
    #[error("read the rows of the click log")]
    Rows(#[source] arrow::error::ArrowError),
    /// A rule cannot be applied: the limit of memory is reached, or a column is not what it must be.
    #[error("apply the rules")]
    Fold(#[from] fold::Error),
    /// The verdict log could not be read.
    #[error("read the verdict log")]
    History(#[from] history::Error),
    /// The verdict log did not take the verdicts.
    #[error("append verdicts")]
    Append(#[from] append::Error),
    /// An event so old that its original may lie in an hour that is not sealed yet.
    #[error("an event of frame {seq} may repeat one of {hour}, which is not sealed yet")]
    NotSealed {
        /// The event's frame.
        seq: Seq,
        /// The hour.
        hour: clicktrail_log::time::Hour,
    },
    /// A worker ended before its time.
    #[error("a worker ended before its time: {0}")]
    Stopped(String),
}

impl Error {
    /// Whether the same call may succeed later without anybody's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Log(error) => error.is_transient(),
            Self::Archive(error) => error.is_transient(),
            Self::History(error) => error.is_transient(),
            Self::Append(error) => error.is_transient(),
            Self::NotSealed { .. } => true,
            Self::Frame { .. } | Self::Rows(_) | Self::Fold(_) | Self::Stopped(_) => false,
        }
    }
}

/// Judges the click log as it grows.
#[derive(Debug)]
pub struct Judge {
    clicks: Arc<dyn Log>,
    history: History,
    archive: Archive,
    rules: Arc<Ruleset>,
    clock: Arc<dyn Clock>,
    appender: Appender,
    originals: ArchivedOriginals,
    place: Option<Place>,
}

/// Where judging stands: after an error or a restart it is found again.
#[derive(Debug)]
struct Place {
    rows: ClickRows,
    fold: Fold,
    judged: Judged,
    /// The last live verdict that the log held already when judging began here.
    appended: Option<Position>,
    /// What was read and not judged yet: the rest of rows that began before the mark.
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
        let history = History::new(Arc::clone(&verdicts), archive.clone());
        let appender = Appender::new(verdicts, archive.clone(), WRITER);
        let originals = ArchivedOriginals::new(Arc::clone(&clicks), archive.clone());
        Self { clicks, history, archive, rules, clock, appender, originals, place: None }
    }

    /// The rules that it applies.
    pub fn rules(&self) -> &Arc<Ruleset> {
        &self.rules
    }

    /// Bytes of state that the folds hold.
    pub fn memory_bytes(&self) -> usize {
        self.place.as_ref().map_or(0, |place| place.fold.memory_bytes())
    }

    /// Judges the frames behind `from` that come within `wait`, and appends what is found. Gives the mark that then holds
    /// for the caller to keep, or `None` if there was nothing to judge.
    ///
    /// # Errors
    /// See [`Error`]: call again with the mark that is kept.
    pub async fn step(&mut self, from: Judged, wait: Duration) -> Result<Option<Judged>, Error> {
        // Taken out, so that after an error the place is found again.
        let mut place = match self.place.take().filter(|place| place.judged == from) {
            Some(place) => place,
            None => match self.find_place(from, wait).await? {
                Some(place) => place,
                None => return Ok(None),
            },
        };
        let rows = match place.rest.take() {
            Some(rest) => Some(rest),
            None => place.rows.next(wait).await?,
        };
        let Some(rows) = rows else {
            let moved = place.judged != from;
            let judged = place.judged;
            self.place = Some(place);
            return Ok(moved.then_some(judged));
        };
        let findings = self.judge(&mut place.fold, &rows).await?;
        let fresh: Vec<Verdict> = findings
            .into_iter()
            .filter(|finding| place.appended.is_none_or(|last| finding.target > last))
            .map(|finding| self.verdict(finding, Stage::Live))
            .collect();
        if !fresh.is_empty() {
            place.judged.verdicts_through = self.appender.append(&fresh).await?;
        }
        place.judged.clicks_through = rows.through;
        let judged = place.judged;
        self.place = Some(place);
        Ok(Some(judged))
    }

    async fn judge(&mut self, fold: &mut Fold, rows: &Rows) -> Result<Vec<Finding>, Error> {
        let old = fold.old_events(&rows.batch)?;
        let originals = self.originals.find(&rows.batch, &old, self.rules.look_back()).await?;
        let before = fold.rewinds().events;
        let findings = tokio::task::block_in_place(|| fold.judge(&rows.batch, &originals))?;
        let rewound = fold.rewinds().events - before;
        if rewound > 0 {
            let through = rows.through.get();
            warn!(through, rewound, "the log's clock ran far backwards; judging these events again may find otherwise");
        }
        Ok(findings)
    }

    fn verdict(&self, finding: Finding, stage: Stage) -> Verdict {
        verdict(finding, stage, &self.rules, self.clock.now())
    }

    /// Warms the folds up to where judging goes on. `None` if no frame is there to be judged.
    async fn find_place(&mut self, from: Judged, wait: Duration) -> Result<Option<Place>, Error> {
        let (epoch, appended, verdicts_through) = self.last_appended(from).await?;
        // The frame of the last verdict may have more to come.
        let begun = appended.map_or(Seq::ZERO, |last| last.seq().previous());
        let judged = Judged { clicks_through: from.clicks_through.max(begun), verdicts_through };
        let Some(next_logged) = self.logged_at(judged.clicks_through.next(), wait).await? else {
            return Ok(None);
        };
        // Logged time may run backwards by so much: a fold keeps so much longer than the look-back.
        let seen = self.rules.look_back().saturating_add(fold::REWIND_MAX);
        let warm_from = next_logged.plus_micros(-i64::try_from(seen.as_micros()).unwrap_or(i64::MAX / 2));
        let mut rows = ClickRows::open(Arc::clone(&self.clicks), self.archive.clone(), Some(warm_from)).await?;
        let mut fold = Fold::new(Arc::clone(&self.rules));
        let rest = warm(&mut rows, &mut fold, epoch, judged.clicks_through).await?;
        Ok(Some(Place { rows, fold, judged, appended, rest }))
    }

    /// The last live verdict behind the mark, and the last verdict frame.
    async fn last_appended(&self, from: Judged) -> Result<(Epoch, Option<Position>, Seq), Error> {
        let epoch = self.clicks.info().await?.epoch;
        let mut next = from.verdicts_through.next();
        let mut last = None;
        loop {
            let page = self.history.read_outlines(next, log::ReadLimit::waiting(Duration::ZERO)).await?;
            let live = page.ruled.iter().filter(|ruled| ruled.outline.stage == Stage::Live);
            last = last.max(live.map(|ruled| ruled.outline.target).max());
            if page.next == next {
                return Ok((epoch, last, next.previous()));
            }
            next = page.next;
        }
    }

    /// When a frame was logged: from the log, or, if it has left that, from the hour that holds it.
    async fn logged_at(&self, seq: Seq, wait: Duration) -> Result<Option<Timestamp>, Error> {
        let info = self.clicks.info().await?;
        if seq >= info.first {
            let limit = log::ReadLimit { frames: 1, bytes: 1, wait };
            let found = self.clicks.read(seq, limit).await?;
            return Ok(found.first().map(|frame| frame.logged_at));
        }
        for hour in self.archive.sealed_hours(log::Stream::Clicks).await? {
            let manifest = rows::manifest_of(&self.archive, hour).await?;
            if manifest.last_seq() >= seq {
                return Ok(Some(hour.start()));
            }
        }
        Err(log::Error::Trimmed { from: seq, first: info.first }.into())
    }
}

/// A finding as a verdict.
pub(crate) fn verdict(finding: Finding, stage: Stage, rules: &Ruleset, now: Timestamp) -> Verdict {
    Verdict {
        target: finding.target,
        event_id: finding.event_id,
        decision: finding.decision,
        category: finding.category,
        reasons: finding.reasons,
        score_permille: finding.score_permille,
        ruleset: rules.digest().to_string(),
        stage,
        decided_at: now,
        actor: ACTOR.to_owned(),
        note: None,
    }
}

/// Folds all rows of frames up to `through` without judging them; gives back what was read beyond.
pub(crate) async fn warm(
    rows: &mut ClickRows,
    fold: &mut Fold,
    epoch: Epoch,
    through: Seq,
) -> Result<Option<Rows>, Error> {
    let bound = Position::new(epoch, through.next(), 0).as_i64();
    while let Some(read) = rows.next(Duration::ZERO).await? {
        let positions = read.batch.column(0).as_primitive::<Int64Type>().values();
        let before = positions.partition_point(|position| *position < bound);
        if before > 0 {
            let known = read.batch.slice(0, before);
            tokio::task::block_in_place(|| fold.warm(&known))?;
        }
        if read.through > through {
            let rest = read.batch.slice(before, read.batch.num_rows() - before);
            return Ok(Some(Rows { batch: rest, through: read.through }));
        }
        if read.through == through {
            return Ok(None);
        }
    }
    Ok(None)
}
