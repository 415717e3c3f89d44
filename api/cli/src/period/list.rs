//! `clicktrail period list`

use clicktrail_catalog::invoicing::{PAGE_MAX, Period};
use serde_json::json;

use crate::{
    exit::Exit,
    global::{Format, Global},
    output,
};

pub(super) async fn run(global: &Global) -> anyhow::Result<Exit> {
    let instance = global.open_answering().await?;
    let mut all: Vec<Period> = Vec::new();
    loop {
        let after = all.last().map(|last| (last.frozen.name.clone(), last.frozen.zone.clone()));
        let after = after.as_ref().map(|(name, zone)| (name.as_str(), zone.as_str()));
        let page = instance.catalog.periods(after, PAGE_MAX).await?;
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    match global.output {
        Format::Json => {
            let row = |period: &Period| {
                json!({
                    "period": period.frozen.name,
                    "zone": period.frozen.zone,
                    "cycle": period.frozen.cycle.as_str(),
                    "from": period.frozen.from.to_string(),
                    "to": period.frozen.to.to_string(),
                    "tzdb": period.frozen.tzdb,
                    "state": state(period),
                    "closed_at": period.closed.as_ref().map(|(at, _)| at.to_string()),
                    "closed_by": period.closed.as_ref().map(|(_, by)| by),
                })
            };
            output::json(&all.iter().map(row).collect());
        }
        Format::Table => {
            let mut table = output::Table::new(&["period", "zone", "from", "to", "tzdb", "state"]);
            for period in &all {
                table.push(vec![
                    period.frozen.name.clone(),
                    period.frozen.zone.clone(),
                    output::minute(period.frozen.from),
                    output::minute(period.frozen.to),
                    period.frozen.tzdb.clone(),
                    state(period).to_owned(),
                ]);
            }
            table.print();
        }
    }
    Ok(Exit::Ok)
}

/// The word for people and programs.
pub(super) const fn state(period: &Period) -> &'static str {
    if period.closed.is_some() { "closed" } else { "open" }
}
