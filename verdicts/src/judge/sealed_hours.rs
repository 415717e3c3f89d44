//! Which hours are sealed, and their manifests, asked of the archive as rarely as can be.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use clicktrail_log::{
    archive::{Archive, Manifest, clicks::Clicks, identities::SearchedHour},
    invariant,
    log::{Log, ReadLimit, Stream},
    position::Seq,
    time::Hour,
};

use futures::{StreamExt as _, stream};

use super::{error::Error, rows::manifest_of};

/// Hours that are kept from one question to the next: those of the longest window, and as many again. Beyond the limit
/// the oldest are dropped.
const HOURS_MAX: usize = 400;
/// Parts of all of them, some 120 MiB: those of a week at 200,000 events a second.
const PARTS_MAX: usize = 1 << 18;
/// Hours of which the event times are kept, for events that were logged late: two years and more, in a few megabytes.
const TIMES_MAX: usize = 20_000;
/// Manifests that are read side by side, of hours that nobody asked for yet.
const READ_AT_ONCE: usize = 16;

/// The sealed hours.
#[derive(Debug)]
pub(super) struct SealedHours {
    clicks: Arc<dyn Log>,
    archive: Archive,
    known: Option<Known>,
    hours: BTreeMap<Hour, Arc<SearchedHour>>,
    /// How many parts these have.
    parts: usize,
    /// Of sealed hours, the first and last event time; `None` of quiet ones.
    times: BTreeMap<Hour, Option<(i64, i64)>>,
}

/// How far the archive goes.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// The first hour that is sealed, or will be.
    first: Hour,
    /// The first that was not sealed when it was last asked. Hours are sealed in order.
    open: Hour,
}

/// What covers some hours.
#[derive(Debug)]
pub(super) struct Covered {
    /// The sealed ones, in order.
    pub(super) hours: Vec<Arc<SearchedHour>>,
    /// From which hour on they are in the log alone; `None` if all are sealed, or came before the log began.
    pub(super) open: Option<Hour>,
}

impl SealedHours {
    pub(super) fn new(clicks: Arc<dyn Log>, archive: Archive) -> Self {
        Self { clicks, archive, known: None, hours: BTreeMap::new(), parts: 0, times: BTreeMap::new() }
    }

    /// What covers the hours `from` to `to`, both included.
    ///
    /// # Errors
    /// As log and archive report.
    pub(super) async fn cover(&mut self, from: Hour, to: Hour) -> Result<Covered, Error> {
        let nothing = Covered { hours: Vec::new(), open: None };
        let Some(mut known) = self.known().await? else { return Ok(nothing) };
        let from = from.max(known.first);
        if from > to {
            return Ok(nothing);
        }
        if known.open <= to {
            known = self.look(known, to).await?;
            self.known = Some(known);
        }
        let mut hours = Vec::new();
        let mut hour = from;
        while hour <= to && hour < known.open {
            hours.push(self.hour(hour).await?);
            hour = hour.next();
        }
        Ok(Covered { hours, open: (known.open <= to).then_some(known.open) })
    }

    /// The event times of the sealed hours from `from` up to `to`, `to` excluded, without quiet ones. Whoever asks has
    /// asked what covers `to`.
    ///
    /// # Errors
    /// As the archive reports.
    pub(super) async fn times(&mut self, from: Hour, to: Hour) -> Result<Vec<(Hour, (i64, i64))>, Error> {
        let Some(known) = self.known().await? else { return Ok(Vec::new()) };
        let (from, to) = (from.max(known.first), to.min(known.open));
        let hours = || (from.as_i64()..to.as_i64()).map(Hour::from_i64);
        let missing: Vec<Hour> = hours().filter(|hour| !self.times.contains_key(hour)).collect();
        if self.times.len() + missing.len() > TIMES_MAX {
            self.times.retain(|hour, _| (from..to).contains(hour));
        }
        let archive = &self.archive;
        let read =
            missing.into_iter().map(|hour| async move { Ok((hour, times_of(&manifest_of(archive, hour).await?))) });
        let read: Vec<Result<_, Error>> = stream::iter(read).buffered(READ_AT_ONCE).collect().await;
        for of_hour in read {
            let (hour, times) = of_hour?;
            self.times.insert(hour, times);
        }
        Ok(hours().filter_map(|hour| Some((hour, self.times.get(&hour).copied().flatten()?))).collect())
    }

    async fn known(&mut self) -> Result<Option<Known>, Error> {
        if self.known.is_none() {
            let sealed = self.archive.sealed_hours(Stream::Clicks).await?;
            self.known = match (sealed.first(), sealed.last()) {
                (Some(first), Some(last)) => Some(Known { first: *first, open: last.next() }),
                (None, _) | (_, None) => {
                    let limit = ReadLimit { frames: 1, bytes: 1, wait: Duration::ZERO };
                    let begins = self.clicks.read(Seq::FIRST, limit).await?;
                    begins.first().map(|frame| frame.logged_at.hour()).map(|first| Known { first, open: first })
                }
            };
        }
        Ok(self.known)
    }

    /// Looks how far sealing has come, up to `to`.
    async fn look(&mut self, known: Known, to: Hour) -> Result<Known, Error> {
        // If the last hour is sealed, so are those before it.
        if self.load(to).await? {
            return Ok(Known { open: to.next(), ..known });
        }
        let mut open = known.open;
        while open < to && self.load(open).await? {
            open = open.next();
        }
        Ok(Known { open, ..known })
    }

    /// A sealed hour.
    ///
    /// # Errors
    /// As the archive reports.
    pub(super) async fn hour(&mut self, hour: Hour) -> Result<Arc<SearchedHour>, Error> {
        if let Some(known) = self.hours.get(&hour) {
            return Ok(Arc::clone(known));
        }
        let manifest = manifest_of(&self.archive, hour).await?;
        Ok(self.keep(hour, manifest))
    }

    /// Keeps what is looked for in an hour, within the limits.
    fn keep(&mut self, hour: Hour, manifest: Manifest) -> Arc<SearchedHour> {
        // Of writers, which may be thousands, nobody asks.
        let manifest = Manifest { writers: Vec::new(), last_frames: Vec::new(), alarms: Vec::new(), ..manifest };
        let kept = Arc::new(SearchedHour::new(Arc::new(manifest)));
        let before = self.hours.insert(hour, Arc::clone(&kept));
        invariant!(I14, before.is_none(), "{hour} was read twice");
        self.parts += kept.manifest.parts.len();
        while self.hours.len() > HOURS_MAX || self.parts > PARTS_MAX {
            let Some((_, oldest)) = self.hours.pop_first() else { break };
            self.parts -= oldest.manifest.parts.len();
        }
        kept
    }

    /// Whether an hour is sealed.
    async fn load(&mut self, hour: Hour) -> Result<bool, Error> {
        if !self.hours.contains_key(&hour) {
            let Some(manifest) = self.archive.manifest::<Clicks>(hour).await? else { return Ok(false) };
            self.keep(hour, manifest);
        }
        Ok(true)
    }
}

fn times_of(manifest: &Manifest) -> Option<(i64, i64)> {
    let first = manifest.parts.iter().map(|part| part.event_time_min).min()?;
    let last = manifest.parts.iter().map(|part| part.event_time_max).max()?;
    Some((first, last))
}
