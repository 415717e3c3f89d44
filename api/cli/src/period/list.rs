//! `clicktrail period list`

use std::collections::BTreeMap;

use clicktrail_catalog::invoicing::{NewPeriod, PAGE_MAX, Period};
use serde_json::json;

use crate::{
    exit::Exit,
    global::{Format, Global},
    output,
};

pub(super) async fn run(global: &Global) -> anyhow::Result<Exit> {
    let instance = global.open_reading().await?;
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
            gaps(&all).iter().for_each(|gap| output::note(gap));
        }
    }
    Ok(Exit::Ok)
}

/// Days between frozen periods of a zone and cycle that nobody drafted or closed.
fn gaps(all: &[Period]) -> Vec<String> {
    let mut by_kind: BTreeMap<(&str, &str), Vec<&NewPeriod>> = BTreeMap::new();
    for Period { frozen, .. } in all {
        by_kind.entry((frozen.zone.as_str(), frozen.cycle.as_str())).or_default().push(frozen);
    }
    let mut found = Vec::new();
    for ((zone, cycle), mut periods) in by_kind {
        periods.sort_by_key(|period| (period.from, period.to));
        let mut ended = periods.first().map(|first| first.to);
        for period in periods {
            if let Some(end) = ended.filter(|end| *end < period.from) {
                let (from, to) = (output::minute(end), output::minute(period.from));
                found.push(format!("no {cycle} of {zone} is frozen from {from} to {to}: nobody drafted it"));
            }
            ended = ended.max(Some(period.to));
        }
    }
    found
}

/// The word for people and programs.
pub(super) const fn state(period: &Period) -> &'static str {
    if period.closed.is_some() { "closed" } else { "open" }
}

#[cfg(test)]
mod tests {
    use clicktrail_catalog::invoicing::Cycle;
    use clicktrail_log::time::Timestamp;

    use super::*;

    #[test]
    fn days_between_frozen_periods_are_named_by_zone_and_cycle() {
        let period = |name: &str, zone: &str, from: &str, to: &str| {
            let at = |day: &str| Timestamp::parse_rfc3339(&format!("2026-{day}T00:00:00Z")).unwrap();
            let (from, to) = (at(from), at(to));
            let cycle = if name.contains('W') { Cycle::Week } else { Cycle::Month };
            let (name, zone, tzdb) = (name.to_owned(), zone.to_owned(), "2025b".to_owned());
            let frozen = NewPeriod { name, zone, cycle, from, to, tzdb };
            Period { frozen, created_at: from, created_by: "ann".to_owned(), closed: None }
        };
        let all = [
            period("2026-02", "UTC", "02-01", "03-01"),
            period("2026-04", "UTC", "04-01", "05-01"),
            period("2026-04-13", "UTC", "04-13", "05-01"),
            period("2026-05", "UTC", "05-01", "06-01"),
            period("2026-W14", "UTC", "03-30", "04-06"),
            period("2026-W15", "UTC", "04-06", "04-13"),
            period("2026-03", "Asia/Tokyo", "03-01", "04-01"),
        ];
        let expected = "no month of UTC is frozen from 2026-03-01T00:00Z to 2026-04-01T00:00Z: nobody drafted it";
        assert_eq!(gaps(&all), [expected]);
        assert_eq!(gaps(&all[3..]), Vec::<String>::new());
    }
}
