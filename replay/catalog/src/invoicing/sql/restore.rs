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
        draft::{Draft, DraftState, REVISION_UNKNOWN},
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
        end_drafts(session, &made.document, by).await?;
        restored.push(number.to_string());
    }
    trail::write(session, by, "restore_documents", &restored).await?;
    Ok(restored.len() as u64)
}

/// Where the log's entry stands may be known to one of them alone. One that was put together from its log entry does
/// not know all that the other says: their digest pins it.
fn check_same(standing: &DocumentRecord, record: &DocumentRecord) -> Result<(), Error> {
    let mut artefacts = record.artefacts.clone();
    artefacts.sort();
    let document = Document { logged: standing.document.logged, ..record.document.clone() };
    let is_of_log = |document: &Document| document.draft.revision == REVISION_UNKNOWN;
    let is_same = match is_of_log(&standing.document) || is_of_log(&document) {
        true => standing.document.digest == document.digest,
        false => standing.document == document && standing.artefacts == artefacts,
    };
    if is_same {
        return Ok(());
    }
    Err(Error::Refused(format!("to restore {}, because another document has that number", document.number)))
}

/// What becomes of the drafts of its account's period, whatever came back before it: its own is issued, and one that is
/// open was computed before it was.
async fn end_drafts(session: &mut impl Session, document: &Document, by: By<'_>) -> Result<(), Error> {
    let mut ended = Vec::new();
    for draft in revisions::of_periods(session, &[&document.facts.about.to_string()]).await? {
        let state = match (draft.revision == document.draft, draft.state) {
            (_, DraftState::Issued) => continue,
            (true, _) => DraftState::Issued,
            (false, state) if state.is_open() && draft.serial <= document.serial => DraftState::Void,
            (false, DraftState::Draft | DraftState::Approved | DraftState::Void | DraftState::Superseded) => continue,
        };
        ended.push(Draft { state, changed_at: by.at, changed_by: by.actor.to_owned(), ..draft });
    }
    revisions::store(session, &ended).await
}
