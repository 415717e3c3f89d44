//! Prices that changed inside a period, from what the catalog keeps of each ad's changes.

use std::collections::{BTreeMap, BTreeSet};

use clicktrail_catalog::{AdChange, AuditFilter, Catalog};
use clicktrail_invoices::Period;
use clicktrail_log::time::Timestamp;

use crate::error::Error;

/// What the audit trail calls a change of ads.
const PUT_ADS: &str = "put_ads";
/// Ads that are read at a time.
const PAGE_ADS: u32 = 1_000;
/// Changes of one ad that are read at a time.
const PAGE_CHANGES: u32 = 100;
const _: () = assert!(PAGE_ADS > 0 && PAGE_CHANGES > 0, "an empty page would end the list");

/// Of how many ads each advertiser's prices changed in any of the periods. Nothing is read of ads unless the audit
/// trail says that some changed in that time.
pub(super) async fn changed<'p>(
    catalog: &dyn Catalog,
    periods: impl Iterator<Item = &'p Period>,
    advertisers: &BTreeSet<&str>,
) -> Result<BTreeMap<String, u64>, Error> {
    let spans: Vec<(Timestamp, Timestamp)> = periods.map(|period| (period.from, period.to)).collect();
    let (Some(from), Some(to)) = (spans.iter().map(|span| span.0).min(), spans.iter().map(|span| span.1).max()) else {
        return Ok(BTreeMap::new());
    };
    let filter =
        AuditFilter { after: 0, from: Some(from), to: Some(to), actor: None, action: Some(PUT_ADS.to_owned()) };
    if catalog.audit_log(&filter, 1).await?.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (mut found, mut after) = (BTreeMap::new(), String::new());
    loop {
        let page = catalog.list_ads(&after, PAGE_ADS).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after.clone_from(&last.ad_id);
        for ad in page.iter().filter(|ad| advertisers.contains(ad.advertiser_id.as_str())) {
            if is_changed(catalog, &ad.ad_id, from, to).await? {
                *found.entry(ad.advertiser_id.clone()).or_default() += 1;
            }
        }
    }
}

async fn is_changed(catalog: &dyn Catalog, ad_id: &str, from: Timestamp, to: Timestamp) -> Result<bool, Error> {
    let mut after = 0;
    loop {
        let page: Vec<AdChange> = catalog.ad_changes(ad_id, after, PAGE_CHANGES).await?;
        let Some(last) = page.last() else { return Ok(false) };
        after = last.number;
        let differs = |change: &AdChange| {
            let price = |ad: &clicktrail_log::ad::Ad| (ad.price_micros, ad.currency.clone());
            let is_inside = from <= change.at && change.at < to;
            is_inside && change.before.as_ref().is_some_and(|before| price(&before.ad) != price(&change.after.ad))
        };
        if page.iter().any(differs) {
            return Ok(true);
        }
    }
}
