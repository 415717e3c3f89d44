//! `clicktrail invoice approve`

use anyhow::{bail, ensure};
use clicktrail_catalog::invoicing::{AT_ONCE_MAX, DraftFilter, DraftRevision, DraftState};
use clicktrail_invoices::PeriodName;
use serde_json::json;

use super::named;
use crate::{
    ads::Who,
    exit::Exit,
    global::{Format, Global},
    output::{self, count},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Drafts, as `invoice list` names them, with @REVISION only if that is still the newest; or a period, as with
    /// --period
    #[arg(value_name = "DRAFT[@REVISION]", required_unless_present = "period", conflicts_with = "period")]
    drafts: Vec<String>,
    /// All drafts of this period that are not approved yet
    #[arg(long, value_name = "PERIOD")]
    period: Option<PeriodName>,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let actor = global.actor(arguments.who.actor)?;
    let instance = global.open_existing().await?;
    let mut wanted: Vec<DraftRevision> = Vec::new();
    match arguments.period.or_else(|| named::period(&arguments.drafts)) {
        Some(period) => {
            let filter = DraftFilter {
                period: Some(period.to_string()),
                state: Some(DraftState::Draft),
                ..DraftFilter::default()
            };
            wanted.extend(named::drafts(&instance, &filter).await?.into_iter().map(|draft| draft.revision));
        }
        None => {
            for text in &arguments.drafts {
                wanted.push(named::written(&instance, text).await?);
            }
        }
    }
    if wanted.is_empty() {
        bail!("there is no draft to approve: `invoice draft` makes them");
    }
    wanted.sort();
    wanted.dedup();
    let mut approved = 0;
    for chunk in wanted.chunks(AT_ONCE_MAX) {
        approved += instance.catalog.approve(chunk, &actor, instance.clock.now()).await?;
    }
    ensure!(approved <= wanted.len() as u64, "{approved} of {} drafts were approved", wanted.len());
    match global.output {
        Format::Json => output::json(&json!({"named": wanted.len(), "approved": approved})),
        Format::Table => output::line(&format!("{} named, {approved} newly approved", count(wanted.len(), "draft"))),
    }
    Ok(Exit::Ok)
}
