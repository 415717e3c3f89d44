//! Which accounts are billed for a period, and under which of their terms.

use std::collections::{BTreeMap, BTreeSet};

use clicktrail_catalog::{
    Catalog,
    invoicing::{self, TERMS_PAGE_MAX},
};
use clicktrail_invoices::{PeriodName, Seller, Terms};
use clicktrail_log::frame::Digest;

use crate::error::Error;

/// Versions of one account that are read at a time.
const PAGE_VERSIONS: u32 = 100;
const _: () = assert!(PAGE_VERSIONS > 0 && TERMS_PAGE_MAX > 0, "an empty page would end the list");

/// Terms as they are applied, and what pins them.
#[derive(Debug, Clone)]
pub(crate) struct Applied {
    pub(crate) terms: Terms,
    pub(crate) version: u32,
    pub(crate) digest: Digest,
    /// Whether they begin inside the period, because none were valid before.
    pub(crate) begins_later: bool,
    /// The zone in which the account was billed on the day before the period, if that is another one.
    pub(crate) zone_before: Option<String>,
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
}

impl Accounts {
    /// Whether an account is billed, and not in this period: it has another cycle.
    pub(crate) fn is_billed_otherwise(&self, advertiser: &str) -> bool {
        let is_billed_now = self.by_zone.values().any(|of_zone| of_zone.contains_key(advertiser));
        self.known.contains(advertiser) && !self.without_terms.contains(advertiser) && !is_billed_now
    }

    /// The accounts of a period's cycle, or one of them.
    ///
    /// # Errors
    /// As the catalog reports; terms that this program cannot read.
    pub(crate) async fn read(catalog: &dyn Catalog, name: PeriodName, advertiser: Option<&str>) -> Result<Self, Error> {
        let mut found = Self::default();
        let first_day = name.first_day().to_string();
        let day_before = name.first_day().pred_opt().map_or_else(|| first_day.clone(), |day| day.to_string());
        let mut before: BTreeMap<String, invoicing::Terms> = BTreeMap::new();
        let mut valid: BTreeMap<String, invoicing::Terms> = BTreeMap::new();
        match advertiser {
            Some(advertiser) => {
                valid.extend(
                    catalog.terms_at(advertiser, &first_day).await?.map(|terms| (advertiser.to_owned(), terms)),
                );
                let of_before = catalog.terms_at(advertiser, &day_before).await?;
                before.extend(of_before.map(|terms| (advertiser.to_owned(), terms)));
                let newest = catalog.terms_of(advertiser, 0, 1).await?;
                found.known.extend(newest.first().map(|terms| terms.advertiser_id.clone()));
            }
            None => {
                valid = pages(async |after: &str| catalog.accounts_at(&first_day, after, TERMS_PAGE_MAX).await).await?;
                before =
                    pages(async |after: &str| catalog.accounts_at(&day_before, after, TERMS_PAGE_MAX).await).await?;
                let all = pages(async |after: &str| catalog.list_accounts(after, TERMS_PAGE_MAX).await).await?;
                found.known.extend(all.into_keys());
            }
        }
        for advertiser in found.known.clone() {
            let applied = match valid.remove(&advertiser) {
                Some(terms) => Some(applied(terms, false)?),
                None => first_inside(catalog, name, &advertiser).await?,
            };
            match applied {
                Some(mut applied) if applied.terms.cycle == name.cycle() => {
                    applied.zone_before = zone_before(before.remove(&advertiser), &applied)?;
                    let of_zone = found.by_zone.entry(applied.terms.zone.clone()).or_default();
                    of_zone.insert(advertiser, applied);
                }
                Some(_) => {}
                None => drop(found.without_terms.insert(advertiser)),
            }
        }
        Ok(found)
    }
}

/// The terms that apply to one account in a period, whatever their cycle.
///
/// # Errors
/// As [`Accounts::read`].
pub(crate) async fn terms_of(
    catalog: &dyn Catalog,
    name: PeriodName,
    advertiser: &str,
) -> Result<Option<Applied>, Error> {
    match catalog.terms_at(advertiser, &name.first_day().to_string()).await? {
        Some(terms) => applied(terms, false).map(Some),
        None => first_inside(catalog, name, advertiser).await,
    }
}

/// The zone of an account's terms of before, if it is another one.
fn zone_before(before: Option<invoicing::Terms>, applied: &Applied) -> Result<Option<String>, Error> {
    let Some(before) = before.filter(|before| before.version != applied.version) else { return Ok(None) };
    let zone = Terms::from_canonical(&before.text)?.zone;
    Ok((zone != applied.terms.zone).then_some(zone))
}

/// All rows of a list by advertiser.
async fn pages(
    page: impl AsyncFn(&str) -> Result<Vec<invoicing::Terms>, clicktrail_catalog::Error>,
) -> Result<BTreeMap<String, invoicing::Terms>, Error> {
    let mut all: BTreeMap<String, invoicing::Terms> = BTreeMap::new();
    loop {
        let after = all.keys().next_back().cloned().unwrap_or_default();
        let found = page(&after).await?;
        if found.is_empty() {
            return Ok(all);
        }
        all.extend(found.into_iter().map(|terms| (terms.advertiser_id.clone(), terms)));
    }
}

fn applied(stored: invoicing::Terms, begins_later: bool) -> Result<Applied, Error> {
    let terms = Terms::from_canonical(&stored.text)?;
    let digest = terms.digest();
    if digest.to_string() != stored.digest || terms.advertiser_id != stored.advertiser_id {
        let (advertiser, version) = (&stored.advertiser_id, stored.version);
        return Err(Error::Contradiction(format!("version {version} of the terms of {advertiser:?} is another's")));
    }
    Ok(Applied { terms, version: stored.version, digest, begins_later, zone_before: None })
}

/// The terms that begin first inside a period; of several of one day the newest.
async fn first_inside(catalog: &dyn Catalog, name: PeriodName, advertiser: &str) -> Result<Option<Applied>, Error> {
    let last_day = name.last_day().to_string();
    let (mut first, mut after): (Option<invoicing::Terms>, u32) = (None, 0);
    loop {
        let page = catalog.terms_of(advertiser, after, PAGE_VERSIONS).await?;
        let Some(last) = page.last() else { break };
        after = last.version;
        for terms in page.into_iter().filter(|terms| terms.valid_from <= last_day) {
            if first.as_ref().is_none_or(|first| terms.valid_from <= first.valid_from) {
                first = Some(terms);
            }
        }
    }
    first.map(|terms| applied(terms, true)).transpose()
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
