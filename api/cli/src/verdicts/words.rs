//! How rulings are written for people.

use clicktrail_log::time::Timestamp;
use clicktrail_verdicts::verdict::{Category, Decision};
use serde_json::{Value, json};

use crate::installation::Installation;

/// `invalid (givt)` or `valid`.
pub(crate) fn ruling(decision: Decision, category: Option<Category>) -> String {
    match category {
        Some(category) => format!("{decision} ({category})"),
        None => decision.to_string(),
    }
}

/// What stands where nothing was ever ruled.
pub(crate) const UNRULED: &str = "valid: nothing was ruled";

/// A sum of money in JSON: its digits as text, whatever its size.
pub(crate) fn sum(sum: i128) -> Value {
    json!(sum.to_string())
}

/// Now, by the machine's clock.
pub(crate) fn now(instance: &Installation) -> Timestamp {
    instance.clock.now()
}
