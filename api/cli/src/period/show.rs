//! `clicktrail period show`

use clicktrail_billing::ready::Lack;
use clicktrail_invoices::PeriodName;
use serde_json::json;

use super::{
    list::state,
    zones::{drafting, zones},
};
use crate::{
    exit::Exit,
    global::{Format, Global},
    invoice::patience,
    output,
};

/// So many accounts with clicks that nobody billed are told; `invoice draft` names all.
const UNBILLED_SHOWN: usize = 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A month, as in 2026-03, or an ISO week, as in 2026-W10
    period: PeriodName,
    /// Only in this zone [default: those of all accounts]
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    #[command(flatten)]
    patience: patience::Arguments,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let instance = global.open_reading().await?;
    let name = arguments.period;
    let drafting = drafting(&instance, arguments.patience, String::new());
    let mut rows = Vec::new();
    let mut table = output::Table::new(&["period", "zone", "from", "to", "state", "missing"]);
    let mut lacks_any = false;
    for (name, zone) in zones(&drafting, name, arguments.zone).await? {
        let (period, lacks) = drafting.lacks(name, &zone).await?;
        let stored = instance.catalog.period(&name.to_string(), &zone).await?;
        let state = stored.as_ref().map_or("not frozen", state);
        table.push(vec![
            name.to_string(),
            zone.clone(),
            output::minute(period.from),
            output::minute(period.to),
            state.to_owned(),
            lacks.iter().map(Lack::code).collect::<Vec<_>>().join(" "),
        ]);
        let lack = |lack: &Lack| json!({"code": lack.code(), "detail": lack.to_string()});
        rows.push(json!({
            "period": name.to_string(),
            "zone": zone,
            "from": period.from.to_string(),
            "to": period.to.to_string(),
            "tzdb": period.tzdb,
            "state": state,
            "lacks": lacks.iter().map(lack).collect::<Vec<_>>(),
        }));
        lacks_any |= !lacks.is_empty();
        if global.output == Format::Table {
            lacks.iter().for_each(|lack| output::note(&format!("{name} in {zone} cannot be drafted: {lack}")));
        }
    }
    match global.output {
        Format::Json => output::json(&rows.into()),
        Format::Table => {
            table.print();
            for unbilled in drafting.unbilled(name).await?.iter().take(UNBILLED_SHOWN) {
                output::note(&unbilled.to_string());
            }
        }
    }
    Ok(if lacks_any { Exit::InputIncomplete } else { Exit::Ok })
}
