//! `clicktrail correction open|add|preview|close|revert|list|show`

mod add;
mod close;
mod event;
mod logging;
mod preview;
mod revert;

use anyhow::{Context as _, ensure};
use clicktrail_catalog::corrections::{Correction, CorrectionState};
use clicktrail_log::{frame::Digest, position::Seq};
use serde_json::{Value, json};

use crate::{
    ads::Who,
    audit,
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output::{self, Table},
};

/// Corrections read from the catalog at a time.
const PAGE: u32 = 1_000;
/// Characters of a reason.
const REASON_CHARS_MAX: usize = 256;
/// Hexadecimal digits of an id.
const ID_DIGITS: usize = 12;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Open a correction: what is added to it counts once it is closed, and not before
    Open {
        /// Why, in a sentence; kept with each of its rulings
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        who: Who,
    },
    /// Add events that were missing, or rulings about events that should not stand
    Add(add::Arguments),
    /// What closing would do to each bill, and to which hours; nothing is changed
    Preview {
        /// The correction
        id: String,
    },
    /// Make all of it count, at once; run it again if it was cut off
    Close(close::Arguments),
    /// Undo all of it, at once, however long ago it was closed; run it again if it was cut off
    Revert(revert::Arguments),
    /// List corrections and how far they have come
    List,
    /// Print a correction with all that it adds and rules
    Show {
        /// The correction
        id: String,
    },
}

pub(super) async fn run(global: &Global, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Open { reason, who } => open(global, reason, who).await,
        Command::Add(arguments) => Box::pin(add::run(global, arguments)).await,
        Command::Preview { id } => Box::pin(preview::run(global, &id)).await,
        Command::Close(arguments) => Box::pin(close::run(global, arguments)).await,
        Command::Revert(arguments) => Box::pin(revert::run(global, arguments)).await,
        Command::List => list(global).await,
        Command::Show { id } => Box::pin(preview::show(global, &id)).await,
    }
}

/// The correction of an id.
async fn named(instance: &Installation, id: &str) -> anyhow::Result<Correction> {
    let found = instance.catalog.correction(id).await?;
    found.with_context(|| format!("there is no correction {id:?}: `correction list` shows them"))
}

async fn open(global: &Global, reason: String, who: Who) -> anyhow::Result<Exit> {
    let length = reason.chars().count();
    let fits = (1..=REASON_CHARS_MAX).contains(&length);
    ensure!(fits, "--reason has {length} characters: use 1 to {REASON_CHARS_MAX}");
    let actor = global.actor(who.actor)?;
    let instance = global.open_existing().await?;
    let now = instance.clock.now();
    let process = std::process::id();
    let mut id = Digest::of(format!("{now} {process} {actor} {reason}").as_bytes()).to_string();
    id.truncate(ID_DIGITS);
    let correction = Correction {
        id,
        reason,
        state: CorrectionState::Open,
        opened_at: now,
        opened_by: actor.clone(),
        changed_at: now,
        changed_by: actor.clone(),
        clicks_from: Seq::ZERO,
        verdicts_from: Seq::ZERO,
        reverts_from: Seq::ZERO,
    };
    instance.catalog.put_correction(&correction).await?;
    audit::write(&instance, &actor, "correction_open", &correction.reason, correction.id.clone()).await?;
    match global.output {
        Format::Json => output::json(&as_json(&correction)),
        Format::Table => output::line(&format!("correction {} is open", correction.id)),
    }
    output::note(&format!(
        "next: clicktrail correction add {} --events FILE.ndjson, or --invalid POSITION",
        correction.id
    ));
    Ok(Exit::Ok)
}

async fn list(global: &Global) -> anyhow::Result<Exit> {
    let instance = global.open_answering().await?;
    let mut all: Vec<Correction> = Vec::new();
    loop {
        let after = all.last().map_or("", |last| last.id.as_str());
        let page = instance.catalog.list_corrections(after, PAGE).await?;
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    all.sort_by(|a, b| (a.opened_at, &a.id).cmp(&(b.opened_at, &b.id)));
    match global.output {
        Format::Json => output::json(&all.iter().map(as_json).collect()),
        Format::Table => {
            let mut table = Table::new(&["correction", "state", "opened_at", "opened_by", "reason"]);
            for found in all {
                let Correction { id, state, opened_at, opened_by, reason, .. } = found;
                table.push(vec![id, state.to_string(), opened_at.to_string(), opened_by, reason]);
            }
            table.print();
        }
    }
    Ok(Exit::Ok)
}

fn as_json(correction: &Correction) -> Value {
    json!({
        "correction": correction.id,
        "state": correction.state.as_str(),
        "reason": correction.reason,
        "opened_at": correction.opened_at.to_string(),
        "opened_by": correction.opened_by,
        "changed_at": correction.changed_at.to_string(),
        "changed_by": correction.changed_by,
    })
}
