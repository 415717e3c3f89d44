//! `clicktrail audit log`

use clicktrail_catalog::{AuditEntry, AuditFilter, AuditResult, Audited};
use clicktrail_projections::zone::{Bound, Unit, Zone};
use serde_json::{Value, json};

use crate::{
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output,
    reading::Need,
};

/// Rows read from the catalog at a time.
const PAGE_ROWS: u32 = 1_000;
/// Characters of a detail in a table, so that most rows fit a terminal; JSON and CSV have all of it.
const DETAIL_CHARS: usize = 40;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Who changed what, when and why, and how it ended, the oldest first
    ///
    /// What an ad was before and after each change is in `ads history`, and what was ruled in the verdict log
    /// (`log cat --stream verdicts`). Rows are never changed or deleted.
    Log(Arguments),
}

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// From this time on: 2026-11-22 is a day of UTC, 2026-11-22T14:00:00Z an instant
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this time, written as --from is
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Only what this actor did
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Only this action, as in put_ads
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
}

pub(super) async fn run(global: &Global, command: Command) -> anyhow::Result<Exit> {
    let Command::Log(arguments) = command;
    let utc = Zone::utc();
    let time = |text: Option<String>| -> anyhow::Result<_> {
        let bound = text.map(|text| Bound::parse(&text, &utc, Unit::Minute)).transpose()?;
        Ok(bound.map(|bound| bound.first(&utc)))
    };
    let Arguments { from, to, actor, action } = arguments;
    let mut filter = AuditFilter { after: 0, from: time(from)?, to: time(to)?, actor, action };
    let instance = global.open_for(Need::Nothing).await?;
    let mut rows: Vec<Audited> = Vec::new();
    loop {
        let page = instance.catalog.audit_log(&filter, PAGE_ROWS).await?;
        let Some(last) = page.last() else { break };
        filter.after = last.number;
        rows.extend(page);
    }
    match global.output {
        Format::Json => output::json(&rows.iter().map(as_json).collect()),
        Format::Table => print(&rows),
    }
    Ok(Exit::Ok)
}

fn as_json(row: &Audited) -> Value {
    let AuditEntry { actor, action, reason, result, detail } = &row.entry;
    json!({
        "number": row.number,
        "at": row.at.to_string(),
        "actor": actor,
        "action": action,
        "result": result.as_str(),
        "reason": reason,
        "detail": detail,
    })
}

fn print(rows: &[Audited]) {
    let has_reasons = output::is_csv() || rows.iter().any(|row| !row.entry.reason.is_empty());
    let columns = ["at", "actor", "action", "result", "reason", "detail"];
    let shown: Vec<&str> = columns.into_iter().filter(|name| *name != "reason" || has_reasons).collect();
    let mut table = output::Table::new(&shown);
    for Audited { at, entry, .. } in rows {
        let at = if output::is_csv() { at.to_string() } else { seconds(&at.to_string()) };
        let mut row = vec![at, entry.actor.clone(), entry.action.clone(), entry.result.to_string()];
        if has_reasons {
            row.push(cut(&entry.reason));
        }
        row.push(cut(&entry.detail));
        table.push(row);
    }
    table.print();
}

/// A time without the fraction of its second.
fn seconds(at: &str) -> String {
    at.split_once('.').map_or_else(|| at.to_owned(), |(whole, _)| format!("{whole}Z"))
}

fn cut(text: &str) -> String {
    if output::is_csv() || text.chars().count() <= DETAIL_CHARS {
        return text.to_owned();
    }
    text.chars().take(DETAIL_CHARS - 1).chain(['…']).collect()
}

/// Writes what was done into the trail. What was done stays done if the trail cannot be written, and the command says
/// so.
pub(super) async fn write(
    instance: &Installation,
    actor: &str,
    action: &str,
    reason: &str,
    detail: String,
) -> anyhow::Result<()> {
    write_ended(instance, (actor, action, reason), AuditResult::Done, detail).await
}

/// The same of something that may have ended otherwise.
pub(super) async fn write_ended(
    instance: &Installation,
    (actor, action, reason): (&str, &str, &str),
    result: AuditResult,
    detail: String,
) -> anyhow::Result<()> {
    if instance.is_read_only {
        output::note("not written into the audit trail, because nothing can be written here");
        return Ok(());
    }
    let entry =
        AuditEntry { actor: actor.to_owned(), action: action.to_owned(), reason: reason.to_owned(), result, detail };
    let written = instance.catalog.audit(&entry, instance.clock.now()).await;
    written.map_err(|error| anyhow::Error::from(error).context("it has ended, but the audit trail was not written"))
}
