//! Before anything is issued: whether the catalog knows every number that was given, and what an earlier process left
//! undone of documents that it issued, done by whoever writes next.

use std::sync::Arc;

use anyhow::bail;
use clicktrail_billing::{ahead::Looking, finish::Finisher};

use crate::{installation::Installation, output};

fn finisher(instance: &Installation) -> Finisher {
    Finisher::new(instance.archive.clone(), Arc::clone(&instance.catalog), &instance.invoices)
}

/// Where numbers are looked for.
pub(crate) fn looking(instance: &Installation) -> Looking {
    Looking {
        archive: instance.archive.clone(),
        catalog: Arc::clone(&instance.catalog),
        log: Arc::clone(&instance.invoices),
    }
}

/// Finishes what is issued, before more is. Returns whether all of it is as it should be: what is damaged is named each
/// time, and keeps nobody from the rest.
///
/// # Errors
/// An older copy of the catalog issues nothing: its next numbers are given out.
pub(crate) async fn finish(instance: &Installation) -> anyhow::Result<bool> {
    let ahead = looking(instance).ahead().await?;
    if let Some(refusal) = ahead.refusal() {
        bail!(refusal);
    }
    for damage in &ahead.damage {
        output::note(&format!("ALARM the log of issued documents: {damage}: `clicktrail log verify` reads all of it"));
    }
    let finished = finisher(instance).finish().await?;
    if finished.documents > 0 {
        let documents = output::count(finished.documents, "document");
        output::note(&format!("{documents} that an earlier process issued: record and log entry are there now"));
    }
    tell(&finished.alarms());
    Ok(ahead.damage.is_empty() && finished.is_whole())
}

/// What a person must act on.
pub(super) fn tell(alarms: &[String]) {
    for alarm in alarms {
        output::note(&format!("ALARM {alarm}"));
    }
}

/// Says that something is left undone.
pub(super) async fn hint(instance: &Installation) -> anyhow::Result<()> {
    let left = finisher(instance).unfinished().await?;
    if left > 0 {
        let documents = output::count(left, "document");
        output::note(&format!(
            "{documents} without an entry in the invoices log yet: the next `invoice issue` or `invoice correct` puts it \
             there"
        ));
    }
    Ok(())
}
