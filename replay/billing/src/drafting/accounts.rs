//! Which accounts are billed for a period, and under which of their terms.

use std::collections::{BTreeMap, BTreeSet};

use clicktrail_catalog::{
    Catalog,
    invoicing::{self, PAGE_MAX, TERMS_PAGE_MAX},
};
use clicktrail_invoices::{
    Calendar, Period, PeriodName, Seller, Terms,
    calendar::{Frozen, Place, Version},
};
use clicktrail_log::frame::Digest;

use super::outcome::{LeftOut, Why};
use crate::error::Error;

/// Versions of one account that are read at a time.
const PAGE_VERSIONS: u32 = 100;
const _: () = assert!(PAGE_VERSIONS > 0 && TERMS_PAGE_MAX > 0 && PAGE_MAX > 0, "an empty page would end the list");

/// Terms as they are applied, and what pins them.
#[derive(Debug, Clone)]
pub(crate) struct Applied {
    pub(crate) terms: Terms,
    pub(crate) version: u32,
    pub(crate) digest: Digest,
    /// Whether they begin inside the period, because none were valid before.
    pub(crate) begins_later: bool,
    /// The account's period before, with its zone; `None`: there is none.
    pub(crate) before: Option<(PeriodName, String)>,
    /// Whether that one is of another cycle or zone.
    pub(crate) is_changed: bool,
}

/// Who is billed.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    /// By zone, then by advertiser.
    pub(crate) by_zone: BTreeMap<String, BTreeMap<String, Applied>>,
    /// Every account that there is, billed for this period or not.
    pub(crate) known: BTreeSet<String>,
    /// Those without terms in the period.
    pub(crate) without_terms: BTreeSet<String>,
    /// Those that are billed for a part of the period, which has a name of its own, because until there they were
    /// billed by another cycle or zone; with its zone.
    pub(crate) parts: BTreeMap<String, (PeriodName, String)>,
    /// What is frozen.
    pub(crate) frozen: Frozen,
}

impl Accounts {
    /// Whether an account is billed, and not in this period: it has another cycle.
    pub(crate) fn is_billed_otherwise(&self, advertiser: &str) -> bool {
        let is_billed_now = self.by_zone.values().any(|of_zone| of_zone.contains_key(advertiser));
        self.known.contains(advertiser) && !self.without_terms.contains(advertiser) && !is_billed_now
    }

    /// The zone in which an account is billed for the period.
    pub(crate) fn zone_of(&self, advertiser: &str) -> Option<&str> {
        let found = self.by_zone.iter().find(|(_, of_zone)| of_zone.contains_key(advertiser));
        found.map(|(zone, _)| zone.as_str())
    }

    /// Whoever is billed for a part of the period that nobody drafted yet.
    pub(crate) fn parts_to_draft(&self) -> impl Iterator<Item = LeftOut> {
        let waiting = self.parts.iter().filter(|(_, (part, zone))| self.frozen.get(*part, zone).is_none());
        waiting.map(|(advertiser, (part, _))| LeftOut {
            advertiser_id: advertiser.clone(),
            currency: None,
            why: Why::Part(*part),
        })
    }

    /// The accounts that are billed for a period, or whether one of them is.
    ///
    /// # Errors
    /// As the catalog reports; terms that this program cannot read.
    pub(crate) async fn read(catalog: &dyn Catalog, name: PeriodName, advertiser: Option<&str>) -> Result<Self, Error> {
        let mut found = Self { frozen: frozen(catalog).await?, ..Self::default() };
        if let Some(advertiser) = advertiser {
            found.add(name, &versions(catalog, advertiser).await?)?;
            return Ok(found);
        }
        let mut waiting: Vec<invoicing::Terms> = Vec::new();
        let mut after: Option<(String, u32)> = None;
        loop {
            let from = after.as_ref().map(|(advertiser, version)| (advertiser.as_str(), *version));
            let page = catalog.all_terms(from, TERMS_PAGE_MAX).await?;
            let Some(last) = page.last() else { break };
            after = Some((last.advertiser_id.clone(), last.version));
            for terms in page {
                if waiting.first().is_some_and(|first| first.advertiser_id != terms.advertiser_id) {
                    found.add(name, &std::mem::take(&mut waiting))?;
                }
                waiting.push(terms);
            }
        }
        found.add(name, &waiting)?;
        Ok(found)
    }

    /// An account, with all versions of its terms; none: there is no such account.
    fn add(&mut self, name: PeriodName, versions: &[invoicing::Terms]) -> Result<(), Error> {
        let Some(first) = versions.first() else { return Ok(()) };
        let advertiser = &first.advertiser_id;
        self.known.insert(advertiser.clone());
        let versions = read(versions)?;
        let calendar = calendar(&versions, &self.frozen)?;
        if calendar.begins_behind(name) {
            self.without_terms.insert(advertiser.clone());
        } else if let Some(place) = calendar.place(name) {
            let applied = applied(&versions, &place)?;
            self.by_zone.entry(place.zone.to_owned()).or_default().insert(advertiser.clone(), applied);
        } else if let Some(part) = calendar.part(name) {
            let zone = calendar.place(part).expect("it is one of the account's periods").zone;
            self.parts.insert(advertiser.clone(), (part, zone.to_owned()));
        }
        Ok(())
    }
}

/// The terms that apply to one account in a period; `None`: it is not billed for it.
///
/// # Errors
/// As [`Accounts::read`].
pub(crate) async fn terms_of(
    catalog: &dyn Catalog,
    name: PeriodName,
    advertiser: &str,
) -> Result<Option<Applied>, Error> {
    let (stored, frozen) = (versions(catalog, advertiser).await?, frozen(catalog).await?);
    let versions = read(&stored)?;
    let calendar = calendar(&versions, &frozen)?;
    calendar.place(name).map(|place| applied(&versions, &place)).transpose()
}

/// All periods that are frozen.
///
/// # Errors
/// As the catalog reports; names that this program does not know.
pub(crate) async fn frozen(catalog: &dyn Catalog) -> Result<Frozen, Error> {
    let (mut all, mut after): (Frozen, Option<(String, String)>) = (Frozen::default(), None);
    loop {
        let behind = after.as_ref().map(|(name, zone)| (name.as_str(), zone.as_str()));
        let page = catalog.periods(behind, PAGE_MAX).await?;
        let Some(last) = page.last() else { return Ok(all) };
        after = Some((last.frozen.name.clone(), last.frozen.zone.clone()));
        for period in page {
            all.insert(as_frozen(period.frozen)?);
        }
    }
}

/// A period as it was frozen.
pub(crate) fn as_frozen(frozen: invoicing::NewPeriod) -> Result<Period, Error> {
    let invoicing::NewPeriod { name, zone, cycle: _, from, to, tzdb } = frozen;
    Ok(Period { name: name.parse()?, zone, from, to, tzdb })
}

/// All versions of an account's terms.
async fn versions(catalog: &dyn Catalog, advertiser: &str) -> Result<Vec<invoicing::Terms>, Error> {
    let mut all: Vec<invoicing::Terms> = Vec::new();
    loop {
        let page = catalog.terms_of(advertiser, all.last().map_or(0, |last| last.version), PAGE_VERSIONS).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// A version as the catalog keeps it, and what it says.
type Read<'s> = (&'s invoicing::Terms, Terms);

fn read(versions: &[invoicing::Terms]) -> Result<Vec<Read<'_>>, Error> {
    versions.iter().map(|stored| Ok((stored, Terms::from_canonical(&stored.text)?))).collect()
}

fn calendar(versions: &[Read<'_>], frozen: &Frozen) -> Result<Calendar, Error> {
    Ok(Calendar::of(versions.iter().map(|(stored, terms)| Version::of(stored.version, terms)), frozen)?)
}

fn applied(versions: &[Read<'_>], place: &Place<'_>) -> Result<Applied, Error> {
    let found = versions.iter().find(|(stored, _)| stored.version == place.version);
    let (stored, terms) = found.cloned().expect("a calendar has no other versions");
    let digest = terms.digest();
    if digest.to_string() != stored.digest || terms.advertiser_id != stored.advertiser_id {
        let (advertiser, version) = (&stored.advertiser_id, stored.version);
        return Err(Error::Contradiction(format!("version {version} of the terms of {advertiser:?} is another's")));
    }
    Ok(Applied {
        terms,
        version: stored.version,
        digest,
        begins_later: place.begins_later,
        before: place.before.map(|(name, zone)| (name, zone.to_owned())),
        is_changed: place.is_changed,
    })
}

/// Who bills in a period: as it said of itself on the first day, else as it first did inside.
///
/// # Errors
/// [`Error::Incomplete`] if nobody does, or data is missing.
pub(crate) async fn seller(catalog: &dyn Catalog, name: PeriodName) -> Result<(Seller, Digest), Error> {
    let found = match catalog.seller_at(&name.first_day().to_string()).await? {
        Some(found) => Some(found),
        None => catalog.seller_at(&name.last_day().to_string()).await?,
    };
    let nobody = || Error::Incomplete("it is not known who bills: say so with `accounts seller FILE`".to_owned());
    let stored = found.ok_or_else(nobody)?;
    let seller = Seller::from_canonical(&stored.text)?;
    let missing = seller.missing();
    if !missing.is_empty() {
        return Err(Error::Incomplete(format!(
            "what the seller says of itself lacks {}: add it with `accounts seller FILE`",
            missing.join(", ")
        )));
    }
    let digest = seller.digest();
    Ok((seller, digest))
}
