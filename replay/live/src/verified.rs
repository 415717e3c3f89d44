//! How the last check of what counts ended: `replay verify live` leaves a row in the audit trail, and the server that
//! seals reports the newest.

#![expect(clippy::disallowed_methods, reason = "it looks now and then")]

use std::{sync::Arc, time::Duration};

use clicktrail_catalog::{AuditFilter, AuditResult, Audited, Catalog};
use clicktrail_log::causes::causes;
use metrics::gauge;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::metric;

/// The action of the rows. The command writes it.
pub const ACTION: &str = "verify_live";

/// How often it looks: checks are made once a night.
const LOOK: Duration = Duration::from_secs(30);
/// Rows that are read at a time.
const PAGE_ROWS: u32 = 1_000;

/// Reports the newest check until `shutdown`, and nothing before the first one ever. A catalog that is away is looked
/// at again.
pub async fn run(catalog: Arc<dyn Catalog>, shutdown: CancellationToken) {
    let mut filter = AuditFilter { action: Some(ACTION.to_owned()), ..AuditFilter::default() };
    loop {
        match newest(catalog.as_ref(), &mut filter).await {
            Ok(Some(row)) => report(&row),
            Ok(None) => {}
            Err(cause) => warn!(cause = %causes(&cause), "the audit trail was not read for the last check"),
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// The newest row behind those that were seen.
async fn newest(catalog: &dyn Catalog, filter: &mut AuditFilter) -> Result<Option<Audited>, clicktrail_catalog::Error> {
    let mut newest = None;
    loop {
        let mut page = catalog.audit_log(filter, PAGE_ROWS).await?;
        let Some(last) = page.pop() else { return Ok(newest) };
        filter.after = last.number;
        newest = Some(last);
    }
}

fn report(row: &Audited) {
    let seconds = u32::try_from(row.at.micros().div_euclid(1_000_000)).unwrap_or(u32::MAX);
    gauge!(metric::VERIFIED_AT).set(seconds);
    gauge!(metric::VERIFIED_EQUAL).set(u32::from(row.entry.result == AuditResult::Done));
}
