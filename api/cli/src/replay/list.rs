//! `clicktrail replay list`

use clicktrail_catalog::generations::{Generation, GenerationId};
use clicktrail_log::time::Timestamp;
use serde_json::json;

use super::{generation::is_candidate, summary};
use crate::{
    exit::Exit,
    global::{Format, Global},
    output,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// List at most this many
    #[arg(long, default_value_t = 20)]
    limit: u32,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let instance = global.open_reading().await?;
    let (mut found, mut after): (Vec<Generation>, Option<(Timestamp, GenerationId)>) = (Vec::new(), None);
    while let left @ 1.. = arguments.limit.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX)) {
        let page = instance.catalog.list_generations(after.as_ref().map(|(at, id)| (*at, id)), left.min(1_000)).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.created_at, last.id.clone()));
        found.extend(page);
    }
    match global.output {
        Format::Json => {
            let row = |generation: &Generation| {
                json!({
                    "generation": generation.id.as_str(),
                    "projection": generation.projection,
                    "state": summary::state(generation.state),
                    "from": generation.from.to_string(),
                    "to_inclusive": generation.to_inclusive.to_string(),
                    "verdicts_before": generation.verdicts_before.to_string(),
                    "code_digest": generation.code_digest,
                    "is_candidate": is_candidate(&generation.projection, &generation.sql),
                    "created_at": generation.created_at.to_string(),
                    "created_by": generation.created_by,
                })
            };
            output::json(&found.iter().map(row).collect());
        }
        Format::Table => {
            let header = ["generation", "projection", "state", "from", "to", "verdicts_before", "created_at", "by"];
            let mut table = output::Table::new(&header);
            for generation in &found {
                table.push(vec![
                    generation.id.to_string(),
                    generation.projection.clone(),
                    summary::state(generation.state).to_owned(),
                    generation.from.to_string(),
                    generation.to_inclusive.to_string(),
                    generation.verdicts_before.to_string(),
                    generation.created_at.to_string(),
                    generation.created_by.clone(),
                ]);
            }
            table.print();
        }
    }
    Ok(Exit::Ok)
}
