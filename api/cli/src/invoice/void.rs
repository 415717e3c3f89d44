//! `clicktrail invoice void`

use anyhow::ensure;
use serde_json::json;

use super::named;
use crate::{
    ads::Who,
    exit::Exit,
    global::{Format, Global},
    output,
};

/// Characters of a reason.
const REASON_CHARS_MAX: usize = 256;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The draft, as `invoice list` names it; with @REVISION only if that is still the newest
    #[arg(value_name = "DRAFT[@REVISION]")]
    draft: String,
    /// Why, for the audit trail
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let length = arguments.reason.chars().count();
    ensure!((1..=REASON_CHARS_MAX).contains(&length), "--reason has {length} characters: use 1 to {REASON_CHARS_MAX}");
    let actor = global.actor(arguments.who.actor)?;
    let instance = global.open_existing().await?;
    let revision = named::written(&instance, &arguments.draft).await?;
    let draft = instance.catalog.void(&revision, &arguments.reason, &actor, instance.clock.now()).await?;
    match global.output {
        Format::Json => output::json(&json!({
            "draft": draft.revision.id,
            "revision": draft.revision.revision,
            "state": draft.state.as_str(),
        })),
        Format::Table => output::line(&format!("{} is {}", draft.revision, draft.state)),
    }
    Ok(Exit::Ok)
}
