//! How the last checks ended: `replay verify live` and `invoice verify` leave rows in the audit trail, and the server
//! that seals reports the newest of each.

#![expect(clippy::disallowed_methods, reason = "it looks now and then")]

use std::{sync::Arc, time::Duration};

use clicktrail_catalog::{AuditFilter, AuditResult, Audited, Catalog};
use clicktrail_log::causes::causes;
use metrics::gauge;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::metric;

/// The action of the rows of `replay verify live`. The command writes it.
pub const ACTION: &str = "verify_live";
/// The same of `invoice verify`.
pub const INVOICES_ACTION: &str = "verify_invoices";

/// What is looked for, and how it is reported: when, and whether all was equal.
const CHECKS: [(&str, &str, &str); 2] = [
    (ACTION, metric::VERIFIED_AT, metric::VERIFIED_EQUAL),
    (INVOICES_ACTION, metric::INVOICES_VERIFIED_AT, metric::INVOICES_VERIFIED_EQUAL),
];

/// How often it looks: checks are made once a night.
const LOOK: Duration = Duration::from_secs(30);
/// Rows that are read at a time.
const PAGE_ROWS: u32 = 1_000;

/// Reports the newest checks until `shutdown`, and nothing before the first one ever. A catalog that is away is looked
/// at again.
pub async fn run(catalog: Arc<dyn Catalog>, shutdown: CancellationToken) {
    let filter = |action: &str| AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
    let mut checks = CHECKS.map(|(action, at, equal)| (filter(action), at, equal));
    loop {
        for (filter, at, equal) in &mut checks {
            match newest(catalog.as_ref(), filter).await {
                Ok(Some(row)) => report(&row, at, equal),
                Ok(None) => {}
                Err(cause) => warn!(cause = %causes(&cause), "the audit trail was not read for the last check"),
            }
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

fn report(row: &Audited, at: &'static str, equal: &'static str) {
    let seconds = u32::try_from(row.at.micros().div_euclid(1_000_000)).unwrap_or(u32::MAX);
    gauge!(at).set(seconds);
    gauge!(equal).set(u32::from(row.entry.result == AuditResult::Done));
}
