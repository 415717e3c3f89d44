//! Disputes: opened once, closed once.

use super::{
    documents,
    trail::{self, By},
};
use crate::{
    digest,
    error::Error,
    invoicing::{
        bounds::{self, PAGE_MAX},
        digests,
        dispute::{Dispute, DisputeFilter, NewDispute, Resolution},
    },
    rows,
    session::{Arg, Session},
};

const PUT: &str = "
    INSERT INTO disputes (dispute, account_period, period, advertiser_id, currency, document_series, document_number,
        reason, state, opened_at, opened_by, closed_at, closed_by, resolution, row_digest)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";

const LAST: &str = "SELECT COALESCE(MAX(dispute), 0) AS number FROM disputes";

const READ: &str = "
    SELECT dispute, account_period, period, advertiser_id, currency, document_series, document_number, reason, state,
        opened_at, opened_by, closed_at, closed_by, resolution, row_digest
    FROM disputes WHERE dispute = $1";

const LIST: &str = "
    SELECT dispute, account_period, period, advertiser_id, currency, document_series, document_number, reason, state,
        opened_at, opened_by, closed_at, closed_by, resolution, row_digest
    FROM disputes
    WHERE dispute > $1 AND ($2 = '' OR period = $2) AND ($3 = '' OR advertiser_id = $3) AND ($4 = '' OR state = $4)
    ORDER BY dispute LIMIT $5";

const CLOSE: &str = "
    UPDATE disputes SET state = 'closed', closed_at = $2, closed_by = $3, resolution = $4, row_digest = $5
    WHERE dispute = $1";

/// See [`Invoicing::open_dispute`](crate::invoicing::Invoicing::open_dispute).
pub(crate) async fn open(session: &mut impl Session, new: &NewDispute, by: By<'_>) -> Result<i64, Error> {
    bounds::about(&new.about)?;
    bounds::words("reason", &new.reason)?;
    if let Some(number) = &new.document {
        bounds::number(number)?;
        let found = documents::read(session, number).await?;
        if found.is_none_or(|document| document.facts.about != new.about) {
            return Err(Error::Refused(format!("a dispute about {number}, which is no document of {}", new.about)));
        }
    }
    let last = session.fetch(LAST, &[], rows::invoicing::counted).await?;
    let number = last.first().copied().expect("a maximum has one row") + 1;
    let opened_by = by.actor.to_owned();
    let dispute = Dispute { number, opened: new.clone(), opened_at: by.at, opened_by, closed: None };
    digest::put_row(session, PUT, "disputes", &digests::dispute(&dispute, &new.about.to_string())).await?;
    trail::write(session, By { reason: &new.reason, ..by }, "open_dispute", &[named(&dispute)]).await?;
    Ok(number)
}

/// See [`Invoicing::close_dispute`](crate::invoicing::Invoicing::close_dispute).
pub(crate) async fn close(session: &mut impl Session, number: i64, by: By<'_>) -> Result<Dispute, Error> {
    bounds::words("resolution", by.reason)?;
    let Some(mut dispute) = session.fetch(READ, &[number.into()], rows::invoicing::dispute).await?.pop() else {
        return Err(Error::Refused(format!("to close dispute {number}: there is none")));
    };
    if let Some(closed) = &dispute.closed {
        return Err(Error::Refused(format!("to close dispute {number}, which {} closed", closed.by)));
    }
    dispute.closed = Some(Resolution { text: by.reason.to_owned(), at: by.at, by: by.actor.to_owned() });
    let sum = digest::of("disputes", &digests::dispute(&dispute, &dispute.opened.about.to_string()));
    let args = [number.into(), by.at.into(), by.actor.into(), by.reason.into(), Arg::from(&sum)];
    session.execute(CLOSE, &args).await?;
    trail::write(session, by, "close_dispute", &[named(&dispute)]).await?;
    Ok(dispute)
}

/// `4 about 2026-03.acme.EUR, INV 12`.
fn named(dispute: &Dispute) -> String {
    let document = dispute.opened.document.as_ref().map_or(String::new(), |number| format!(", {number}"));
    format!("{} about {}{document}", dispute.number, dispute.opened.about)
}

/// See [`Invoicing::disputes`](crate::invoicing::Invoicing::disputes).
pub(crate) async fn list(
    session: &mut impl Session,
    filter: &DisputeFilter,
    after: i64,
    limit: u32,
) -> Result<Vec<Dispute>, Error> {
    let args = [
        after.into(),
        filter.period.as_deref().unwrap_or("").into(),
        filter.advertiser_id.as_deref().unwrap_or("").into(),
        if filter.is_open { "open" } else { "" }.into(),
        limit.min(PAGE_MAX).into(),
    ];
    session.fetch(LIST, &args, rows::invoicing::dispute).await
}
