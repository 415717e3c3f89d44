//! Issuing: numbers, documents, artefacts and the end of drafts, in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use clicktrail_log::{invariant, time::Timestamp};

use super::{
    documents,
    numbering::{Books, Step},
    revisions,
    trail::{self, By},
};
use crate::{
    error::Error,
    invoicing::{
        bounds,
        document::{Document, NewDocument},
        number::DocumentNumber,
    },
    rows,
    session::Session,
};

const LAST_NUMBER: &str = "SELECT number FROM documents WHERE series = $1 ORDER BY number DESC LIMIT 1";

/// See [`Invoicing::next_number`](crate::invoicing::Invoicing::next_number).
pub(crate) async fn next_number(session: &mut impl Session, series: &str) -> Result<DocumentNumber, Error> {
    let number = last_number(session, series).await? + 1;
    Ok(DocumentNumber { series: series.to_owned(), number })
}

/// 0 if nothing was issued in the series.
pub(crate) async fn last_number(session: &mut impl Session, series: &str) -> Result<u32, Error> {
    let last = session.fetch(LAST_NUMBER, &[series.into()], rows::invoicing::number).await?;
    Ok(last.first().copied().unwrap_or(0))
}

/// See [`Invoicing::issue`](crate::invoicing::Invoicing::issue).
pub(crate) async fn issue(
    session: &mut impl Session,
    new: &[NewDocument],
    actor: &str,
    now: Timestamp,
) -> Result<Vec<Document>, Error> {
    bounds::at_once(new.len(), "documents")?;
    for document in new {
        bounds::document(document)?;
    }
    let mut books = books(session, new).await?;
    let (mut issued, mut records, mut ended) = (Vec::new(), Vec::new(), Vec::new());
    for document in new {
        match books.enter(document, actor, now)? {
            Step::Issue(record, draft) => {
                issued.push(record.document.clone());
                records.push(*record);
                ended.push(*draft);
            }
            Step::Stands(standing) => {
                check_artefacts(session, document).await?;
                issued.push(*standing);
            }
        }
    }
    documents::insert(session, &records).await?;
    revisions::store(session, &ended).await?;
    for (series, expected) in &books.last {
        let last = last_number(session, series).await?;
        invariant!(I10, last == *expected, "the last number of series {series} is {last}, not {expected}");
    }
    let named: Vec<String> =
        records.iter().map(|record| format!("{} of {}", record.document.number, record.document.draft)).collect();
    trail::write(session, By { actor, reason: "", at: now }, "issue", &named).await?;
    Ok(issued)
}

async fn books(session: &mut impl Session, new: &[NewDocument]) -> Result<Books, Error> {
    let ids: Vec<&str> = new.iter().map(|document| document.draft.id.as_str()).collect();
    let drafts = revisions::newest(session, &ids).await?;
    let keys: Vec<String> = drafts.values().map(|draft| draft.facts.about.to_string()).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let documents = documents::by_account_period(session, &keys).await?;
    let mut last = BTreeMap::new();
    for series in new.iter().map(|document| &document.number.series).collect::<BTreeSet<_>>() {
        last.insert(series.clone(), last_number(session, series).await?);
    }
    Ok(Books { drafts, documents, last })
}

/// What was made of a document that is issued again has to be what was made of it then.
async fn check_artefacts(session: &mut impl Session, new: &NewDocument) -> Result<(), Error> {
    let mut artefacts = new.artefacts.clone();
    artefacts.sort();
    if documents::artefacts(session, &new.number).await? == artefacts {
        return Ok(());
    }
    Err(Error::Refused(format!("to issue {} again with other artefacts", new.number)))
}
