//! What an ad cost when it was clicked, of a click that is tried again later.
//!
//! A click that names no price takes its ad's. When it is captured that is the price of the moment; when it is tried
//! again days later, the price may have changed, and the advertiser agreed to the one of the click's time.

use std::collections::{BTreeMap, btree_map::Entry};

use clicktrail_capture::Draft;
use clicktrail_catalog::{AdAction, AdChange, Catalog};
use clicktrail_log::{event::Kind, time::Timestamp};

/// Changes read from the catalog at a time.
const PAGE_CHANGES: u32 = 1_000;

/// The changes of every ad that was asked for.
pub(crate) struct Prices<'c> {
    catalog: &'c dyn Catalog,
    changes: BTreeMap<String, Vec<AdChange>>,
}

impl<'c> Prices<'c> {
    pub(crate) fn new(catalog: &'c dyn Catalog) -> Self {
        Self { catalog, changes: BTreeMap::new() }
    }

    /// Gives a click without a price the one that its ad had at its time, with the currency of it; true if that is
    /// another than today's. An ad that was registered later had, before that, the price with which it was registered.
    pub(crate) async fn fill(&mut self, draft: &mut Draft<'_>, rejected_at: Timestamp) -> anyhow::Result<bool> {
        let (Some(Kind::Click), None, Some(ad_id)) = (draft.kind, draft.price_micros, draft.ad_id.as_deref()) else {
            return Ok(false);
        };
        let at = draft.event_time.unwrap_or(rejected_at);
        let changes = match self.changes.entry(ad_id.to_owned()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(read(self.catalog, ad_id).await?),
        };
        let (Some(then), Some(now)) = (state_at(changes, at), changes.last().map(|change| &change.after.ad)) else {
            return Ok(false);
        };
        if (then.price_micros, &then.currency) == (now.price_micros, &now.currency) {
            return Ok(false);
        }
        draft.price_micros = Some(then.price_micros);
        if draft.currency.is_none() {
            draft.currency = Some(then.currency.clone().into());
        }
        Ok(true)
    }
}

/// The ad as it stood at a time; `None` if nothing changed since.
fn state_at(changes: &[AdChange], at: Timestamp) -> Option<&clicktrail_catalog::Ad> {
    let next = changes.iter().find(|change| change.at > at)?;
    match (next.action, &next.before) {
        (AdAction::Change | AdAction::Pause | AdAction::Resume, Some(before)) => Some(&before.ad),
        (AdAction::Add, _) | (AdAction::Change | AdAction::Pause | AdAction::Resume, None) => Some(&next.after.ad),
    }
}

async fn read(catalog: &dyn Catalog, ad_id: &str) -> anyhow::Result<Vec<AdChange>> {
    let mut changes: Vec<AdChange> = Vec::new();
    loop {
        let after = changes.last().map_or(0, |change| change.number);
        let page = catalog.ad_changes(ad_id, after, PAGE_CHANGES).await?;
        if page.is_empty() {
            return Ok(changes);
        }
        changes.extend(page);
    }
}
