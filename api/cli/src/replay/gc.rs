//! `clicktrail replay gc`

use anyhow::ensure;
use clicktrail_billing::pinned::pinned;
use clicktrail_catalog::generations::GenerationState;
use clicktrail_replay::gc;
use serde_json::json;

use crate::{
    exit::Exit,
    global::{Format, Global},
    output::{self, Table},
    replay::{generation, trail::Said},
};

const DAY_MICROS: i64 = 86_400_000_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Show what may go, and why
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Remove it
    #[arg(long)]
    yes: bool,
    /// Keep what is younger than so many days
    #[arg(long, default_value_t = 7, value_name = "DAYS")]
    older_than: u32,
    #[command(flatten)]
    said: Said,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    ensure!(arguments.dry_run || arguments.yes, "say --dry-run to look, or --yes to remove");
    let instance = global.open_existing().await?;
    let by = arguments.said.by(global)?;
    let before = instance.clock.now().plus_micros(-i64::from(arguments.older_than) * DAY_MICROS);
    let mut dropped = Vec::new();
    for generation in generation::all(&instance).await? {
        let is_given_up = match generation.state {
            GenerationState::Failed | GenerationState::Aborted => true,
            GenerationState::Building | GenerationState::Built | GenerationState::Promoted => false,
        };
        if is_given_up && generation.changed_at < before {
            if arguments.yes {
                instance.catalog.drop_generation(&generation.id, &by.actor, instance.clock.now()).await?;
            }
            dropped.push(generation.id);
        }
    }
    let pinned = pinned(&instance.archive, instance.catalog.as_ref()).await?;
    let garbage = gc::look(&instance.archive, instance.catalog.as_ref(), &pinned, before).await?;
    let (objects, bytes) = match arguments.yes {
        true => gc::remove(&instance.archive, &garbage).await?,
        false => (garbage.removable.len() as u64, garbage.removable.iter().map(|one| one.object.bytes).sum()),
    };
    if arguments.yes {
        let (objects, dropped) = (output::count(objects, "object"), output::count(dropped.len(), "generation"));
        by.write(&instance, "gc", Exit::Ok, format!("{objects} of {bytes} bytes and {dropped} removed")).await?;
    }
    match global.output {
        Format::Json => {
            let removable = garbage
                .removable
                .iter()
                .map(|one| json!({"key": one.object.path.to_string(), "bytes": one.object.bytes, "why": one.why}));
            output::json(&json!({
                "removed": arguments.yes,
                "objects": removable.collect::<Vec<_>>(),
                "generations": dropped.iter().map(|id| id.as_str()).collect::<Vec<_>>(),
                "kept": garbage.kept,
                "young": garbage.young,
            }));
        }
        Format::Table => {
            let mut table = Table::new(&["object", "bytes", "why"]);
            for id in &dropped {
                table.push(vec![format!("generation {id}"), String::new(), "it failed or was given up".to_owned()]);
            }
            for one in &garbage.removable {
                table.push(vec![one.object.path.to_string(), one.object.bytes.to_string(), one.why.to_owned()]);
            }
            if !dropped.is_empty() || !garbage.removable.is_empty() {
                table.print();
            }
            let verb = if arguments.yes { "removed" } else { "may go" };
            output::line(&format!(
                "{} of {bytes} bytes {verb}; {} kept, {} too young to go",
                output::count(objects, "object"),
                garbage.kept,
                garbage.young
            ));
        }
    }
    Ok(Exit::Ok)
}
