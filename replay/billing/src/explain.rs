//! From a line to what it is made of: hours, ads, prices, rulings, and the very clicks. What is counted there is held
//! against the line.

use std::collections::{BTreeMap, BTreeSet};

use clicktrail_catalog::Catalog;
use clicktrail_invoices::{Counts, document::Document};
use clicktrail_log::{
    archive::Archive,
    position::Position,
    time::{Hour, Timestamp},
};
use clicktrail_verdicts::{reader::VerdictReader, verdict::Category};

use crate::{
    basis::{Basis, Read},
    chain::{self, Link},
    compose,
    counted::{ByAd, Counted, Origin, counts},
    error::Error,
    raw::Click,
};

/// So many clicks are given. A line may have millions.
pub const CLICKS_MAX: usize = 100_000;

/// One hour of an ad in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The hour in which the clicks were logged.
    pub hour: Hour,
    /// The ad.
    pub ad_id: String,
    /// What was counted, or by how much it changed.
    pub counts: Counts,
    /// Which prices were paid, and for how many clicks; only with clicks.
    pub prices: BTreeMap<i64, i64>,
}

/// A click of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Where it stands in the log.
    pub position: Position,
    /// Its id.
    pub event_id: String,
    /// When it happened.
    pub event_time: Timestamp,
    /// The ad.
    pub ad_id: String,
    /// What it costs if it is billed.
    pub price_micros: i64,
    /// Why it is not billed; `None`: it is.
    pub category: Option<Category>,
    /// Of a note: why it was not billed before; `None` of an invoice, and of a click that was not there.
    pub before: Option<Option<Category>>,
}

/// A line, and what it is made of.
#[derive(Debug, Clone, Default)]
pub struct Explained {
    /// What it is made of, by hour and ad.
    pub parts: Vec<Part>,
    /// Its clicks, if they were asked for.
    pub clicks: Vec<Shown>,
    /// How many clicks it has, of which only so many are given.
    pub clicks_all: u64,
    /// What the parts add up to.
    pub sum: Counts,
    /// What the clicks add up to, if they were asked for.
    pub sum_of_clicks: Option<Counts>,
}

/// What explaining reads.
#[derive(Debug, Clone, Copy)]
pub struct Explaining<'e> {
    /// Documents, bases, segments, parts.
    pub archive: &'e Archive,
    /// What was issued.
    pub catalog: &'e dyn Catalog,
    /// The verdicts.
    pub history: &'e VerdictReader,
}

impl Explaining<'_> {
    /// What a line of a document is made of, by its campaign.
    ///
    /// # Errors
    /// What is missing or damaged, by name; archive, log or catalog out of reach.
    pub async fn line(&self, link: &Link, campaign: &str, with_clicks: bool) -> Result<Explained, Error> {
        let Link { issued, document, .. } = link;
        let about = &issued.facts.about;
        let counted = Counted {
            archive: self.archive,
            origin: Origin::Segments,
            advertiser: &about.advertiser_id,
            currency: &about.currency,
        };
        let links = chain::of_before(self.archive, self.catalog, about, issued.serial).await?;
        let before = match document.draft.kind.is_note() {
            true => links.last().map(|link| &link.document),
            false => None,
        };
        let sides = self.sides(document, before).await?;
        let mut explained = Explained::default();
        for (hour, by_ad) in self.hours(&counted, &sides).await? {
            for ((of_campaign, ad_id), counts) in by_ad {
                if of_campaign == campaign {
                    explained.sum = explained.sum.plus(&counts)?;
                    explained.parts.push(Part { hour, ad_id, counts, prices: BTreeMap::new() });
                }
            }
        }
        if with_clicks {
            self.clicks(&counted, &sides, campaign, &mut explained).await?;
        }
        Ok(explained)
    }

    /// The bases that are compared: what was taken back, and what counts.
    async fn sides(&self, document: &Document, before: Option<&Document>) -> Result<Sides, Error> {
        let now = compose::basis(self.archive, &document.draft.pins.basis).await?;
        Ok(match before {
            None => Sides { before: None, now: Some(now) },
            Some(_) if compose::is_cancellation(&document.draft) => Sides { before: Some(now), now: None },
            Some(before) => {
                Sides { before: Some(compose::basis(self.archive, &before.draft.pins.basis).await?), now: Some(now) }
            }
        })
    }

    async fn hours(&self, counted: &Counted<'_>, sides: &Sides) -> Result<Vec<(Hour, ByAd)>, Error> {
        match (&sides.before, &sides.now) {
            (Some(before), Some(now)) => counted.moved(before, now).await,
            (None, Some(basis)) => all(counted, basis, false).await,
            (Some(basis), None) => all(counted, basis, true).await,
            (None, None) => Ok(Vec::new()),
        }
    }

    /// The clicks of a line; of a note those that are ruled otherwise, or came.
    async fn clicks(
        &self,
        counted: &Counted<'_>,
        sides: &Sides,
        campaign: &str,
        explained: &mut Explained,
    ) -> Result<(), Error> {
        let mut sum = Counts::default();
        let hours: BTreeSet<Hour> = explained.parts.iter().map(|part| part.hour).collect();
        for hour in hours {
            let mut was: BTreeMap<Position, Counts> = BTreeMap::new();
            let mut categories: BTreeMap<Position, Option<Category>> = BTreeMap::new();
            if let Some((basis, read)) = read_of(sides.before.as_ref(), hour) {
                let mut note = |click: Click<'_>| {
                    if click.campaign_id == campaign {
                        was.insert(click.position, counts(&click));
                        categories.insert(click.position, click.category);
                    }
                    Ok(())
                };
                counted.clicks(self.history, read, &basis.period(), &mut note).await?;
            }
            let is_note = sides.before.is_some();
            let mut show = |click: Click<'_>, now: Counts| {
                let change = now.minus(&was.remove(&click.position).unwrap_or_default())?;
                if change.is_zero() {
                    return Ok(());
                }
                sum = sum.plus(&change)?;
                let before = if is_note { categories.get(&click.position).copied() } else { None };
                explained.note(hour, &click, &change, before);
                Ok(())
            };
            match (read_of(sides.now.as_ref(), hour), read_of(sides.before.as_ref(), hour)) {
                (Some((basis, read)), _) => {
                    let mut each = |click: Click<'_>| match click.campaign_id == campaign {
                        true => show(click, counts(&click)),
                        false => Ok(()),
                    };
                    counted.clicks(self.history, read, &basis.period(), &mut each).await?;
                }
                (None, Some((basis, read))) => {
                    let mut each = |click: Click<'_>| match click.campaign_id == campaign {
                        true => show(click, Counts::default()),
                        false => Ok(()),
                    };
                    counted.clicks(self.history, read, &basis.period(), &mut each).await?;
                }
                (None, None) => {}
            }
        }
        explained.sum_of_clicks = Some(sum);
        Ok(())
    }
}

/// What is held against each other.
#[derive(Debug)]
struct Sides {
    before: Option<Basis>,
    now: Option<Basis>,
}

fn read_of(basis: Option<&Basis>, hour: Hour) -> Option<(&Basis, &Read)> {
    let basis = basis?;
    let at = basis.segments().binary_search_by_key(&hour, |read| read.hour).ok()?;
    Some((basis, &basis.segments()[at]))
}

async fn all(counted: &Counted<'_>, basis: &Basis, is_taken_back: bool) -> Result<Vec<(Hour, ByAd)>, Error> {
    let period = basis.period();
    let mut hours = Vec::new();
    for read in basis.segments() {
        let mut by_ad = counted.hour(read, &period).await?;
        if is_taken_back {
            for counts in by_ad.values_mut() {
                *counts = Counts::default().minus(counts)?;
            }
        }
        if !by_ad.is_empty() {
            hours.push((read.hour, by_ad));
        }
    }
    Ok(hours)
}

impl Explained {
    fn note(&mut self, hour: Hour, click: &Click<'_>, change: &Counts, before: Option<Option<Category>>) {
        self.clicks_all += 1;
        let of = self.parts.iter_mut().find(|part| part.hour == hour && part.ad_id == click.ad_id);
        if let Some(part) = of
            && change.billable != 0
        {
            *part.prices.entry(click.price_micros).or_default() += change.billable;
        }
        if self.clicks.len() < CLICKS_MAX {
            self.clicks.push(Shown {
                position: click.position,
                event_id: click.event_id.to_owned(),
                event_time: click.event_time,
                ad_id: click.ad_id.to_owned(),
                price_micros: click.price_micros,
                category: click.category,
                before,
            });
        }
    }
}
