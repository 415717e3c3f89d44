//! `clicktrail period close`

use clicktrail_invoices::PeriodName;
use serde_json::json;

use super::zones::{drafting, zones};
use crate::{
    ads::Who,
    exit::Exit,
    global::{Format, Global},
    invoice::patience,
    output,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A month, as in 2026-03, or an ISO week, as in 2026-W10
    period: PeriodName,
    /// Only in this zone [default: those of all accounts]
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    #[command(flatten)]
    patience: patience::Arguments,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let actor = global.actor(arguments.who.actor)?;
    let instance = global.open_existing().await?;
    let name = arguments.period;
    let drafting = drafting(&instance, arguments.patience, actor.clone());
    let (mut closed, mut waiting) = (Vec::new(), 0_u64);
    // A part of it, of accounts whose cycle or zone changed, is closed by its own name.
    let zones = zones(&drafting, name, arguments.zone).await?.into_iter().filter(|(found, _)| *found == name);
    for (_, zone) in zones {
        let (period, lacks) = drafting.lacks(name, &zone).await?;
        if !lacks.is_empty() {
            waiting += 1;
            lacks.iter().for_each(|lack| output::note(&format!("{name} in {zone} cannot be closed: {lack}")));
            continue;
        }
        let period = drafting.freeze(&period).await?;
        instance.catalog.close_period(&name.to_string(), &zone, &actor, instance.clock.now()).await?;
        closed.push(period);
    }
    match global.output {
        Format::Json => {
            let row = |period: &clicktrail_invoices::Period| {
                json!({
                    "period": name.to_string(),
                    "zone": period.zone,
                    "from": period.from.to_string(),
                    "to": period.to.to_string(),
                    "state": "closed",
                })
            };
            output::json(&closed.iter().map(row).collect());
        }
        Format::Table => {
            for period in &closed {
                let (from, to) = (output::minute(period.from), output::minute(period.to));
                output::line(&format!("{period} is closed, from {from} to {to}"));
            }
        }
    }
    Ok(match (closed.is_empty(), waiting) {
        (_, 0) => Exit::Ok,
        (true, _) => Exit::InputIncomplete,
        (false, _) => Exit::Partial,
    })
}
