//! Events that repeat one older than the look-back: their originals are looked up in the archive.
//!
//! What a repetition may repeat was logged after its event time and before the look-back began. Those hours are sealed;
//! if one is not yet, judging waits for it, because a verdict must not depend on how far the archiver has come. Each
//! part is read whole once and compared with its digest; then its bloom filter is kept, and rules it out for nearly every
//! id.

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
    log::{Log, ReadLimit, Stream},
    position::{Position, Seq},
    time::{Hour, Timestamp},
};

use super::{Error, rows::manifest_of};
use crate::fold::{OldEvent, Originals as Found};

/// How much later than its event time an event may have been logged before: clients' clocks run ahead by so much.
const AHEAD_MICROS: i64 = 3_600_000_000;
/// Filters that are kept, about a megabyte each. Full: all are dropped and read again as they are needed.
const FILTERS_MAX: usize = 96;
/// Manifests that are kept. More: the oldest go.
const MANIFESTS_MAX: usize = 1_000;

/// Looks ids up in sealed hours.
#[derive(Debug)]
pub struct Originals {
    clicks: Arc<dyn Log>,
    archive: Archive,
    /// The first hour of the archive, once it was listed.
    first_sealed: Option<Hour>,
    manifests: BTreeMap<Hour, Arc<Manifest>>,
    filters: HashMap<String, Arc<Filter>>,
}

impl Originals {
    /// Of an archive, and of the log that says where time begins.
    pub fn new(clicks: Arc<dyn Log>, archive: Archive) -> Self {
        Self { clicks, archive, first_sealed: None, manifests: BTreeMap::new(), filters: HashMap::new() }
    }

    /// The first events of the same kind and id that were logged before the look-back of `old` events.
    ///
    /// # Errors
    /// [`Error::NotSealed`] if an hour that must be searched is not sealed yet; otherwise as the archive reports.
    pub async fn find(&mut self, batch: &RecordBatch, old: &[OldEvent], look_back: Duration) -> Result<Found, Error> {
        let mut found = Found::default();
        if old.is_empty() {
            return Ok(found);
        }
        let look_back = i64::try_from(look_back.as_micros()).unwrap_or(i64::MAX / 2);
        let before = |event: &OldEvent| event.logged_at.plus_micros(-look_back);
        let first = old.iter().map(|event| event.event_time).min().expect("not empty");
        let first = first.plus_micros(-AHEAD_MICROS).hour();
        for event in old {
            self.require_sealed(seq_of(batch, event), before(event).hour(), first).await?;
        }
        let last = old.iter().map(before).max().expect("not empty").hour();
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

    /// Sees to it that every hour from `first` to `last` is sealed and known, as far as there was a log by then.
    async fn require_sealed(&mut self, seq: Seq, last: Hour, first: Hour) -> Result<(), Error> {
        let first = self.first_sealed.map_or(first, |sealed| sealed.max(first));
        let hours = last.as_i64() - first.as_i64() + 1;
        if i64::try_from(self.manifests.range(first..).take_while(|(hour, _)| **hour <= last).count())
            == Ok(hours.max(0))
        {
            return Ok(());
        }
        let hours = self.archive.sealed_hours(Stream::Clicks).await?;
        self.first_sealed = hours.first().copied();
        while self.manifests.len() > MANIFESTS_MAX {
            self.manifests.pop_first();
        }
        for hour in hours.iter().filter(|hour| **hour >= first && **hour <= last) {
            if !self.manifests.contains_key(hour) {
                self.manifests.insert(*hour, Arc::new(manifest_of(&self.archive, *hour).await?));
            }
        }
        if hours.last().is_some_and(|sealed| *sealed >= last) {
            return Ok(());
        }
        // The log may be younger than the event says it is.
        let open = match hours.last() {
            Some(sealed) => sealed.next(),
            None => self.first_logged().await?.map_or(last.next(), Timestamp::hour),
        };
        if open > last {
            return Ok(());
        }
        Err(Error::NotSealed { seq, hour: open })
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
        found: &mut Found,
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
