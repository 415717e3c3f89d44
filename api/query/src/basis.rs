//! What an answer stands on: how far it goes, and what it does not hold.
//!
//! A few look-ups say it: the end of the log before the question was asked, the marks of the snapshot that was counted,
//! and the manifests at both ends of the catalog's hours. What cannot be reached is said, and fails no question that
//! does not need it.

use std::{fmt, time::Duration};

use clicktrail_catalog::{Hole, Marks, SealedHour};
use clicktrail_log::{
    archive::{self, Manifest, clicks::Clicks},
    causes::causes,
    log::{self, Info, ReadLimit, Stream},
    position::{Position, Seq},
    time::{Hour, Timestamp},
};
use clicktrail_replay::{belongs, projected::HoursFrom, promotions};

use crate::{
    error::Error,
    pinned::{Bounds, Pinned},
    service::Service,
};

/// What an answer stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// How far everything goes that was counted.
    pub marks: Marks,
    /// The last frame that was logged when the question was asked; `None` if the log could not be reached.
    pub logged_through: Option<Seq>,
    /// What the answer does not hold, or may not hold.
    pub missing: Vec<Missing>,
    /// The sealed hours of which the answer does not count every verdict. Nothing is missing of them: the numbers are
    /// those that are billed.
    pub stale: Vec<Hour>,
    /// How many hours count from what; `None` of counters.
    pub hours_from: Option<HoursFrom>,
    /// What bounds the answer, if it is not about everything that counts now.
    pub pinned: Option<Pinned>,
}

/// Something that an answer does not hold, or may not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// Frames are logged and not counted.
    Uncounted {
        /// How many.
        frames: u64,
        /// How many of them the judge has not passed.
        unjudged: u64,
        /// When the first was logged, if it can be read.
        since: Option<Timestamp>,
    },
    /// The log ends before what is counted.
    LogEndsBefore {
        /// Its last frame.
        logged: Seq,
        /// The last frame that is counted.
        counted: Seq,
    },
    /// The click log cannot be reached: nobody knows what it holds behind what is counted.
    LogAway(String),
    /// The spool of this machine holds frames that are not in the log yet.
    Spooled(u64),
    /// The archive holds sealed hours, from this one on, that are counted nowhere.
    Unregistered(Hour),
    /// The archive holds hours before this one, the first that is counted.
    UnregisteredBefore(Hour),
    /// The archive does not hold this hour as it is counted.
    NotArchived(Hour),
    /// The archive cannot be reached: nobody knows whether it holds more.
    ArchiveAway(String),
    /// Frames up to this one are counted from sealed hours, and the judge has come only so far.
    CountedUnjudged {
        /// The last sealed frame.
        sealed: Seq,
        /// The last judged frame.
        judged: Seq,
    },
    /// The catalog lost rows.
    Lost(Hole),
    /// The archive has this promotion, and the catalog does not know it: it is an older copy, and counts as before.
    Promotion(u32),
    /// The range that was asked for is not over, so more will come into it.
    NotOver {
        /// The first instant behind the range.
        end: Timestamp,
    },
}

impl Missing {
    /// Whether it is said of clicks behind those that are counted.
    const fn is_of_later_clicks(&self) -> bool {
        match self {
            Self::Uncounted { .. }
            | Self::LogAway(_)
            | Self::Spooled(_)
            | Self::Unregistered(_)
            | Self::NotOver { .. } => true,
            Self::LogEndsBefore { .. }
            | Self::UnregisteredBefore(_)
            | Self::NotArchived(_)
            | Self::ArchiveAway(_)
            | Self::CountedUnjudged { .. }
            | Self::Promotion(_)
            | Self::Lost(_) => false,
        }
    }

    /// The word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Uncounted { .. } => "frames_uncounted",
            Self::LogEndsBefore { .. } => "log_ends_before",
            Self::LogAway(_) => "log_away",
            Self::Spooled(_) => "frames_spooled",
            Self::Unregistered(_) | Self::UnregisteredBefore(_) => "hours_unregistered",
            Self::NotArchived(_) => "hour_not_archived",
            Self::ArchiveAway(_) => "archive_away",
            Self::CountedUnjudged { .. } => "counted_unjudged",
            Self::Lost(_) => "catalog_lost_rows",
            Self::Promotion(_) => "promotion_unknown",
            Self::NotOver { .. } => "range_not_over",
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frames = |count: u64| if count == 1 { "1 frame".to_owned() } else { format!("{count} frames") };
        match self {
            Self::Uncounted { frames: count, unjudged, since } => {
                let verb = if *count == 1 { "is" } else { "are" };
                let since = since.map_or(String::new(), |since| format!(" since {since}"));
                write!(f, "{} logged{since} {verb} not counted yet", frames(*count))?;
                match *unjudged {
                    0 => Ok(()),
                    unjudged if unjudged == *count => f.write_str(" and not judged"),
                    unjudged => write!(f, ", {unjudged} of them not judged"),
                }
            }
            Self::LogEndsBefore { logged, counted } => {
                write!(f, "the log ends with frame {logged}, though frames up to {counted} are counted: it is older")
            }
            Self::LogAway(why) => write!(f, "the click log cannot be reached, so what it holds is not known ({why})"),
            Self::Spooled(count) => write!(f, "{} on this machine's spool, not in the log yet", frames(*count)),
            Self::Unregistered(hour) => {
                write!(f, "the archive has sealed hours from {hour} on that are not counted (see `catalog rebuild`)")
            }
            Self::UnregisteredBefore(hour) => {
                write!(f, "the archive has sealed hours before {hour} that are not counted (see `catalog rebuild`)")
            }
            Self::NotArchived(hour) => write!(f, "the archive does not hold {hour} as it is counted"),
            Self::ArchiveAway(why) => write!(f, "the archive cannot be reached, so what it holds is not known ({why})"),
            Self::CountedUnjudged { sealed, judged } => {
                write!(f, "sealed hours count frames up to {sealed}, but the judge has passed only frame {judged}")
            }
            Self::Lost(hole) => write!(f, "the catalog has lost {hole} (see `catalog rebuild`)"),
            Self::Promotion(number) => write!(
                f,
                "the archive has promotion {number}, which the catalog does not know: the catalog is an older copy, and \
                 counts as before it (see `catalog rebuild`)"
            ),
            Self::NotOver { end } => write!(f, "the range ends at {end}, which is still to come"),
        }
    }
}

impl Basis {
    /// Says that an answer about a range up to `end` is one about a range that is not over `now`.
    pub fn hold_against(&mut self, end: Option<Timestamp>, now: Timestamp) {
        let end = end.filter(|end| self.is_open() && *end > now);
        self.missing.extend(end.map(|end| Missing::NotOver { end }));
    }

    /// The same, of an answer within bounds: what comes behind the last click is not missing.
    pub(crate) fn pinned(mut self, bounds: Bounds) -> Self {
        let counted = self.marks.counted_through;
        if bounds.clicks_before.is_some_and(|before| before <= Position::new(before.epoch(), counted.next(), 0)) {
            self.missing.retain(|missing| !missing.is_of_later_clicks());
        }
        self.pinned = Some(Pinned::AsOf(bounds));
        self
    }

    /// Whether more clicks may still come into the answer.
    pub fn is_open(&self) -> bool {
        match &self.pinned {
            None => true,
            Some(Pinned::AsOf(bounds)) => bounds.clicks_before.is_none(),
            Some(Pinned::Generation { .. }) => false,
        }
    }

    /// Whether the answer holds everything that was logged when the question was asked, and judged.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// What is missing, in one sentence; `None` if nothing is.
    pub fn sentence(&self) -> Option<String> {
        let missing: Vec<String> = self.missing.iter().map(Missing::to_string).collect();
        (!missing.is_empty()).then(|| format!("incomplete: {}", missing.join("; ")))
    }
}

impl Service {
    /// The end of the log, for a basis: asked before the question, so that what is logged meanwhile is not missed.
    pub(crate) async fn tail(&self) -> Result<Info, log::Error> {
        self.clicks.info().await
    }

    /// What an answer from these marks stands on. `tail` is the end of the log before the question.
    ///
    /// # Errors
    /// If log or archive hold what cannot be read, or a log is not the one that was counted. That they cannot be
    /// reached is part of the answer.
    pub(crate) async fn basis(&self, tail: Result<Info, log::Error>, marks: Marks) -> Result<Basis, Error> {
        match belongs::check(&self.clicks, &self.history, self.catalog.as_ref()).await {
            // A log that cannot be reached is said below, and a hole in it where it is read.
            Err(clicktrail_replay::Error::Log(_) | clicktrail_replay::Error::Verdicts(_)) => {}
            checked => checked?,
        }
        let mut missing: Vec<Missing> = marks.holes.iter().copied().map(Missing::Lost).collect();
        let logged_through = tail.as_ref().ok().map(|info| info.last);
        match tail {
            Ok(info) => missing.extend(self.uncounted(&info, &marks).await),
            Err(cause) => missing.push(Missing::LogAway(causes(&cause))),
        }
        match self.unregistered(&marks).await {
            Ok(found) => missing.extend(found),
            Err(cause) if cause.is_transient() => missing.push(Missing::ArchiveAway(causes(&cause))),
            Err(cause) => return Err(cause.into()),
        }
        match promotions::unknown(&self.archive, self.catalog.as_ref()).await {
            Ok(found) => missing.extend(found.map(Missing::Promotion)),
            Err(cause) if cause.is_transient() => missing.push(Missing::ArchiveAway(causes(&cause))),
            Err(cause) => return Err(cause.into()),
        }
        let (sealed, judged) = (marks.sealed_through(), marks.judged.clicks_through);
        if sealed > judged {
            missing.push(Missing::CountedUnjudged { sealed, judged });
        }
        Ok(Basis { marks, logged_through, missing, stale: Vec::new(), hours_from: None, pinned: None })
    }

    /// How far everything goes now, and what is missing there.
    ///
    /// # Errors
    /// As the catalog reports, and if log or archive hold what cannot be read.
    pub async fn present_basis(&self) -> Result<Basis, Error> {
        let tail = self.tail().await;
        let marks = self.catalog.marks(clicktrail_projections::counters::NAME).await?;
        self.basis(tail, marks).await
    }

    /// Adds the first hour between the ends of what is counted of which the archive has no manifest. It takes a
    /// listing, so it is for who demands a complete answer.
    ///
    /// # Errors
    /// If the archive holds what cannot be read.
    pub async fn add_hole(&self, basis: &mut Basis) -> Result<(), Error> {
        let (Some(first), Some(last)) = (&basis.marks.first_hour, &basis.marks.last_hour) else { return Ok(()) };
        match self.archive.sealed_hours(Stream::Clicks).await {
            Ok(held) => {
                let mut all = (first.hour.as_i64()..=last.hour.as_i64()).map(Hour::from_i64);
                let hole = all.find(|hour| held.binary_search(hour).is_err()).map(Missing::NotArchived);
                basis.missing.extend(hole.filter(|hole| !basis.missing.contains(hole)));
            }
            // It is said already.
            Err(cause) if cause.is_transient() => {}
            Err(cause) => return Err(cause.into()),
        }
        Ok(())
    }

    async fn uncounted(&self, info: &Info, marks: &Marks) -> Option<Missing> {
        let counted = marks.counted_through;
        if info.last < counted {
            return Some(Missing::LogEndsBefore { logged: info.last, counted });
        }
        let frames = info.last.get() - counted.get();
        let unjudged = info.last.get().saturating_sub(marks.judged.clicks_through.max(counted).get());
        if frames == 0 {
            return None;
        }
        let limit = ReadLimit { frames: 1, bytes: 1, wait: Duration::ZERO };
        // A frame that cannot be read is counting's alarm, not this sentence's.
        let first = self.clicks.read(counted.next().max(info.first), limit).await.ok();
        let since = first.and_then(|first| first.first().map(|frame| frame.logged_at));
        Some(Missing::Uncounted { frames, unjudged, since })
    }

    /// What archive and catalog hold differently, at the ends of the catalog's hours.
    async fn unregistered(&self, marks: &Marks) -> Result<Vec<Missing>, archive::Error> {
        let (Some(first), Some(last)) = (&marks.first_hour, &marks.last_hour) else {
            // With no hour registered there is no end to look at: the first manifest says whether there should be one.
            let Some(first) = self.archive.sealed_hours(Stream::Clicks).await?.first().copied() else {
                return Ok(Vec::new());
            };
            return Ok(self.uncounted_hour(first, marks).await?.into_iter().collect());
        };
        let mut missing = Vec::new();
        let oldest = self.archive.manifest::<Clicks>(first.hour).await?;
        if oldest.as_ref().is_some_and(|manifest| manifest.previous.is_some()) {
            missing.push(Missing::UnregisteredBefore(first.hour));
        }
        let newest = match first.hour == last.hour {
            true => oldest.clone(),
            false => self.archive.manifest::<Clicks>(last.hour).await?,
        };
        let differs = |hour: &SealedHour, manifest: &Option<Manifest>| {
            manifest.as_ref().is_none_or(|manifest| manifest.digest().to_string() != hour.manifest_digest)
        };
        missing.extend(differs(first, &oldest).then_some(Missing::NotArchived(first.hour)));
        let is_another = first.hour != last.hour && differs(last, &newest);
        missing.extend(is_another.then_some(Missing::NotArchived(last.hour)));
        missing.extend(self.uncounted_hour(last.hour.next(), marks).await?);
        Ok(missing)
    }

    /// A sealed hour that is not registered counts all the same if its frames are counted live.
    async fn uncounted_hour(&self, hour: Hour, marks: &Marks) -> Result<Option<Missing>, archive::Error> {
        let manifest = self.archive.manifest::<Clicks>(hour).await?;
        let is_uncounted = manifest.is_some_and(|manifest| manifest.last_seq() > marks.counted_through);
        Ok(is_uncounted.then_some(Missing::Unregistered(hour)))
    }
}
