//! Days that nobody bills: whoever is billed for a period, and used something in the one before of which there is
//! neither a document nor a draft. So a period that nobody drafts, or a part of one after a change of cycle or zone, is
//! found when the next one is drafted or reviewed.

use std::collections::{BTreeMap, BTreeSet};

use clicktrail_catalog::SealedHour;
use clicktrail_invoices::{PeriodName, calendar::Frozen};
use clicktrail_log::time::{Hour, Timestamp};
use clicktrail_projections::counters;

use super::{accounts::Accounts, make::clicks, outcome::Unbilled, standing::Standing};
use crate::{
    basis,
    error::Error,
    ready::Checking,
    usage::{Everybody, stored, sum::Summing},
};

/// Whoever looks for days without a bill.
pub(crate) struct Looking<'l> {
    pub(crate) checking: &'l Checking,
    /// Segments that are added up at a time, where their sum was not kept.
    pub(crate) threads: usize,
    pub(crate) frozen: &'l Frozen,
    /// Where the present period ends.
    pub(crate) until: Timestamp,
}

impl Looking<'_> {
    /// Of these accounts, those that used something in the period before without a bill. What was thrown away is
    /// somebody's decision, and none of it.
    pub(crate) async fn before(&self, accounts: &Accounts, only: Option<&str>) -> Result<Vec<Unbilled>, Error> {
        let mut by_period: BTreeMap<PeriodName, BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
        for (advertiser, applied) in accounts.by_zone.values().flatten() {
            if let Some((before, zone)) = &applied.before {
                let of_zone = by_period.entry(*before).or_default().entry(zone.as_str()).or_default();
                of_zone.insert(advertiser.as_str());
            }
        }
        let mut found = Vec::new();
        for (name, by_zone) in by_period {
            let standing = Standing::read(self.checking.catalog.as_ref(), name, only).await?;
            let billed = standing.advertisers();
            for (zone, mut of_zone) in by_zone {
                of_zone.retain(|advertiser| !billed.contains(advertiser));
                if !of_zone.is_empty() {
                    self.of_zone((name, zone), &of_zone, &standing, &mut found).await?;
                }
            }
        }
        found.sort_by(|one, other| one.advertiser_id.cmp(&other.advertiser_id));
        Ok(found)
    }

    async fn of_zone(
        &self,
        (name, zone): (PeriodName, &str),
        advertisers: &BTreeSet<&str>,
        standing: &Standing,
        found: &mut Vec<Unbilled>,
    ) -> Result<(), Error> {
        let period = self.frozen.of(name, zone)?;
        let (archive, catalog) = (&self.checking.archive, &self.checking.catalog);
        let first = self.checking.patience.first_hour(period.from);
        let snapshot = catalog.snapshot(counters::NAME, first, Hour::from_i64(i64::MAX / 2)).await?;
        // The first hour of all is inside the present period: there was no click before. If it is behind that, too, all
        // of it came late, and may be of any period.
        let begins = |first: &SealedHour| (period.to..self.until).contains(&first.hour.start());
        if snapshot.marks.first_hour.as_ref().is_none_or(begins) {
            return Ok(());
        }
        if snapshot.marks.last_hour.as_ref().is_none_or(|last| last.hour < first) {
            return Ok(());
        }
        let instants = period.from..period.to;
        let known = standing.basis(archive, zone, &instants).await?;
        let basis = basis::find(archive, &snapshot, instants, first, known.as_ref()).await?;
        let used = match stored::get(archive, &basis).await? {
            Some(kept) => kept,
            None => self.sum(&basis, advertisers).await?,
        };
        found.extend(advertisers.iter().filter_map(|advertiser| {
            let clicks = clicks(used.of(advertiser)?);
            Some(Unbilled { advertiser_id: (*advertiser).to_owned(), period: period.clone(), clicks })
        }));
        Ok(())
    }

    async fn sum(&self, basis: &basis::Basis, advertisers: &BTreeSet<&str>) -> Result<Everybody, Error> {
        let only = advertisers.first().filter(|_| advertisers.len() == 1);
        let (archive, threads) = (self.checking.archive.clone(), self.threads);
        Summing { archive, threads, advertiser: only.map(|only| (*only).to_owned()) }.fresh(basis).await
    }
}
