//! Documents come back into a catalog that was lost, from the archive's records.

use super::{
    documents, issue, revisions,
    trail::{self, By},
};
use crate::{
    error::Error,
    invoicing::{
        bounds,
        document::{Document, DocumentRecord},
        draft::{Draft, DraftState},
    },
    session::Session,
};

/// See [`Invoicing::restore_documents`](crate::invoicing::Invoicing::restore_documents).
pub(crate) async fn restore(session: &mut impl Session, records: &[DocumentRecord], by: By<'_>) -> Result<u64, Error> {
    bounds::at_once(records.len(), "documents")?;
    let mut restored = Vec::new();
    for record in records {
        bounds::record(record)?;
        let number = &record.document.number;
        if let Some(standing) = documents::record(session, number).await? {
            check_same(&standing, record)?;
            continue;
        }
        let last = issue::last_number(session, &number.series).await?;
        if last + 1 != number.number {
            return Err(Error::Refused(format!(
                "to restore {number}, because the one before is missing: restore it first"
            )));
        }
        let mut artefacts = record.artefacts.clone();
        artefacts.sort();
        let made = DocumentRecord { document: record.document.clone(), artefacts };
        documents::insert(session, std::slice::from_ref(&made)).await?;
        end_draft(session, &made.document, by).await?;
        restored.push(number.to_string());
    }
    trail::write(session, by, "restore_documents", &restored).await?;
    Ok(restored.len() as u64)
}

/// Where the log's entry stands may be known to one of them alone.
fn check_same(standing: &DocumentRecord, record: &DocumentRecord) -> Result<(), Error> {
    let mut artefacts = record.artefacts.clone();
    artefacts.sort();
    let document = Document { logged: standing.document.logged, ..record.document.clone() };
    if standing.document == document && standing.artefacts == artefacts {
        return Ok(());
    }
    Err(Error::Refused(format!("to restore {}, because another document has that number", document.number)))
}

/// The draft that was still open for it.
async fn end_draft(session: &mut impl Session, document: &Document, by: By<'_>) -> Result<(), Error> {
    let Some(draft) = revisions::last_of(session, &document.facts.about.to_string()).await? else { return Ok(()) };
    if !draft.state.is_open() {
        return Ok(());
    }
    let state = if draft.revision == document.draft { DraftState::Issued } else { DraftState::Void };
    let ended = Draft { state, changed_at: by.at, changed_by: by.actor.to_owned(), ..draft };
    revisions::store(session, &[ended]).await
}
