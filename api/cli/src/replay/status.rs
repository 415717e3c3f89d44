//! `clicktrail replay status`

use std::time::Duration;

use clicktrail_catalog::generations::{Generation, GenerationState};
use serde_json::{Value, json};

use super::{
    generation::is_candidate,
    summary::{self, Failed, Summary, find, unknown},
};
use crate::{
    exit::Exit,
    global::{Format, Global},
    output,
};

/// Pause between two looks.
const WATCH_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which build: its id, or the beginning of it [default: the newest that is not over]
    id: Option<String>,
    /// Look again every second until it is over
    #[arg(long)]
    watch: bool,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    // Whoever watches has to see what others write.
    let instance = match arguments.watch {
        true => global.open_existing().await?,
        false => global.open_reading().await?,
    };
    let named = arguments.id.as_deref();
    let Some(mut generation) = find(instance.catalog.as_ref(), named).await? else { return Ok(unknown(named)) };
    let mut pause = tokio_interval();
    loop {
        let summary = Summary::of(instance.catalog.as_ref(), &generation.id).await?;
        match global.output {
            Format::Json => output::json(&as_json(&generation, &summary)),
            Format::Table => tell(&generation, &summary),
        }
        let is_over = generation.state != GenerationState::Building;
        if !arguments.watch || is_over || !output::is_taken() {
            return Ok(exit(generation.state));
        }
        pause.tick().await;
        let id = generation.id.clone();
        match instance.catalog.generation(&id).await? {
            Some(now) => generation = now,
            None => return Ok(unknown(Some(id.as_str()))),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "somebody watches")]
fn tokio_interval() -> tokio::time::Interval {
    let mut interval = tokio::time::interval(WATCH_PAUSE);
    interval.reset();
    interval
}

const fn exit(state: GenerationState) -> Exit {
    match state {
        GenerationState::Building | GenerationState::Built | GenerationState::Promoted => Exit::Ok,
        GenerationState::Failed | GenerationState::Aborted => Exit::Failed,
    }
}

pub(super) fn as_json(generation: &Generation, summary: &Summary) -> Value {
    let error = |(hour, attempt, error): &Failed| json!({"hour": hour.to_string(), "attempt": attempt, "error": error});
    json!({
        "generation": generation.id.as_str(),
        "projection": generation.projection,
        "state": summary::state(generation.state),
        "from": generation.from.to_string(),
        "to_inclusive": generation.to_inclusive.to_string(),
        "clicks_before": generation.clicks_before.map(|before| before.to_string()),
        "verdicts_before": generation.verdicts_before.to_string(),
        "code_digest": generation.code_digest,
        "is_candidate": is_candidate(&generation.projection, &generation.sql),
        "created_at": generation.created_at.to_string(),
        "created_by": generation.created_by,
        "changed_at": generation.changed_at.to_string(),
        "hours": summary.hours(),
        "done": summary.done,
        "reused": summary.reused,
        "at_work": summary.leased,
        "waiting": summary.waiting,
        "failed": summary.failed,
        "rows": summary.rows,
        "rows_done": summary.rows_done,
        "errors": summary.errors.iter().map(error).collect::<Vec<_>>(),
    })
}

pub(super) fn tell(generation: &Generation, summary: &Summary) {
    let hours = output::count(summary.hours(), "hour");
    output::line(&format!(
        "{} {}: {} of {hours} done ({} used again), {} at work, {} waiting, {} failed; {} of {} events",
        generation.id,
        summary::state(generation.state),
        summary.done,
        summary.reused,
        summary.leased,
        summary.waiting,
        summary.failed,
        summary.rows_done,
        summary.rows,
    ));
    for (micros, hour) in &summary.slowest {
        output::line(&format!("  slowest: {hour} took {} ms", micros / 1_000));
    }
    for (hour, attempt, error) in &summary.errors {
        output::line(&format!("  {hour}, attempt {attempt}: {error}"));
    }
    if generation.state == GenerationState::Building && summary.leased == 0 {
        output::note(&format!("nobody works on it: go on with `clicktrail replay resume {}`", generation.id));
    }
}
