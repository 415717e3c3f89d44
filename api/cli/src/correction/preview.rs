//! `clicktrail correction preview|show`

use std::collections::{BTreeMap, BTreeSet};

use clicktrail_catalog::corrections::{Correction, CorrectionState};
use clicktrail_log::{
    position::Position,
    time::{Hour, Timestamp},
};
use clicktrail_replay::correction::{
    document::Items,
    effect::{Effect, effect},
    rulings::standing,
};
use serde_json::{Value, json};

use super::{
    logging,
    named::{as_json, named},
};
use crate::{
    exit::Exit,
    global::{Format, Global},
    output::{self, Table, amount},
    replay,
};

/// Hours that are named in a sentence.
const HOURS_SHOWN: usize = 3;

pub(super) async fn run(global: &Global, id: &str) -> anyhow::Result<Exit> {
    let instance = global.open_reading().await?;
    let correction = named(&instance, id).await?;
    let items = Items::read(&instance.catalog.correction_items(id).await?)?;
    let history = instance.rulings();
    // Once it is being closed, what it does is told from what stood before.
    let end = history.end().await?;
    let before = match correction.state {
        CorrectionState::Open => end,
        CorrectionState::Closing | CorrectionState::Closed | CorrectionState::Reverting | CorrectionState::Reverted => {
            history.address(correction.verdicts_from).await?
        }
    };
    let targets: BTreeSet<Position> = items.rulings.iter().map(|found| found.position).collect();
    let effects = effect(&items, &standing(&history, &targets, before).await?);
    let ruled = logging::hours(&instance, targets.into_iter()).await?.unwrap_or_default();
    let times = items.events.iter().map(|event| Timestamp::from_micros(event.event_time_micros).hour());
    let happened: BTreeSet<Hour> = times.collect();
    let found = Found { correction: &correction, items: &items, effects: &effects, ruled: &ruled, happened: &happened };
    match global.output {
        Format::Json => output::json(&found.to_json()),
        Format::Table => found.print(),
    }
    if correction.state == CorrectionState::Open
        && let Some(why) = replay::unsettled(&instance, &ruled).await?
    {
        output::note(&format!("it cannot be closed yet: {why}"));
    }
    Ok(Exit::Ok)
}

/// What a preview says.
struct Found<'f> {
    correction: &'f Correction,
    items: &'f Items,
    effects: &'f BTreeMap<(String, String), Effect>,
    /// Sealed hours of events that are ruled about.
    ruled: &'f BTreeSet<Hour>,
    /// When the events happened that are added.
    happened: &'f BTreeSet<Hour>,
}

impl Found<'_> {
    fn to_json(&self) -> Value {
        let effect = |((advertiser, currency), effect): (&(String, String), &Effect)| {
            json!({
                "advertiser_id": advertiser,
                "currency": currency,
                "clicks_added": effect.clicks_added,
                "clicks_invalid": effect.clicks_invalid,
                "clicks_valid": effect.clicks_valid,
                "spend_micros": effect.spend_micros.to_string(),
            })
        };
        let names = |hours: &BTreeSet<Hour>| hours.iter().map(Hour::to_string).collect::<Vec<_>>();
        json!({
            "correction": self.correction.id,
            "state": self.correction.state.as_str(),
            "events": self.items.events.len(),
            "rulings": self.items.rulings.len(),
            "effects": self.effects.iter().map(effect).collect::<Vec<Value>>(),
            "hours_counted_again": names(self.ruled),
            "hours_of_added_events": names(self.happened),
        })
    }

    fn print(&self) {
        let Correction { id, state, .. } = self.correction;
        let events = output::count(self.items.events.len(), "event");
        let rulings = output::count(self.items.rulings.len(), "ruling");
        output::line(&format!("correction {id} ({state}): {events} to add, {rulings}"));
        let mut table = Table::new(&["advertiser", "currency", "added", "invalid", "valid", "spend"]);
        for ((advertiser, currency), effect) in self.effects {
            let numbers = [effect.clicks_added, effect.clicks_invalid, effect.clicks_valid].map(|n| n.to_string());
            let owed = [advertiser.clone(), currency.clone()];
            table.push(owed.into_iter().chain(numbers).chain([amount(effect.spend_micros)]).collect());
        }
        table.print();
        let added = "of added events, by the time of the event";
        for (hours, what) in [(self.ruled, "counted again"), (self.happened, added)] {
            if !hours.is_empty() {
                output::line(&format!("{} {what}: {}", output::count(hours.len(), "hour"), some(hours)));
            }
        }
    }
}

fn some(hours: &BTreeSet<Hour>) -> String {
    let shown: Vec<String> = hours.iter().take(HOURS_SHOWN).map(Hour::to_string).collect();
    let more = hours.len() - shown.len();
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// A correction with its items as they are staged.
pub(super) async fn show(global: &Global, id: &str) -> anyhow::Result<Exit> {
    let instance = global.open_reading().await?;
    let correction = named(&instance, id).await?;
    let items = instance.catalog.correction_items(id).await?;
    let documents = items.iter().map(|item| serde_json::from_str(&item.document)).collect::<Result<Vec<Value>, _>>()?;
    match global.output {
        Format::Json => {
            let mut shown = as_json(&correction);
            let kinds = items.iter().map(|item| item.kind.as_str());
            let items = kinds.zip(documents).map(|(kind, document)| json!({"kind": kind, "document": document}));
            shown["items"] = items.collect();
            output::json(&shown);
        }
        Format::Table => {
            output::line(&format!("correction {id} is {}: {}", correction.state, correction.reason));
            let mut table = Table::new(&["kind", "event_id", "advertiser", "position", "becomes"]);
            for (item, document) in items.iter().zip(&documents) {
                let text = |name: &str| document[name].as_str().unwrap_or("").to_owned();
                let becomes = match (item.kind, document["category"].as_str()) {
                    (_, Some(category)) => format!("invalid ({category})"),
                    (_, None) => "valid".to_owned(),
                };
                let cells = vec![
                    item.kind.as_str().to_owned(),
                    text("event_id"),
                    text("advertiser_id"),
                    text("position"),
                    becomes,
                ];
                table.push(cells);
            }
            table.print();
        }
    }
    Ok(Exit::Ok)
}
