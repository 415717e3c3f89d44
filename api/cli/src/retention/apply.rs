//! `clicktrail retention apply`

use anyhow::ensure;
use clicktrail_live::sealing::erasing::TooOld;
use clicktrail_log::{archive::retention, time::Hour};
use clicktrail_projections::session;
use serde_json::json;

use super::kept::Kept;
use crate::{
    behind,
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
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
    let done = if dry_run {
        let due = Due::look(&instance, before).await?;
        Done { clicks: due.clicks, rejected: due.rejected, left_alone: 0, open: 0 }
    } else {
        behind::check(&instance).await?;
        let TooOld { clicks, rejected } = instance.archiver(session::Limits::default()).retain(now, months).await?;
        let (clicks_left, left_alone) = ((clicks.hours, clicks.rows), clicks.left_alone + rejected.left_alone);
        let done = Done { clicks: clicks_left, rejected: (rejected.hours, rejected.rows), left_alone, open: 0 };
        by.write(&instance, ACTION, Exit::Ok, format!("before {before}: {}", done.sentence())).await?;
        let left = Due::look(&instance, before).await?;
        Done { open: left.clicks.0 + left.rejected.0, ..done }
    };
    print(global, &done, dry_run, &before.to_string(), months);
    let Done { left_alone, open, .. } = done;
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

/// Hours, and rows of them, that are older than they may get.
struct Due {
    clicks: (u64, u64),
    rejected: (u64, u64),
}

impl Due {
    async fn look(instance: &Installation, before: Hour) -> anyhow::Result<Self> {
        let clicks = instance.archive.hours_with_people(before, usize::MAX).await?;
        let rejected = instance.archive.hours_with_originals(before, usize::MAX).await?;
        Ok(Self {
            clicks: (clicks.len() as u64, clicks.iter().map(|manifest| manifest.rows).sum()),
            rejected: (rejected.len() as u64, rejected.iter().map(|manifest| manifest.rows).sum()),
        })
    }
}

/// What was erased, or would be: hours, and rows of them.
struct Done {
    clicks: (u64, u64),
    rejected: (u64, u64),
    left_alone: u64,
    /// Hours that are left.
    open: u64,
}

impl Done {
    fn sentence(&self) -> String {
        let (clicks, rejected) = (self.clicks, self.rejected);
        let of_clicks = format!("{} of {}", count(clicks.1, "event"), count(clicks.0, "hour"));
        match rejected.0 {
            0 => of_clicks,
            _ => format!("{of_clicks}, {} of {}", count(rejected.1, "rejected event"), count(rejected.0, "hour")),
        }
    }
}

fn print(global: &Global, done: &Done, dry_run: bool, before: &str, months: u32) {
    match global.output {
        Format::Json => output::json(&json!({
            "dry_run": dry_run, "before": before, "months": months, "hours": done.clicks.0, "events": done.clicks.1,
            "rejected_hours": done.rejected.0, "rejected_events": done.rejected.1,
            "files_left_alone": done.left_alone, "hours_left": done.open,
        })),
        Format::Table => {
            let verb = if dry_run { "would be erased" } else { "were erased" };
            output::line(&format!("the personal columns of {} before {before} {verb}", done.sentence()));
        }
    }
}
