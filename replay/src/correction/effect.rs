//! What closing a correction does to each bill.

#![warn(clippy::arithmetic_side_effects, clippy::float_arithmetic)]

use std::collections::BTreeMap;

use clicktrail_log::position::Position;
use clicktrail_verdicts::{rulings::Standing, verdict::Category};

use super::document::Items;
use crate::sums::Owed;

/// What changes for one advertiser in one currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effect {
    /// Clicks that are added.
    pub clicks_added: u64,
    /// Clicks that stop being billable.
    pub clicks_invalid: u64,
    /// Clicks that become billable.
    pub clicks_valid: u64,
    /// What is billed more, in micros; negative: less.
    pub spend_micros: i128,
}

/// What closing does, by advertiser and currency. `standing` is what is ruled now about the events that are there.
pub fn effect(items: &Items, standing: &BTreeMap<Position, Standing>) -> BTreeMap<Owed, Effect> {
    let mut effects: BTreeMap<Owed, Effect> = BTreeMap::new();
    for event in &items.events {
        let effect = effects.entry((event.advertiser_id.clone(), event.currency.clone())).or_default();
        if event.kind == "click" {
            effect.clicks_added = effect.clicks_added.saturating_add(1);
            effect.spend_micros = effect.spend_micros.saturating_add(event.price_micros.into());
        }
    }
    for ruling in &items.rulings {
        let effect = effects.entry((ruling.advertiser_id.clone(), ruling.currency.clone())).or_default();
        let before = standing.get(&ruling.position).and_then(|standing| standing.category).map(Category::as_str);
        if !ruling.is_click {
            continue;
        }
        match (before, &ruling.category) {
            (None, Some(_)) => {
                effect.clicks_invalid = effect.clicks_invalid.saturating_add(1);
                effect.spend_micros = effect.spend_micros.saturating_sub(ruling.price_micros.into());
            }
            (Some(_), None) => {
                effect.clicks_valid = effect.clicks_valid.saturating_add(1);
                effect.spend_micros = effect.spend_micros.saturating_add(ruling.price_micros.into());
            }
            (None, None) | (Some(_), Some(_)) => {}
        }
    }
    effects
}

#[cfg(test)]
mod tests;
