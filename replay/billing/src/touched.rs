//! Which issued periods a promotion or a rollback would touch, and by how much: so that nobody changes what customers
//! hold in their hands without knowing it.

use std::collections::{BTreeMap, BTreeSet};

use clicktrail_catalog::{
    Catalog,
    generations::{Generation, GenerationId, LivePointer, Move},
    invoicing::{AccountPeriod, DocumentFilter, Period},
};
use clicktrail_invoices::Counts;
use clicktrail_log::{
    archive::{Archive, clicks::Clicks},
    time::{Hour, Timestamp},
};
use clicktrail_projections::counters;

use crate::{
    basis::Read,
    correct::{documents, reads_of},
    error::Error,
    usage::{Everybody, Sign, sum::Summing},
};

/// Periods or promotions that are read at a time.
const PAGE: u32 = 1_000;

/// By how much accounts with an invoice would change, by period and account.
pub type Touched = BTreeMap<AccountPeriod, Counts>;

/// What looking needs.
#[derive(Debug, Clone, Copy)]
pub struct Looking<'l> {
    /// Segments and manifests.
    pub archive: &'l Archive,
    /// Documents and live pointers.
    pub catalog: &'l dyn Catalog,
    /// Segments that are added up at a time.
    pub threads: usize,
}

impl Looking<'_> {
    /// The accounts with an invoice whose counts a promotion of this generation would change.
    ///
    /// # Errors
    /// A segment or manifest that is missing or damaged, by name; as archive and catalog report.
    pub async fn by(&self, generation: &Generation) -> Result<Touched, Error> {
        if generation.projection != counters::NAME {
            return Ok(Touched::new());
        }
        let built = reads_of(self.catalog, generation).await?;
        self.moving(built.into_iter().map(|(hour, read)| (hour, Some(read))).collect()).await
    }

    /// The accounts with an invoice whose counts a rollback of this generation would change, back to what they were
    /// before its last promotion.
    ///
    /// # Errors
    /// As [`by`](Self::by).
    pub async fn by_rollback(&self, generation: &Generation) -> Result<Touched, Error> {
        if generation.projection != counters::NAME {
            return Ok(Touched::new());
        }
        let Some(number) = self.last_promotion(&generation.id).await? else { return Ok(Touched::new()) };
        let record = self.catalog.promotion_record(number).await?;
        let gone = || Error::Contradiction(format!("promotion {number} is not in the catalog any more"));
        let mut before = BTreeMap::new();
        for hour in record.ok_or_else(gone)?.hours.into_iter().filter(|hour| hour.is_moved) {
            let at = hour.unit.hour;
            let read = match (&hour.unit.base, &hour.base) {
                (None, _) => None,
                (Some(pointer), Some(segment)) => Read::of(segment, pointer),
                (Some(_), None) => None,
            };
            if read.is_none() && hour.unit.base.is_some() {
                let id = &generation.id;
                return Err(Error::Contradiction(format!(
                    "the segment that {at} counted from before generation {id} is not registered any more"
                )));
            }
            before.insert(at, read);
        }
        self.moving(before).await
    }

    async fn last_promotion(&self, id: &GenerationId) -> Result<Option<i64>, Error> {
        let (mut last, mut after) = (None, 0);
        loop {
            let page = self.catalog.promotions(after, PAGE).await?;
            let Some(end) = page.last() else { return Ok(last) };
            after = end.number;
            let mut of_it = page.iter().filter(|one| one.moved == Move::Promote && one.generation == *id);
            last = of_it.next_back().map(|one| one.number).or(last);
        }
    }

    /// The accounts with an invoice whose counts change once hours count from other segments, or from nothing.
    async fn moving(&self, targets: BTreeMap<Hour, Option<Read>>) -> Result<Touched, Error> {
        let mut touched = Touched::new();
        let changing = self.changing(targets).await?;
        let Some((earliest, latest)) = self.events(changing.iter().map(|(read, _)| read.hour)).await? else {
            return Ok(touched);
        };
        let summing = Summing { archive: self.archive.clone(), threads: self.threads, advertiser: None };
        for (period, accounts) in self.issued(&(earliest..latest)).await? {
            let reads = changing.iter().cloned();
            let sum = summing.add(Everybody::default(), period.0..period.1, reads).await?;
            for about in accounts {
                let usage = sum.of(&about.advertiser_id).and_then(|by_currency| by_currency.get(&about.currency));
                if let Some(usage) = usage {
                    touched.insert(about, usage.total()?);
                }
            }
        }
        Ok(touched)
    }

    /// The issued periods that hours may hold events of, with how many documents.
    ///
    /// # Errors
    /// As [`by`](Self::by).
    pub async fn periods(&self, hours: impl Iterator<Item = Hour>) -> Result<BTreeMap<(String, String), usize>, Error> {
        let Some((earliest, latest)) = self.events(hours).await? else { return Ok(BTreeMap::new()) };
        let mut found = BTreeMap::new();
        for period in self.frozen(&(earliest..latest)).await? {
            let issued = self.documents_of(&period).await?;
            if !issued.is_empty() {
                found.insert((period.frozen.name, period.frozen.zone), issued.len());
            }
        }
        Ok(found)
    }

    /// What would leave and what would come.
    async fn changing(&self, targets: BTreeMap<Hour, Option<Read>>) -> Result<Vec<(Read, Sign)>, Error> {
        let (Some((from, _)), Some((to, _))) = (targets.first_key_value(), targets.last_key_value()) else {
            return Ok(Vec::new());
        };
        let live = self.catalog.live_pointers(counters::NAME, *from, *to).await?;
        let live: BTreeMap<Hour, LivePointer> = live.into_iter().map(|pointer| (pointer.hour, pointer)).collect();
        let mut changing = Vec::new();
        for (hour, target) in targets {
            let live = live.get(&hour);
            let counts = live.map(|live| live.output_digest.clone());
            if counts == target.as_ref().map(|read| read.output_digest.to_string()) {
                continue;
            }
            if let Some(pointer) = live {
                let segment = self.catalog.live_segment(counters::NAME, hour).await?;
                let read = segment.and_then(|segment| Read::of(&segment, pointer));
                let gone = || Error::Contradiction(format!("{hour} counts from a segment that is not registered"));
                changing.push((read.ok_or_else(gone)?, Sign::Minus));
            }
            changing.extend(target.map(|read| (read, Sign::Plus)));
        }
        Ok(changing)
    }

    /// The first and one past the last event time in these hours; `None` if there is no event.
    async fn events(&self, hours: impl Iterator<Item = Hour>) -> Result<Option<(Timestamp, Timestamp)>, Error> {
        let hours: BTreeSet<Hour> = hours.collect();
        let mut span: Option<(i64, i64)> = None;
        for hour in hours {
            let Some(manifest) = self.archive.manifest::<Clicks>(hour).await? else { continue };
            for part in manifest.parts.iter().filter(|part| part.rows > 0) {
                let (min, max) = span.unwrap_or((part.event_time_min, part.event_time_max));
                span = Some((min.min(part.event_time_min), max.max(part.event_time_max)));
            }
        }
        Ok(span.map(|(min, max)| (Timestamp::from_micros(min), Timestamp::from_micros(max).plus_micros(1))))
    }

    /// Frozen periods that share an instant with a range.
    async fn frozen(&self, range: &std::ops::Range<Timestamp>) -> Result<Vec<Period>, Error> {
        let (mut found, mut after): (Vec<Period>, Option<(String, String)>) = (Vec::new(), None);
        loop {
            let behind = after.as_ref().map(|(name, zone)| (name.as_str(), zone.as_str()));
            let page = self.catalog.periods(behind, PAGE).await?;
            let Some(last) = page.last() else { return Ok(found) };
            after = Some((last.frozen.name.clone(), last.frozen.zone.clone()));
            let shares = |period: &Period| period.frozen.from < range.end && period.frozen.to > range.start;
            found.extend(page.into_iter().filter(shares));
        }
    }

    /// Whoever has a document of a period in its zone.
    async fn documents_of(&self, period: &Period) -> Result<BTreeSet<AccountPeriod>, Error> {
        let filter = DocumentFilter { period: Some(period.frozen.name.clone()), ..DocumentFilter::default() };
        let documents = documents(self.catalog, &filter).await?;
        let of_zone = documents.into_iter().filter(|document| document.facts.zone == period.frozen.zone);
        Ok(of_zone.map(|document| document.facts.about).collect())
    }

    /// The instants of issued periods in a range, and whose they are.
    async fn issued(
        &self,
        range: &std::ops::Range<Timestamp>,
    ) -> Result<BTreeMap<(Timestamp, Timestamp), BTreeSet<AccountPeriod>>, Error> {
        let mut issued: BTreeMap<(Timestamp, Timestamp), BTreeSet<AccountPeriod>> = BTreeMap::new();
        for period in self.frozen(range).await? {
            let accounts = self.documents_of(&period).await?;
            if !accounts.is_empty() {
                issued.entry((period.frozen.from, period.frozen.to)).or_default().extend(accounts);
            }
        }
        Ok(issued)
    }
}
