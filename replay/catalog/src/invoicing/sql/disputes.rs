//! Disputes: opened once, closed once.

use std::collections::BTreeMap;

use super::{
    documents, revisions,
    trail::{self, By},
};
use crate::{
    digest,
    error::Error,
    invoicing::{
        bounds::{self, PAGE_MAX},
        digests,
        dispute::{Dispute, DisputeFilter, NewDispute, Resolution},
        draft::{Draft, DraftState, Kind},
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
    let by = By { reason: &new.reason, ..by };
    trail::write(session, by, "open_dispute", &[named(&dispute)]).await?;
    contest(session, &new.about.to_string(), by).await?;
    Ok(number)
}

/// A dispute was opened about an account's period: an invoice of it has to be approved again.
async fn contest(session: &mut impl Session, about: &str, by: By<'_>) -> Result<(), Error> {
    let Some(draft) = revisions::last_of(session, about).await? else { return Ok(()) };
    if draft.state != DraftState::Approved || draft.facts.kind != Kind::Invoice {
        return Ok(());
    }
    let (changed_at, changed_by) = (by.at, by.actor.to_owned());
    let named = draft.revision.to_string();
    let waiting = Draft { state: DraftState::Draft, changed_at, changed_by, ..draft };
    revisions::store(session, &[waiting]).await?;
    trail::write(session, by, "disapprove", &[named]).await
}

/// The first open dispute about each account's period that has one.
pub(crate) async fn open_by_about(session: &mut impl Session) -> Result<BTreeMap<String, i64>, Error> {
    let filter = DisputeFilter { is_open: true, ..DisputeFilter::default() };
    let (mut open, mut after) = (BTreeMap::new(), 0);
    loop {
        let page = list(session, &filter, after, PAGE_MAX).await?;
        let Some(last) = page.last() else { return Ok(open) };
        after = last.number;
        for dispute in page {
            open.entry(dispute.opened.about.to_string()).or_insert(dispute.number);
        }
    }
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
