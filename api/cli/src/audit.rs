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
/// Columns of a terminal, and what reason and detail get of them at least: they go on in further lines.
const COLUMNS: usize = 80;
const DETAIL_CHARS_MIN: usize = 24;
/// Lines of an entry in a table: the names of a hundred ads are for CSV and JSON.
const DETAIL_LINES_MAX: usize = 8;

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
    if output::is_csv() {
        let mut table = output::Table::new(&["at", "actor", "action", "result", "reason", "detail"]);
        for Audited { at, entry, .. } in rows {
            let AuditEntry { actor, action, reason, result, detail } = entry.clone();
            table.push(vec![at.to_string(), actor, action, result.to_string(), reason, detail]);
        }
        return table.print();
    }
    let mut table = output::Table::new(&["at", "actor", "action", "result", "reason; detail"]);
    let width = detail_width(rows);
    for Audited { at, entry, .. } in rows {
        let first = [output::second(*at), entry.actor.clone(), entry.action.clone(), entry.result.to_string()];
        let said = match entry.reason.as_str() {
            "" => entry.detail.clone(),
            reason => format!("{reason}; {}", entry.detail),
        };
        let mut last = output::wrapped(&said, width);
        if last.len() > DETAIL_LINES_MAX {
            last.truncate(DETAIL_LINES_MAX - 1);
            last.push("… (--output csv: all)".to_owned());
        }
        table.push_lines(first.map(|cell| vec![cell]).into_iter().chain([last]).collect());
    }
    table.print();
}

/// How wide the last column may be beside the others.
fn detail_width(rows: &[Audited]) -> usize {
    let widest = |name: &str, length: fn(&AuditEntry) -> usize| {
        rows.iter().map(|row| length(&row.entry)).chain([name.len()]).max().unwrap_or(0)
    };
    let others = "2026-11-26T14:00:00Z".len()
        + widest("actor", |entry| entry.actor.chars().count())
        + widest("action", |entry| entry.action.chars().count())
        + widest("result", |entry| entry.result.as_str().len());
    COLUMNS.saturating_sub(others + 4 * "  ".len()).max(DETAIL_CHARS_MIN)
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
