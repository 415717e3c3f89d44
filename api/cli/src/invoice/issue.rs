//! `clicktrail invoice issue`

use std::sync::Arc;

use anyhow::bail;
use clicktrail_billing::{
    chain,
    issue::{Issuing, Outcome},
};
use clicktrail_catalog::invoicing::{Draft, DraftFilter, DraftState};
use clicktrail_invoices::PeriodName;
use clicktrail_log::causes::causes;
use serde_json::{Value, json};

use super::{finishing, named};
use crate::{
    ads::Who,
    exit::Exit,
    global::{Format, Global},
    output, progress,
};

/// Remarks about files that are printed.
const REMARKS_SHOWN: usize = 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Approved drafts, as `invoice list` names them; or a period, as with --period
    #[arg(value_name = "DRAFT", required_unless_present = "period", conflicts_with = "period")]
    drafts: Vec<String>,
    /// All approved drafts of this period, notes too
    #[arg(long, value_name = "PERIOD")]
    period: Option<PeriodName>,
    /// Issue invoices too whose period shares days with another that was invoiced, as after a change of zone
    #[arg(long)]
    allow_overlap: bool,
    #[command(flatten)]
    paper: super::paper::Arguments,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let actor = global.actor(arguments.who.actor)?;
    let instance = global.open_existing().await?;
    let is_whole = finishing::finish(&instance).await?;
    let drafts = match arguments.period.or_else(|| named::period(&arguments.drafts)) {
        Some(period) => {
            let filter = DraftFilter {
                period: Some(period.to_string()),
                state: Some(DraftState::Approved),
                ..DraftFilter::default()
            };
            named::drafts(&instance, &filter).await?
        }
        None => chosen(&instance, &arguments.drafts).await?,
    };
    let issuing = Issuing {
        archive: instance.archive.clone(),
        catalog: Arc::clone(&instance.catalog),
        log: Arc::clone(&instance.invoices),
        paper: arguments.paper.read()?,
        clock: Arc::clone(&instance.clock),
        actor,
        allow_overlap: arguments.allow_overlap,
        threads: std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
    };
    let bar = progress::bar(drafts.len() as u64, "issue");
    let outcome = issuing.issue(drafts, |done| bar.set_position(done)).await;
    bar.finish_and_clear();
    print(&outcome, global);
    let Outcome { issued, left, finished, unfinished, failed, remarks: _ } = outcome;
    let is_whole = is_whole && finished.is_whole() && unfinished.is_none();
    match (failed, issued.is_empty()) {
        (None, _) if left.is_empty() && is_whole => Ok(Exit::Ok),
        // All is issued, or there was nothing to issue: what is damaged has to be seen all the same.
        (None, true) if left.is_empty() => Ok(Exit::Partial),
        (None, true) => Ok(Exit::GateRefused),
        (None, false) => Ok(Exit::Partial),
        (Some(cause), true) => Err(cause.into()),
        (Some(cause), false) => {
            output::error(&cause.into());
            Ok(Exit::Partial)
        }
    }
}

/// The drafts of these names, each once, all of them approved.
async fn chosen(instance: &crate::installation::Installation, names: &[String]) -> anyhow::Result<Vec<Draft>> {
    let mut drafts: Vec<Draft> = Vec::new();
    for name in names {
        let draft = named::newest(instance, name).await?;
        match draft.state {
            DraftState::Approved => {}
            DraftState::Draft => bail!("{name} is not approved: `invoice approve {name}`"),
            state @ (DraftState::Issued | DraftState::Void | DraftState::Superseded) => bail!("{name} is {state}"),
        }
        if drafts.iter().all(|known| known.revision != draft.revision) {
            drafts.push(draft);
        }
    }
    Ok(drafts)
}

fn print(outcome: &Outcome, global: &Global) {
    match global.output {
        Format::Json => {
            let issued = outcome.issued.iter().map(|document| {
                json!({
                    "document": chain::name(&document.number),
                    "draft": document.draft.id,
                    "revision": document.draft.revision,
                    "kind": document.facts.kind.as_str(),
                    "advertiser_id": document.facts.about.advertiser_id,
                    "period": document.facts.about.period,
                    "currency": document.facts.about.currency,
                    "total": named::amount(&document.facts),
                    "issued_on": document.issued_on,
                    "due_on": named::due(document),
                    "digest": document.digest,
                })
            });
            let left = outcome.left.iter().map(|(draft, why)| json!({"draft": draft.id, "reason": why}));
            output::json(&json!({
                "issued": issued.collect::<Vec<Value>>(),
                "left": left.collect::<Vec<Value>>(),
                "unfinished": outcome.unfinished.as_ref().map(|cause| causes(cause)),
                "alarms": outcome.finished.alarms(),
            }));
        }
        Format::Table => {
            let mut table = output::Table::new(&["document", "kind", "draft", "total", "cur", "due_on"]);
            for document in &outcome.issued {
                table.push(vec![
                    chain::name(&document.number),
                    document.facts.kind.as_str().replace('_', " "),
                    document.draft.id.clone(),
                    named::amount(&document.facts),
                    document.facts.about.currency.clone(),
                    named::due(document).unwrap_or("-").to_owned(),
                ]);
            }
            table.print();
        }
    }
    for (number, remark) in outcome.remarks.iter().take(REMARKS_SHOWN) {
        output::note(&format!("{}: {remark}", chain::name(number)));
    }
    if outcome.remarks.len() > REMARKS_SHOWN {
        output::note(&format!("and {} more remarks", outcome.remarks.len() - REMARKS_SHOWN));
    }
    finishing::tell(&outcome.finished.alarms());
    for (draft, why) in &outcome.left {
        output::note(&format!("{draft} was not issued: {why}"));
    }
    if let Some(cause) = &outcome.unfinished {
        output::note(&format!(
            "the documents are issued; their records or log entries are not all there yet ({}): the next `invoice` \
             command that writes puts them there",
            causes(cause)
        ));
    }
    if outcome.issued.is_empty() && outcome.left.is_empty() && outcome.failed.is_none() {
        output::note("no draft is approved: nothing was issued");
    }
}
