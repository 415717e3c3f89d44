//! `clicktrail replay log`

use clicktrail_catalog::generations::Move;
use clicktrail_log::sqlite::is_writable;
use clicktrail_replay::promotions;
use serde_json::json;

use crate::{
    exit::Exit,
    global::{Format, Global},
    output::{self, Table},
};

/// Promotions that are listed at a time.
const PAGE: u32 = 500;
const _: () = assert!(PAGE > 0, "an empty page would end the list");

pub(super) async fn run(global: &Global) -> anyhow::Result<Exit> {
    // It also puts records into the archive that a process which died left out, where that can be written to.
    let places = global.existing()?;
    let instance = match places.is_elsewhere() || is_writable(&places.data) {
        true => global.open_existing().await?,
        false => global.open_reading().await?,
    };
    promotions::keep(&instance.archive, instance.catalog.as_ref()).await?;
    let mut all = Vec::new();
    let mut after = 0;
    loop {
        let page = instance.catalog.promotions(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.number;
        all.extend(page);
    }
    let word = |moved| match moved {
        Move::Promote => "promote",
        Move::Rollback => "rollback",
    };
    match global.output {
        Format::Json => {
            let rows = all.iter().map(|one| {
                json!({"number": one.number, "at": one.at.to_string(), "action": word(one.moved),
                    "generation": one.generation.as_str(), "hours": one.hours, "actor": one.actor,
                    "reason": one.reason})
            });
            output::json(&rows.collect());
        }
        Format::Table => {
            let mut table = Table::new(&["number", "at", "action", "generation", "hours", "actor", "reason"]);
            for one in &all {
                let cells = [one.number.to_string(), one.at.to_string(), word(one.moved).to_owned()];
                let rest = [one.generation.to_string(), one.hours.to_string(), one.actor.clone(), one.reason.clone()];
                table.push(cells.into_iter().chain(rest).collect());
            }
            table.print();
        }
    }
    Ok(Exit::Ok)
}
