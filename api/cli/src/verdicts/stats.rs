//! `clicktrail verdicts stats|stale`

use clicktrail_catalog::StaleHour;
use clicktrail_log::time::Hour;
use clicktrail_query::rules::{Firings, Key};
use serde_json::json;

use crate::{
    basis,
    exit::Exit,
    global::{Format, Global},
    output,
    verdicts::range::Range,
};

pub(super) async fn run(global: &Global, range: Range) -> anyhow::Result<Exit> {
    let hours = range.hours()?;
    let instance = global.open_existing().await?;
    let fired = instance.questions().firings(|hour| hours.holds(hour)).await?;
    basis::tell(&basis::present(&instance).await?);
    let shown = |hour: &Option<Hour>| hour.map_or_else(|| "open".to_owned(), |hour| hour.to_string());
    match global.output {
        Format::Json => {
            let row = |((hour, rule, stage), fired): (&Key, &Firings)| {
                json!({
                    "hour": hour.map(|hour| hour.to_string()),
                    "rule": rule,
                    "stage": stage,
                    "verdicts": fired.verdicts,
                    "invalid": fired.invalid,
                })
            };
            output::json(&fired.iter().map(row).collect());
        }
        Format::Table => {
            let mut table = output::Table::new(&["hour", "rule", "stage", "verdicts", "invalid"]);
            for ((hour, rule, stage), fired) in &fired {
                let counts = [fired.verdicts.to_string(), fired.invalid.to_string()];
                table.push([shown(hour), rule.clone(), (*stage).to_owned()].into_iter().chain(counts).collect());
            }
            table.print();
        }
    }
    Ok(Exit::Ok)
}

pub(super) async fn stale(global: &Global) -> anyhow::Result<Exit> {
    let instance = global.open_existing().await?;
    let stale = instance.questions().stale_hours().await?;
    basis::tell(&basis::present(&instance).await?);
    match global.output {
        Format::Json => {
            let row = |hour: &StaleHour| {
                json!({
                    "hour": hour.hour.to_string(),
                    "verdicts": hour.verdicts,
                    "first": hour.first.to_string(),
                    "last": hour.last.to_string(),
                })
            };
            output::json(&stale.values().map(row).collect());
        }
        Format::Table => {
            let mut table = output::Table::new(&["hour", "verdicts", "first", "last"]);
            for hour in stale.values() {
                let (first, last) = (hour.first.to_string(), hour.last.to_string());
                table.push(vec![hour.hour.to_string(), hour.verdicts.to_string(), first, last]);
            }
            table.print();
        }
    }
    Ok(Exit::Ok)
}
