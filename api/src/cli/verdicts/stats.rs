//! `clicktrail verdicts stats|stale`

use std::{collections::BTreeMap, time::Duration};

use clicktrail_log::{log::ReadLimit, position::Seq, time::Hour};
use clicktrail_replay::{as_of, catalog::SealedHour, stale};
use clicktrail_verdicts::verdict::Decision;
use serde_json::json;

use super::{Exit, Format, Global, Range, output};
use crate::instance::Instance;

/// What one rule did to the events of one hour.
#[derive(Debug, Default)]
struct Fired {
    /// Verdicts that name the rule.
    verdicts: u64,
    /// Of these, how many said invalid.
    invalid: u64,
}

pub(super) async fn run(global: &Global, range: Range) -> anyhow::Result<Exit> {
    let instance = global.open_existing().await?;
    let hours = sealed_hours(&instance).await?;
    let history = instance.rulings();
    let mut fired: BTreeMap<(Option<Hour>, String, &'static str), Fired> = BTreeMap::new();
    let mut next = Seq::FIRST;
    loop {
        let page = history.read(next, ReadLimit::waiting(Duration::ZERO)).await?;
        for ruled in &page.ruled {
            let verdict = &ruled.verdict;
            let hour = hour_of(&hours, verdict.target.seq());
            if hour.is_some_and(|hour| !range.holds(hour)) {
                continue;
            }
            for reason in &verdict.reasons {
                let entry = fired.entry((hour, reason.rule.clone(), verdict.stage.as_str())).or_default();
                entry.verdicts += 1;
                entry.invalid += u64::from(verdict.decision == Decision::Invalid);
            }
        }
        if page.next == next {
            break;
        }
        next = page.next;
    }
    let shown = |hour: &Option<Hour>| hour.map_or_else(|| "open".to_owned(), |hour| hour.to_string());
    match global.output {
        Format::Json => {
            let row = |((hour, rule, stage), fired): (&(Option<Hour>, String, &str), &Fired)| json!({"hour": hour.map(|hour| hour.to_string()), "rule": rule, "stage": stage, "verdicts": fired.verdicts, "invalid": fired.invalid});
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

async fn sealed_hours(instance: &Instance) -> anyhow::Result<Vec<SealedHour>> {
    let mut hours: Vec<SealedHour> = Vec::new();
    loop {
        let from = hours.last().map_or(Hour::from_i64(i64::MIN / 2), |hour| hour.hour.next());
        let page = instance.catalog.list_hours(from, 1_000).await?;
        if page.is_empty() {
            return Ok(hours);
        }
        hours.extend(page);
    }
}

/// The hour of a frame; `None` if it is not sealed yet.
fn hour_of(hours: &[SealedHour], seq: Seq) -> Option<Hour> {
    let index = hours.partition_point(|hour| hour.last_seq < seq);
    hours.get(index).filter(|hour| hour.first_seq <= seq).map(|hour| hour.hour)
}

pub(super) async fn stale(global: &Global) -> anyhow::Result<Exit> {
    let instance = global.open_existing().await?;
    stale::follow(&instance.rulings(), instance.catalog.as_ref()).await?;
    let stale = as_of::stale_hours(instance.catalog.as_ref()).await?;
    match global.output {
        Format::Json => {
            let row = |hour: &clicktrail_replay::catalog::StaleHour| json!({"hour": hour.hour.to_string(), "verdicts": hour.verdicts, "first": hour.first.to_string(), "last": hour.last.to_string()});
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
