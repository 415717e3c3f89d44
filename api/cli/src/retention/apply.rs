//! `clicktrail retention apply`

use anyhow::ensure;
use clicktrail_log::archive::retention;
use clicktrail_projections::session;
use serde_json::json;

use super::kept::Kept;
use crate::{
    behind,
    exit::Exit,
    global::{Format, Global},
    output::{self, count},
    replay::trail::Said,
};

/// The action of the row in the audit trail.
const ACTION: &str = "retention_apply";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    kept: Kept,
    /// Only say what is older
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Erase it: it cannot be taken back
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    said: Said,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { kept, dry_run, yes, said } = arguments;
    ensure!(dry_run || yes, "say --dry-run to look, or --yes to erase");
    let (months, by) = (kept.months(global)?, said.by(global)?);
    let instance = global.open_existing().await?;
    let now = instance.clock.now();
    let before = retention::keep_from(now, months);
    let (hours, rows, left_alone, open) = if dry_run {
        let due = instance.archive.hours_with_people(before, usize::MAX).await?;
        (due.len() as u64, due.iter().map(|manifest| manifest.rows).sum(), 0, 0)
    } else {
        behind::check(&instance).await?;
        let done = instance.archiver(session::Limits::default()).retain(now, months).await?;
        let detail = format!("before {before}: {} of {}", count(done.rows, "event"), count(done.hours, "hour"));
        by.write(&instance, ACTION, Exit::Ok, detail).await?;
        let open = instance.archive.hours_with_people(before, usize::MAX).await?.len() as u64;
        (done.hours, done.rows, done.left_alone, open)
    };
    match global.output {
        Format::Json => output::json(&json!({
            "dry_run": dry_run, "before": before.to_string(), "months": months, "hours": hours, "events": rows,
            "files_left_alone": left_alone, "hours_left": open,
        })),
        Format::Table => {
            let verb = if dry_run { "would be erased" } else { "were erased" };
            let (rows, hours) = (count(rows, "event"), count(hours, "hour"));
            output::line(&format!("the personal columns of {rows} of {hours} before {before} {verb}"));
        }
    }
    if left_alone > 0 {
        let files = count(left_alone, "file");
        output::note(&format!("{files} that somebody may be about to name stay for an hour: apply it again then"));
    }
    if open > 0 {
        let hours = count(open, "hour");
        output::note(&format!("{hours} before {before} are not judged and counted yet: apply it again then"));
    }
    if dry_run {
        output::note("nothing was erased: pass --yes to erase it");
    }
    Ok(if open + left_alone > 0 { Exit::Partial } else { Exit::Ok })
}
