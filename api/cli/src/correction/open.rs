//! `clicktrail correction open|list`

use anyhow::ensure;
use clicktrail_catalog::corrections::{Correction, CorrectionState};
use clicktrail_log::{frame::Digest, position::Seq};

use super::named::{REASON_CHARS_MAX, as_json};
use crate::{
    ads::Who,
    audit,
    exit::Exit,
    global::{Format, Global},
    output::{self, Table},
};

/// Corrections read from the catalog at a time.
const PAGE: u32 = 1_000;
/// Hexadecimal digits of an id.
const ID_DIGITS: usize = 12;

pub(super) async fn open(global: &Global, reason: String, who: Who) -> anyhow::Result<Exit> {
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

pub(super) async fn list(global: &Global) -> anyhow::Result<Exit> {
    let instance = global.open_reading().await?;
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
