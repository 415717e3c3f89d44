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

/// A sum in JSON: a number where it fits one, else its digits.
pub(crate) fn number(sum: i128) -> Value {
    i64::try_from(sum).map_or_else(|_| json!(sum.to_string()), |sum| json!(sum))
}

/// Now, by the machine's clock.
pub(crate) fn now(instance: &Installation) -> Timestamp {
    instance.clock.now()
}
