//! What an earlier process left undone of documents that it issued, done by whoever writes next.

use std::sync::Arc;

use anyhow::bail;
use clicktrail_billing::{finish::Finisher, records};

use crate::{installation::Installation, output};

fn finisher(instance: &Installation) -> Finisher {
    Finisher::new(instance.archive.clone(), Arc::clone(&instance.catalog), Arc::clone(&instance.invoices))
}

/// Finishes what is issued, before more is. An older copy of the catalog issues nothing: its next numbers are given
/// out.
pub(crate) async fn finish(instance: &Installation) -> anyhow::Result<()> {
    if let Some(number) = records::unknown(&instance.archive, instance.catalog.as_ref()).await? {
        bail!(
            "the archive has {}, which the catalog does not know: the catalog is an older copy, and `clicktrail catalog \
             rebuild` brings it up to date",
            clicktrail_billing::chain::name(&number)
        );
    }
    let finished = finisher(instance).finish().await?;
    if finished > 0 {
        let documents = output::count(finished, "document");
        output::note(&format!("{documents} that an earlier process issued: record and log entry are there now"));
    }
    Ok(())
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
