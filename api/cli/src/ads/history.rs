//! `clicktrail ads history`

use anyhow::ensure;
use clicktrail_catalog::{AdChange, RegisteredAd};
use serde_json::{Value, json};

use crate::{
    exit::Exit,
    global::{Format, Global},
    output,
};

/// Changes read from the catalog at a time.
const PAGE_CHANGES: u32 = 1_000;

pub(crate) async fn run(global: &Global, ad_id: &str) -> anyhow::Result<Exit> {
    let instance = global.open_reading().await?;
    let mut changes: Vec<AdChange> = Vec::new();
    loop {
        let after = changes.last().map_or(0, |change| change.number);
        let page = instance.catalog.ad_changes(ad_id, after, PAGE_CHANGES).await?;
        if page.is_empty() {
            break;
        }
        changes.extend(page);
    }
    if changes.is_empty() {
        ensure!(instance.catalog.ad(ad_id).await?.is_some(), "ad {ad_id:?} is not registered");
        output::note("clicktrail: nothing changed since changes are kept: it was registered before that");
    }
    match global.output {
        Format::Json => output::json(&changes.iter().map(as_json).collect()),
        Format::Table => {
            let mut table = output::Table::new(&["at", "actor", "action", "change"]);
            for change in &changes {
                let (at, action) = (change.at.to_string(), change.action.as_str().to_owned());
                table.push(vec![at, change.actor.clone(), action, described(change)]);
            }
            table.print();
        }
    }
    Ok(Exit::Ok)
}

fn as_json(change: &AdChange) -> Value {
    let state = |state: &RegisteredAd| {
        json!({
            "advertiser_id": state.ad.advertiser_id,
            "campaign_id": state.ad.campaign_id,
            "target_url": state.ad.target_url,
            "price_micros": state.ad.price_micros,
            "currency": state.ad.currency,
            "status": status(state),
        })
    };
    json!({
        "at": change.at.to_string(),
        "actor": change.actor,
        "action": change.action.as_str(),
        "before": change.before.as_ref().map(state),
        "after": state(&change.after),
    })
}

fn status(state: &RegisteredAd) -> &'static str {
    if state.is_paused { "paused" } else { "active" }
}

/// `price 0.25 EUR → 0.3 EUR, campaign spring → summer`; of a new ad what it became.
fn described(change: &AdChange) -> String {
    let columns = |state: &RegisteredAd| {
        [
            ("price", format!("{} {}", output::amount(state.ad.price_micros), state.ad.currency)),
            ("advertiser", state.ad.advertiser_id.clone()),
            ("campaign", state.ad.campaign_id.clone()),
            ("target", state.ad.target_url.clone()),
            ("status", status(state).to_owned()),
        ]
    };
    let after = columns(&change.after);
    let told: Vec<String> = match &change.before {
        None => after.iter().map(|(name, value)| format!("{name} {value}")).collect(),
        Some(before) => columns(before)
            .iter()
            .zip(&after)
            .filter(|(before, after)| before != after)
            .map(|((name, before), (_, after))| format!("{name} {before} → {after}"))
            .collect(),
    };
    told.join(", ")
}
