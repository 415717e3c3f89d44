//! `clicktrail replay abort`

use serde_json::json;

use super::summary::{find, unknown};
use crate::{
    ads::Who,
    exit::Exit,
    global::{Format, Global},
    output,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which build: its id, or the beginning of it
    id: String,
    /// Why, for the audit
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let actor = global.actor(arguments.who.actor)?;
    let instance = global.open_existing().await?;
    let named = Some(arguments.id.as_str());
    let Some(generation) = find(instance.catalog.as_ref(), named).await? else { return Ok(unknown(named)) };
    let id = &generation.id;
    instance.catalog.abort_generation(id, &actor, &arguments.reason, instance.clock.now()).await?;
    match global.output {
        Format::Json => output::json(&json!({"generation": id.as_str(), "state": "aborted"})),
        Format::Table => output::line(&format!("{id} is given up; what its workers finish now is dropped")),
    }
    Ok(Exit::Ok)
}
