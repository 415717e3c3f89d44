//! In which zones a period is looked at, and what looks at it.

use std::collections::BTreeSet;

use clicktrail_billing::drafting::Drafting;
use clicktrail_catalog::invoicing::TERMS_PAGE_MAX;
use clicktrail_invoices::{PeriodName, Terms};

use crate::{installation::Installation, invoice::patience};

/// The zones in which a period is billed: that which is named, else those of all accounts with its cycle.
pub(super) async fn zones(
    instance: &Installation,
    name: PeriodName,
    named: Option<String>,
) -> anyhow::Result<BTreeSet<String>> {
    if let Some(zone) = named {
        return Ok(BTreeSet::from([zone]));
    }
    let (mut zones, mut after) = (BTreeSet::new(), String::new());
    loop {
        let page = instance.catalog.list_accounts(&after, TERMS_PAGE_MAX).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.advertiser_id);
        for stored in &page {
            let terms = Terms::from_canonical(&stored.text)?;
            zones.extend((terms.cycle == name.cycle()).then_some(terms.zone));
        }
    }
    if zones.is_empty() {
        zones.insert("UTC".to_owned());
    }
    Ok(zones)
}

/// What looks at a period.
pub(super) fn drafting(instance: &Installation, patience: patience::Arguments, actor: String) -> Drafting {
    Drafting { checking: patience.checking(instance), threads: 1, actor, now: instance.clock.now() }
}
