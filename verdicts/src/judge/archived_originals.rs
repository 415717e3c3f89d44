//! Originals from before the look-back, looked up in the archive.
//!
//! The original of an old event was logged after it happened (clients' clocks aside) and before the look-back began.
//! The hours between are usually sealed. If one is not yet, judging waits for it, because a verdict must not depend on
//! how far the archiver has come. Each part is read whole once and compared with its digest. After that only its bloom
//! filter is kept, which excludes the part for nearly every id.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use arrow::{
    array::{AsArray as _, RecordBatch},
    datatypes::Int64Type,
};
use clicktrail_log::{
    archive::{
        self, Archive, Manifest,
        lookup::{self, Filter},
        manifest,
    },
    event::Kind,
    invariant,
    log::{Log, ReadLimit, Stream},
    position::{Position, Seq},
    time::{Hour, Timestamp},
};

use super::{error::Error, rows::manifest_of};
use crate::fold::{AHEAD_MAX_MICROS, OldEvent, Originals};

/// How long before its own event time an original may have been logged: a client's clock may run ahead by so much.
const AHEAD_MICROS: i64 = 3_600_000_000;
/// Filters that are kept, about a megabyte each. At the limit all are dropped, and read again as they are needed.
const FILTERS_MAX: usize = 96;
/// Manifests that are kept from one search to the next. Beyond the limit the oldest are dropped.
const MANIFESTS_MAX: usize = 1_000;

const _: () = assert!(AHEAD_MAX_MICROS <= AHEAD_MICROS, "what a fold takes for old is searched for far enough back");

/// Looks ids up in sealed hours.
#[derive(Debug)]
pub(super) struct ArchivedOriginals {
    clicks: Arc<dyn Log>,
    archive: Archive,
    /// The first hour of the archive, once it was listed.
    first_sealed: Option<Hour>,
    manifests: BTreeMap<Hour, Arc<Manifest>>,
    filters: HashMap<String, Arc<Filter>>,
}

impl ArchivedOriginals {
    /// Looks into `archive`. `clicks` says where the log begins.
    pub(super) fn new(clicks: Arc<dyn Log>, archive: Archive) -> Self {
        Self { clicks, archive, first_sealed: None, manifests: BTreeMap::new(), filters: HashMap::new() }
    }

    /// For each of `old`, the first event of its kind and id that was logged before its look-back, if there is one.
    /// `batch` holds the old events.
    ///
    /// # Errors
    /// [`Error::NotSealed`] if an hour that must be searched is not sealed yet; otherwise as the archive reports.
    pub(super) async fn find(
        &mut self,
        batch: &RecordBatch,
        old: &[OldEvent],
        look_back: Duration,
    ) -> Result<Originals, Error> {
        let mut found = Originals::none();
        if old.is_empty() {
            return Ok(found);
        }
        let look_back = i64::try_from(look_back.as_micros()).unwrap_or(i64::MAX / 2);
        let before = |event: &OldEvent| event.logged_at.plus_micros(-look_back);
        let first = old.iter().map(|event| event.event_time).min().expect("there are old events");
        let first = first.plus_micros(-AHEAD_MICROS).hour();
        for event in old {
            self.require_sealed(seq_of(batch, event), before(event).hour(), first).await?;
        }
        let last = old.iter().map(before).max().expect("there are old events").hour();
        let manifests: Vec<Arc<Manifest>> = self
            .manifests
            .range(first..)
            .take_while(|(hour, _)| **hour <= last)
            .map(|(_, found)| Arc::clone(found))
            .collect();
        for part in manifests.iter().flat_map(|manifest| &manifest.parts) {
            self.search(part, old, &before, &mut found).await?;
        }
        Ok(found)
    }

    /// Loads the manifests of the hours from `first` to `last`. Refuses if one of them has begun and is not sealed yet:
    /// `seq` is the frame that must wait for it. Hours before the log began never come, so nothing waits for them.
    async fn require_sealed(&mut self, seq: Seq, last: Hour, first: Hour) -> Result<(), Error> {
        let first = self.first_sealed.map_or(first, |sealed| sealed.max(first));
        let wanted = usize::try_from(last.as_i64() - first.as_i64() + 1).unwrap_or(0);
        if self.manifests.range(first..).take_while(|(hour, _)| **hour <= last).count() == wanted {
            return Ok(());
        }
        let sealed = self.archive.sealed_hours(Stream::Clicks).await?;
        self.first_sealed = sealed.first().copied();
        while self.manifests.len() > MANIFESTS_MAX {
            self.manifests.pop_first();
        }
        for hour in sealed.iter().filter(|hour| (first..=last).contains(*hour)) {
            if !self.manifests.contains_key(hour) {
                self.manifests.insert(*hour, Arc::new(manifest_of(&self.archive, *hour).await?));
            }
        }
        // Hours are sealed in order, so only the first open one matters. While none is sealed, it is the log's first
        // hour: the log may be younger than the event claims to be.
        let open = match sealed.last() {
            Some(sealed) => sealed.next(),
            None => self.first_logged().await?.map_or(last.next(), Timestamp::hour),
        };
        if open > last { Ok(()) } else { Err(Error::NotSealed { seq, hour: open }) }
    }

    async fn first_logged(&self) -> Result<Option<Timestamp>, Error> {
        let limit = ReadLimit { frames: 1, bytes: 1, wait: Duration::ZERO };
        Ok(self.clicks.read(Seq::FIRST, limit).await?.first().map(|frame| frame.logged_at))
    }

    async fn search(
        &mut self,
        part: &manifest::Part,
        old: &[OldEvent],
        before: &impl Fn(&OldEvent) -> Timestamp,
        found: &mut Originals,
    ) -> Result<(), Error> {
        let damaged = |error: parquet::errors::ParquetError| archive::Error::Damaged {
            key: part.core.key.clone(),
            reason: error.to_string(),
        };
        let (filter, bytes) = match self.filters.get(&part.core.key) {
            Some(filter) => (Arc::clone(filter), None),
            None => {
                let bytes = self.archive.get_file(&part.core).await?;
                let filter = Arc::new(Filter::of(bytes.clone()).map_err(damaged)?);
                if self.filters.len() >= FILTERS_MAX {
                    self.filters.clear();
                }
                self.filters.insert(part.core.key.clone(), Arc::clone(&filter));
                invariant!(I14, self.filters.len() <= FILTERS_MAX, "{} filters are kept", self.filters.len());
                (filter, Some(bytes))
            }
        };
        let wanted: HashSet<&str> =
            old.iter().map(|event| event.event_id.as_str()).filter(|id| filter.may_hold(id)).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let bytes = match bytes {
            Some(bytes) => bytes,
            None => self.archive.get_file(&part.core).await?,
        };
        for original in lookup::find(bytes, |id| wanted.contains(id)).map_err(damaged)? {
            let Ok(kind) = original.kind.parse::<Kind>() else { continue };
            let repeats = |event: &&OldEvent| {
                event.kind == kind && event.event_id == original.event_id && original.logged_at <= before(event)
            };
            for event in old.iter().filter(repeats) {
                found.add(event.kind, &event.event_id, original.position);
            }
        }
        Ok(())
    }
}

/// The frame of an event of a batch whose first column is its positions.
fn seq_of(batch: &RecordBatch, event: &OldEvent) -> Seq {
    let position = batch.column(0).as_primitive::<Int64Type>().value(event.row);
    Position::from_i64(position).map_or(Seq::ZERO, Position::seq)
}
