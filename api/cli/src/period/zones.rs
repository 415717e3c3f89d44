//! In which zones a period is looked at, and what looks at it.

use std::collections::BTreeSet;

use clicktrail_billing::drafting::Drafting;
use clicktrail_invoices::PeriodName;

use crate::{installation::Installation, invoice::patience};

/// Where a period is billed: in the zone that is named, else in those of all accounts that are billed for it. Its parts
/// that are the first period of an account after a change of cycle or zone are among them.
pub(super) async fn zones(
    drafting: &Drafting,
    name: PeriodName,
    named: Option<String>,
) -> anyhow::Result<BTreeSet<(PeriodName, String)>> {
    if let Some(zone) = named {
        return Ok(BTreeSet::from([(name, zone)]));
    }
    let mut zones: BTreeSet<(PeriodName, String)> = drafting.billed(name).await?.into_keys().collect();
    if zones.is_empty() {
        zones.insert((name, "UTC".to_owned()));
    }
    Ok(zones)
}

/// What looks at a period.
pub(super) fn drafting(instance: &Installation, patience: patience::Arguments, actor: String) -> Drafting {
    Drafting { checking: patience.checking(instance), threads: 1, actor, now: instance.clock.now() }
}
