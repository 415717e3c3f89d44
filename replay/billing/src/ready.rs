//! Whether a period can be drafted, and if not, what is missing by name and what to run.
//!
//! A period can be drafted once it is over and its lateness window with it, every hour up to there is sealed, judged
//! and counted, and no verdict is known that its numbers do not know. `decide` is the decision, over facts;
//! [`Checking::check`] looks them up.

use std::{fmt, ops::Range, sync::Arc, time::Duration};

use clicktrail_catalog::{Catalog, Hole, Marks, SealedHour, Snapshot, StaleHour};
use clicktrail_log::{
    archive::{Archive, clicks::Clicks},
    causes::causes,
    position::{Epoch, Position, Seq},
    time::{Hour, Timestamp},
};
use clicktrail_projections::counters;
use clicktrail_replay::{as_of, promotions};
use clicktrail_verdicts::reader::VerdictReader;

use crate::{
    basis::{self, Checkpoint},
    error::Error,
};

/// How long behind a period's end events of it may still be logged: as long as a server takes them by default.
pub const LATENESS: Duration = Duration::from_secs(24 * 3_600);
/// How far ahead a client's clock may be; servers take 60 seconds by default. Hours that begin earlier before the
/// period are not looked at.
pub const AHEAD: Duration = Duration::from_secs(3_600);
/// So many hours are named.
const NAMED_MAX: usize = 5;

/// What a period waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long behind its end events of it may still be logged.
    pub lateness: Duration,
    /// How far ahead of the log's clock an event's time may be.
    pub ahead: Duration,
    /// Whether hours are taken that have verdicts which their numbers do not know.
    pub allow_stale: bool,
}

impl Default for Patience {
    fn default() -> Self {
        Self { lateness: LATENESS, ahead: AHEAD, allow_stale: false }
    }
}

impl Patience {
    /// The first hour that may hold an event of a period.
    pub fn first_hour(&self, from: Timestamp) -> Hour {
        from.plus_micros(-micros(self.ahead)).hour()
    }

    /// The last hour that must be sealed.
    fn last_hour(&self, to: Timestamp) -> Hour {
        self.over(to).plus_micros(-1).hour()
    }

    /// When no event of the period is expected any more.
    pub(crate) fn over(&self, to: Timestamp) -> Timestamp {
        to.plus_micros(micros(self.lateness))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Something that keeps a period from being drafted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// The period is not over.
    NotOver {
        /// When it is.
        end: Timestamp,
    },
    /// It is over, and late events may still come.
    MayBeLate {
        /// Until when.
        until: Timestamp,
    },
    /// Hours up to the end of the lateness window are not sealed.
    Unsealed {
        /// The first.
        from: Hour,
        /// The last.
        to_inclusive: Hour,
        /// The last frame that the judge has passed, and the last one that is counted.
        marks: (Seq, Seq),
        /// Whether all of them are behind the period's end.
        is_window: bool,
    },
    /// Hours are sealed and counted that the judge has not passed.
    Unjudged {
        /// The last sealed frame.
        sealed: Seq,
        /// The last judged one.
        judged: Seq,
    },
    /// The catalog lost something.
    Lost(Hole),
    /// The archive holds hours before this one, the first that is counted.
    NotCounted {
        /// The first hour that is counted.
        before: Hour,
    },
    /// The archive has this promotion, and the catalog does not know it.
    Promotion(u32),
    /// Hours have verdicts that their numbers do not know.
    Stale(Vec<Hour>),
    /// Nobody can say which hours are stale.
    VerdictsAway(String),
}

impl Lack {
    /// The word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotOver { .. } => "period_not_over",
            Self::MayBeLate { .. } => "late_events_possible",
            Self::Unsealed { .. } => "hours_unsealed",
            Self::Unjudged { .. } => "hours_unjudged",
            Self::Lost(_) => "catalog_lost_rows",
            Self::NotCounted { .. } => "hours_unregistered",
            Self::Promotion(_) => "promotion_unknown",
            Self::Stale(_) => "hours_stale",
            Self::VerdictsAway(_) => "verdicts_away",
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOver { end } => write!(f, "it ends at {end}, which is still to come"),
            Self::MayBeLate { until } => write!(
                f,
                "events of it may still be logged until {until}: wait, or say with --lateness how long late events can \
                 come"
            ),
            Self::Unsealed { from, to_inclusive, marks: (judged, counted), is_window } => {
                let hours = match to_inclusive.as_i64() - from.as_i64() {
                    0 => format!("hour {from} is not sealed"),
                    more => format!("{} hours from {from} to {to_inclusive} are not sealed", more + 1),
                };
                write!(
                    f,
                    "{hours} (the judge has come to frame {judged}, counting to frame {counted}): run `clicktrail \
                     serve`, which seals hours as they pass"
                )?;
                match is_window {
                    true => f.write_str(", or, if no event of the period can come any more, pass --lateness 0h"),
                    false => Ok(()),
                }
            }
            Self::Unjudged { sealed, judged } => write!(
                f,
                "sealed hours count frames up to {sealed}, but the judge has passed only frame {judged}: run `clicktrail \
                 serve`"
            ),
            Self::Lost(hole) => write!(f, "the catalog has lost {hole}: run `clicktrail catalog rebuild`"),
            Self::NotCounted { before } => {
                write!(
                    f,
                    "the archive has hours before {before} that are not counted: run `clicktrail catalog rebuild`"
                )
            }
            Self::Promotion(number) => write!(
                f,
                "the archive has promotion {number}, which the catalog does not know: run `clicktrail catalog rebuild`"
            ),
            Self::Stale(hours) => write!(
                f,
                "{} verdicts that the numbers do not know: run `clicktrail replay stale --auto-promote-below \
                 MONEY`, or pass --allow-stale",
                named(hours)
            ),
            Self::VerdictsAway(why) => write!(
                f,
                "the verdict log cannot be read, so nobody knows which hours are stale ({why}): try again, or pass \
                 --allow-stale"
            ),
        }
    }
}

fn named(hours: &[Hour]) -> String {
    let shown: Vec<String> = hours.iter().take(NAMED_MAX).map(Hour::to_string).collect();
    match (hours.len(), hours.len().saturating_sub(shown.len())) {
        (1, _) => format!("{} has", shown.join("")),
        (_, 0) => format!("{} have", shown.join(", ")),
        (_, more) => format!("{} and {more} more hours have", shown.join(", ")),
    }
}

/// What a decision stands on.
#[derive(Debug, Clone, Default)]
struct Facts {
    stale: Vec<Hour>,
    verdicts_away: Option<String>,
    is_first_hour_not_the_first: bool,
    promotion: Option<u32>,
}

/// What keeps a period from being drafted; nothing: it can be.
fn decide(period: &Range<Timestamp>, patience: &Patience, marks: &Marks, facts: &Facts, now: Timestamp) -> Vec<Lack> {
    let over = patience.over(period.end);
    if period.end > now {
        return vec![Lack::NotOver { end: period.end }];
    }
    if over > now {
        return vec![Lack::MayBeLate { until: over }];
    }
    let mut lacks = Vec::new();
    let needed = patience.last_hour(period.end);
    let sealed = marks.last_hour.as_ref().map(|last| last.hour);
    if sealed.is_none_or(|sealed| sealed < needed) {
        let from = sealed.map_or_else(|| patience.first_hour(period.start), Hour::next);
        let marks = (marks.judged.clicks_through, marks.counted_through);
        let from = from.min(needed);
        lacks.push(Lack::Unsealed { from, to_inclusive: needed, marks, is_window: from.start() >= period.end });
    }
    let (sealed, judged) = (marks.sealed_through(), marks.judged.clicks_through);
    if sealed > judged {
        lacks.push(Lack::Unjudged { sealed, judged });
    }
    let begin = patience.first_hour(period.start);
    lacks.extend(marks.holes.iter().copied().filter(|hole| concerns(hole, begin)).map(Lack::Lost));
    let is_late = |first: &&SealedHour| facts.is_first_hour_not_the_first && first.hour > begin;
    if let Some(first) = marks.first_hour.as_ref().filter(is_late) {
        lacks.push(Lack::NotCounted { before: first.hour });
    }
    lacks.extend(facts.promotion.map(Lack::Promotion));
    if !patience.allow_stale {
        lacks.extend((!facts.stale.is_empty()).then(|| Lack::Stale(facts.stale.clone())));
        lacks.extend(facts.verdicts_away.clone().map(Lack::VerdictsAway));
    }
    lacks
}

/// Whether a hole may be in hours from `begin` on. What is not sealed is in no period that can be drafted.
fn concerns(hole: &Hole, begin: Hour) -> bool {
    match hole {
        Hole::Hours(_, before) => *before >= begin,
        Hole::Segment(hour) => *hour >= begin,
        Hole::Frames(..) => false,
    }
}

/// Where facts are looked up.
#[derive(Debug, Clone)]
pub struct Checking {
    /// The archive.
    pub archive: Archive,
    /// The catalog.
    pub catalog: Arc<dyn Catalog>,
    /// The verdicts.
    pub history: VerdictReader,
    /// What is waited for.
    pub patience: Patience,
}

/// What was looked at, and what is missing in it.
#[derive(Debug)]
pub struct Checked {
    /// Everything that counts, from the first hour that may hold an event of the period.
    pub snapshot: Snapshot,
    /// What keeps the period from being drafted.
    pub lacks: Vec<Lack>,
    /// The head that was signed before anything was looked at: every verdict under it is known, or said not to be.
    pub signed: Option<Checkpoint>,
}

impl Checking {
    /// Looks at a period, as it is now.
    ///
    /// # Errors
    /// As archive and catalog report. What is missing is no error.
    pub async fn check(&self, period: &Range<Timestamp>, now: Timestamp) -> Result<Checked, Error> {
        // First: a verdict that is signed meanwhile is none that has to be known.
        let signed = basis::signed(&self.archive).await?;
        let range = (self.patience.first_hour(period.start), Hour::from_i64(i64::MAX / 2));
        let first = range.0;
        let (mut snapshot, verdicts_away) = match self.followed(range).await {
            Ok(snapshot) => (snapshot, None),
            Err(clicktrail_replay::Error::Catalog(error)) => return Err(error.into()),
            Err(error) => (self.catalog.snapshot(counters::NAME, range.0, range.1).await?, Some(causes(&error))),
        };
        let in_reach = snapshot.stale.iter().map(|stale| stale.hour).filter(|hour| *hour >= first);
        let facts = Facts {
            stale: self.of_period(in_reach.collect(), period).await?,
            verdicts_away: verdicts_away.clone(),
            is_first_hour_not_the_first: self.is_not_the_first(&snapshot.marks).await?,
            promotion: promotions::unknown(&self.archive, self.catalog.as_ref()).await?,
        };
        let lacks = decide(period, &self.patience, &snapshot.marks, &facts, now);
        if verdicts_away.is_some() {
            // Nobody knows of any hour whether its numbers know every verdict: none is said to.
            let unknown = Position::new(Epoch::FIRST, Seq::FIRST, 0);
            let hours = snapshot.segments.iter().map(|segment| segment.hour);
            snapshot.stale = hours.map(|hour| StaleHour { hour, first: unknown, last: unknown, verdicts: 0 }).collect();
        }
        Ok(Checked { snapshot, lacks, signed })
    }

    /// What counts, at an instant at which every verdict was followed that stands now: after a rebuild of the catalog
    /// none is.
    async fn followed(&self, range: (Hour, Hour)) -> Result<Snapshot, clicktrail_replay::Error> {
        let end = self.history.end().await?;
        as_of::followed(&self.history, self.catalog.as_ref(), counters::NAME, range, end).await
    }

    /// Those of the hours that have an event of the period.
    async fn of_period(&self, hours: Vec<Hour>, period: &Range<Timestamp>) -> Result<Vec<Hour>, Error> {
        let mut found = Vec::new();
        for hour in hours {
            let manifest = self.archive.manifest::<Clicks>(hour).await?;
            let holds = manifest.is_none_or(|manifest| {
                manifest.parts.iter().any(|part| {
                    part.event_time_max >= period.start.micros() && part.event_time_min < period.end.micros()
                })
            });
            found.extend(holds.then_some(hour));
        }
        Ok(found)
    }

    async fn is_not_the_first(&self, marks: &Marks) -> Result<bool, Error> {
        let Some(first) = &marks.first_hour else { return Ok(false) };
        let manifest = self.archive.manifest::<Clicks>(first.hour).await?;
        Ok(manifest.is_some_and(|manifest| manifest.previous.is_some()))
    }
}

#[cfg(test)]
mod tests;
