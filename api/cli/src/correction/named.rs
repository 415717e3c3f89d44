//! Corrections as people name them, and as JSON.

use anyhow::Context as _;
use clicktrail_catalog::corrections::Correction;
use serde_json::{Value, json};

use crate::installation::Installation;

/// Characters of a reason.
pub(super) const REASON_CHARS_MAX: usize = 256;

/// The correction of an id.
pub(super) async fn named(instance: &Installation, id: &str) -> anyhow::Result<Correction> {
    let found = instance.catalog.correction(id).await?;
    found.with_context(|| format!("there is no correction {id:?}: `correction list` shows them"))
}

pub(super) fn as_json(correction: &Correction) -> Value {
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
