//! The audit trail: rows are added and read, never changed. Both databases refuse anything else by triggers.

use clicktrail_log::time::Timestamp;

use crate::{
    error::Error,
    rows,
    session::{Arg, Session},
    trail::{AuditEntry, AuditFilter, Audited},
};

const ADD: &str = "INSERT INTO audit (at, actor, action, reason, result, detail) VALUES ($1, $2, $3, $4, $5, $6)";

const LIST: &str = "
    SELECT audit_id, at, actor, action, reason, result, detail FROM audit
    WHERE audit_id > $1 AND at >= $2 AND at < $3 AND ($4 = '' OR actor = $4) AND ($5 = '' OR action = $5)
    ORDER BY audit_id LIMIT $6";

/// Adds a row.
pub(crate) async fn add(session: &mut impl Session, entry: &AuditEntry, now: Timestamp) -> Result<(), Error> {
    let args = [
        now.into(),
        Arg::from(&entry.actor),
        Arg::from(&entry.action),
        Arg::from(&entry.reason),
        entry.result.as_str().into(),
        Arg::from(&entry.detail),
    ];
    session.execute(ADD, &args).await?;
    Ok(())
}

/// See [`Catalog::audit_log`](crate::Catalog::audit_log).
pub(crate) async fn list(session: &mut impl Session, filter: &AuditFilter, limit: u32) -> Result<Vec<Audited>, Error> {
    let (from, to) = (filter.from.map_or(i64::MIN, Timestamp::micros), filter.to.map_or(i64::MAX, Timestamp::micros));
    let (actor, action) = (filter.actor.as_deref().unwrap_or(""), filter.action.as_deref().unwrap_or(""));
    let args = [filter.after.into(), from.into(), to.into(), actor.into(), action.into(), limit.into()];
    session.fetch(LIST, &args, rows::audited).await
}
