//! `clicktrail replay rollback`

use clicktrail_catalog::{self as catalog, AuditResult, generations::GenerationState};
use clicktrail_replay::promotions;

use super::{
    generation, invoiced,
    promote::{document, keep, moved},
};
use crate::{
    ads::Who,
    audit,
    exit::Exit,
    global::{Format, Global},
    invoice::patience,
    output,
};

/// The word in the trail.
const ACTION: &str = "rollback";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The generation, or the beginning of its id
    #[arg(value_name = "ID")]
    id: String,
    /// Why, for the audit trail
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    who: Who,
    /// Let it change periods that are invoiced, and draft the notes that this takes. Without it such a rollback is
    /// refused
    #[arg(long)]
    notes: bool,
    #[command(flatten)]
    patience: patience::Arguments,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let instance = global.open_existing().await?;
    let actor = global.actor(arguments.who.actor)?;
    let generation = generation::named(&instance, &arguments.id).await?;
    let id = &generation.id;
    let who = (actor.as_str(), ACTION, arguments.reason.as_str());
    promotions::keep(&instance.archive, instance.catalog.as_ref()).await?;
    let invoiced = match generation.state {
        GenerationState::Promoted => invoiced::undone(&instance, &generation).await?,
        // The catalog says why it cannot be rolled back.
        GenerationState::Building | GenerationState::Built | GenerationState::Failed | GenerationState::Aborted => {
            invoiced::nothing()
        }
    };
    if !invoiced.is_empty() && !arguments.notes {
        invoiced::refuse(&invoiced, "rolled back", global);
        let detail = format!("generation {id}: gate invoiced");
        audit::write_ended(&instance, who, AuditResult::Refused, detail).await?;
        return Ok(Exit::GateRefused);
    }
    let promotion = match instance.catalog.roll_back(id, &actor, &arguments.reason, instance.clock.now()).await {
        Ok(promotion) => promotion,
        Err(catalog::Error::Conflict(what)) => return moved(&instance, id, who, &what).await,
        Err(cause) => return Err(cause.into()),
    };
    let hours = output::count(promotion.hours, "hour");
    match global.output {
        Format::Json => output::json(&document(&promotion)),
        Format::Table => output::line(&format!("{hours} count as before generation {id}")),
    }
    output::note(&format!("forward again: clicktrail replay promote {id}"));
    let kept = keep(&instance).await;
    match invoiced.is_empty() {
        true => Ok(kept),
        false => Ok(kept.and(invoiced::draft(global, &instance, arguments.patience, &actor, &invoiced).await?)),
    }
}
