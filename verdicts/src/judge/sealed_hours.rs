//! Which hours are sealed, and their manifests, asked of the archive as rarely as can be.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use clicktrail_log::{
    archive::{Archive, clicks::Clicks, identities::SearchedHour},
    invariant,
    log::{Log, ReadLimit, Stream},
    position::Seq,
    time::Hour,
};

use super::{error::Error, rows::manifest_of};

/// Hours that are kept from one question to the next: those of the longest window, and as many again. Beyond the limit
/// the oldest are dropped.
const HOURS_MAX: usize = 400;

/// The sealed hours.
#[derive(Debug)]
pub(super) struct SealedHours {
    clicks: Arc<dyn Log>,
    archive: Archive,
    known: Option<Known>,
    hours: BTreeMap<Hour, Arc<SearchedHour>>,
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
        Self { clicks, archive, known: None, hours: BTreeMap::new() }
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
        while self.hours.len() > HOURS_MAX {
            self.hours.pop_first();
        }
        invariant!(I14, self.hours.len() <= HOURS_MAX, "{} hours are kept", self.hours.len());
        Ok(Covered { hours, open: (known.open <= to).then_some(known.open) })
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

    async fn hour(&mut self, hour: Hour) -> Result<Arc<SearchedHour>, Error> {
        if let Some(known) = self.hours.get(&hour) {
            return Ok(Arc::clone(known));
        }
        let manifest = manifest_of(&self.archive, hour).await?;
        let loaded = Arc::new(SearchedHour::new(Arc::new(manifest)));
        self.hours.insert(hour, Arc::clone(&loaded));
        Ok(loaded)
    }

    /// Whether an hour is sealed.
    async fn load(&mut self, hour: Hour) -> Result<bool, Error> {
        if !self.hours.contains_key(&hour) {
            let Some(manifest) = self.archive.manifest::<Clicks>(hour).await? else { return Ok(false) };
            self.hours.insert(hour, Arc::new(SearchedHour::new(Arc::new(manifest))));
        }
        Ok(true)
    }
}
