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
    let instance = global.open_reading().await?;
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
                    "decided": fired.decided,
                    "alone": fired.alone,
                })
            };
            output::json(&fired.iter().map(row).collect());
        }
        Format::Table => {
            let mut table = output::Table::new(&["hour", "rule", "stage", "fired", "invalid", "decided", "alone"]);
            for ((hour, rule, stage), fired) in &fired {
                let counts = [fired.verdicts, fired.invalid, fired.decided, fired.alone].map(|count| count.to_string());
                table.push([shown(hour), rule.clone(), (*stage).to_owned()].into_iter().chain(counts).collect());
            }
            table.print();
        }
    }
    Ok(Exit::Ok)
}

pub(super) async fn stale(global: &Global) -> anyhow::Result<Exit> {
    let instance = global.open_reading().await?;
    let service = instance.questions();
    let stale = service.stale_hours().await?;
    let open = service.open_rulings().await?;
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
            let open = open.map(|open| {
                let (first, last) = (open.first.to_string(), open.last.to_string());
                json!({"hour": null, "verdicts": open.verdicts, "first": first, "last": last})
            });
            output::json(&stale.values().map(row).chain(open).collect());
        }
        Format::Table => {
            let mut table = output::Table::new(&["hour", "verdicts", "first", "last"]);
            for hour in stale.values() {
                let (first, last) = (hour.first.to_string(), hour.last.to_string());
                table.push(vec![hour.hour.to_string(), hour.verdicts.to_string(), first, last]);
            }
            if let Some(open) = open {
                let (first, last) = (open.first.to_string(), open.last.to_string());
                table.push(vec!["open".to_owned(), open.verdicts.to_string(), first, last]);
            }
            table.print();
            if open.is_some() {
                output::note("open: the hour of these verdicts is not sealed yet; it will be stale when it is");
            }
        }
    }
    Ok(Exit::Ok)
}
