//! What one account used in one currency, hour by hour: as the segments of a basis say, or counted again from clicks
//! and rulings by this program.
//!
//! Both read this account's rows alone. Counted again, an hour must be made of the very clicks and rulings that the
//! basis names, and its counts may be compared with those of its segment.

use std::{collections::BTreeMap, ops::Range};

use clicktrail_invoices::{Counts, Usage};
use clicktrail_log::{
    archive::Archive,
    invariant,
    time::{Hour, Timestamp},
};
use clicktrail_verdicts::{reader::VerdictReader, verdict::Category};
use futures::{StreamExt as _, TryStreamExt as _, future::BoxFuture, stream};

use crate::{
    basis::{Basis, Read},
    error::Error,
    raw::{Click, Raw},
    rows,
};

/// Hours that are read side by side.
const HOURS_AT_ONCE: usize = 4;

/// Where an hour's counts come from.
#[derive(Debug, Clone, Copy)]
pub enum Origin<'o> {
    /// Its segment.
    Segments,
    /// Its clicks, and what was ruled about them.
    Raw(&'o VerdictReader),
}

/// Counts by campaign and ad.
pub type ByAd = BTreeMap<(String, String), Counts>;

/// Whose clicks are counted, and which.
#[derive(Debug, Clone, Copy)]
pub struct Counted<'c> {
    /// Where segments and parts are.
    pub archive: &'c Archive,
    /// Where counts come from.
    pub origin: Origin<'c>,
    /// Who pays.
    pub advertiser: &'c str,
    /// In which currency.
    pub currency: &'c str,
}

impl Counted<'_> {
    /// What a basis comes to.
    ///
    /// # Errors
    /// What is missing or damaged, by name; [`Error::Contradiction`] if an hour's clicks or rulings are not those that
    /// the basis names.
    pub async fn whole(&self, basis: &Basis) -> Result<Usage, Error> {
        let period = basis.period();
        let hours = basis.segments().iter().map(|read| self.hour(read, &period));
        let mut hours = stream::iter(hours).buffered(HOURS_AT_ONCE);
        let mut usage = Usage::default();
        while let Some(hour) = hours.try_next().await? {
            for ((campaign, _), counts) in &hour {
                usage.add(campaign, counts)?;
            }
        }
        usage.campaigns.retain(|_, counts| !counts.is_zero());
        Ok(usage)
    }

    /// By how much each hour differs from one basis to a later one, of those that do.
    ///
    /// # Errors
    /// As [`whole`](Self::whole).
    pub async fn moved(&self, before: &Basis, after: &Basis) -> Result<Vec<(Hour, ByAd)>, Error> {
        let period = after.period();
        let (left, came) = before.moves(after);
        let mut hours: BTreeMap<Hour, ByAd> = BTreeMap::new();
        for (reads, is_added) in [(left, false), (came, true)] {
            // In boxes, or the compiler cannot tell that whoever asks may be sent to another thread.
            let mut found: Vec<BoxFuture<'_, Result<(Hour, ByAd), Error>>> = Vec::with_capacity(reads.len());
            for read in reads {
                let period = &period;
                found.push(Box::pin(async move { Ok((read.hour, self.hour(read, period).await?)) }));
            }
            let mut found = stream::iter(found).buffered(HOURS_AT_ONCE);
            while let Some((hour, counted)) = found.try_next().await? {
                let moved = hours.entry(hour).or_default();
                for (ad, counts) in counted {
                    let sum = moved.entry(ad).or_default();
                    *sum = if is_added { sum.plus(&counts)? } else { sum.minus(&counts)? };
                }
            }
        }
        for moved in hours.values_mut() {
            moved.retain(|_, counts| !counts.is_zero());
        }
        Ok(hours.into_iter().filter(|(_, moved)| !moved.is_empty()).collect())
    }

    /// What an hour comes to, of the period.
    ///
    /// # Errors
    /// As [`whole`](Self::whole).
    pub async fn hour(&self, read: &Read, period: &Range<Timestamp>) -> Result<ByAd, Error> {
        let mut by_ad = ByAd::new();
        match self.origin {
            Origin::Segments if read.rows == 0 => {}
            Origin::Segments => {
                let mut add = |row: rows::Row<'_>| {
                    let is_asked = row.currency == self.currency && period.contains(&row.minute);
                    if is_asked { note(&mut by_ad, (row.campaign_id, row.ad_id), &row.counts) } else { Ok(()) }
                };
                rows::read(self.archive, &read.file(), self.advertiser, &mut add).await?;
            }
            Origin::Raw(history) => {
                let mut add = |click: Click<'_>| note(&mut by_ad, (click.campaign_id, click.ad_id), &counts(&click));
                self.clicks(history, read, period, &mut add).await?;
            }
        }
        Ok(by_ad)
    }

    /// Shows each of the account's clicks of an hour that is of the period.
    ///
    /// # Errors
    /// As [`whole`](Self::whole), and what `each` reports.
    pub async fn clicks(
        &self,
        history: &VerdictReader,
        read: &Read,
        period: &Range<Timestamp>,
        each: &mut (dyn FnMut(Click<'_>) -> Result<(), Error> + Send),
    ) -> Result<(), Error> {
        let raw = Raw { archive: self.archive, history };
        let hour = raw.open(read.hour, read.knows_before).await?;
        let found = hour.input_digest();
        if found != read.input_digest {
            return Err(Error::Contradiction(format!(
                "{} was counted from input {}, and its clicks and rulings are {found} now: an object of the archive or \
                 an entry of the verdict log is not what it was",
                read.hour, read.input_digest
            )));
        }
        let mut asked = |click: Click<'_>| {
            let is_asked = click.currency == self.currency && period.contains(&click.event_time);
            if is_asked { each(click) } else { Ok(()) }
        };
        raw.clicks(&hour, self.advertiser, &mut asked).await
    }
}

fn note(by_ad: &mut ByAd, (campaign, ad): (&str, &str), counts: &Counts) -> Result<(), Error> {
    let sum = by_ad.entry((campaign.to_owned(), ad.to_owned())).or_default();
    *sum = sum.plus(counts)?;
    Ok(())
}

/// What one click counts: in exactly one of billable and the four categories (I7).
pub fn counts(click: &Click<'_>) -> Counts {
    let mut counts = Counts { gross: 1, ..Counts::default() };
    match click.category {
        None => (counts.billable, counts.spend_micros) = (1, i128::from(click.price_micros)),
        Some(Category::Givt) => counts.givt = 1,
        Some(Category::Sivt) => counts.sivt = 1,
        Some(Category::Duplicate) => counts.duplicate = 1,
        Some(Category::Policy) => counts.policy = 1,
    }
    let is_once = i64::from(counts.billable == 1) + counts.givt + counts.sivt + counts.duplicate + counts.policy == 1;
    invariant!(I7, is_once, "click {} is counted as {counts:?}", click.position);
    counts
}
