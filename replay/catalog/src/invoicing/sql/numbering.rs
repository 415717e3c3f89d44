//! Which documents may be issued, decided from what stands: the numbers of a series follow each other, and nothing is
//! issued twice.

use std::collections::BTreeMap;

use clicktrail_log::time::Timestamp;

use super::states;
use crate::{
    error::Error,
    invoicing::{
        document::{Document, DocumentRecord, NewDocument},
        draft::{Draft, DraftState},
        number::DocumentNumber,
    },
};

/// What stands before documents are issued.
#[derive(Debug)]
pub(crate) struct Books {
    /// The newest revision of each draft, by id.
    pub(crate) drafts: BTreeMap<String, Draft>,
    /// What was issued of each account's period.
    pub(crate) documents: BTreeMap<String, Vec<Document>>,
    /// The last number of each series.
    pub(crate) last: BTreeMap<String, u32>,
}

/// What is to be done with one document.
#[derive(Debug)]
pub(crate) enum Step {
    /// It is issued, and its draft with it.
    Issue(Box<DocumentRecord>, Box<Draft>),
    /// It was issued under this number before; whether with the same artefacts is still to be seen.
    Stands(Box<Document>),
}

impl Books {
    /// What is to be done with a document, which counts for the next one.
    pub(crate) fn enter(&mut self, new: &NewDocument, actor: &str, now: Timestamp) -> Result<Step, Error> {
        let draft = states::current(self.drafts.get(&new.draft.id), &new.draft)?.clone();
        let before = self.documents.entry(draft.facts.about.to_string()).or_default();
        match draft.state {
            DraftState::Approved => {}
            DraftState::Issued => return stands(before, new).map(|document| Step::Stands(Box::new(document))),
            DraftState::Draft | DraftState::Void | DraftState::Superseded => {
                let (revision, state) = (&draft.revision, draft.state);
                return Err(Error::Refused(format!("to issue {revision}, which is {state} and not approved")));
            }
        }
        let (issued, computed_after) = (before.len() as u64, u64::from(draft.serial) - 1);
        if issued != computed_after {
            let (revision, about) = (&draft.revision, &draft.facts.about);
            return Err(Error::Conflict(format!(
                "{revision} was computed after {computed_after} documents of {about}, and there are {issued}: draft it \
                 again"
            )));
        }
        let last = self.last.entry(new.number.series.clone()).or_default();
        let next = DocumentNumber { series: new.number.series.clone(), number: *last + 1 };
        if new.number != next {
            return Err(Error::Conflict(format!("the next number is {next}, not {}", new.number)));
        }
        *last = next.number;
        let document = Document {
            number: next,
            draft: draft.revision.clone(),
            serial: draft.serial,
            facts: draft.facts.clone(),
            issued_on: new.issued_on.clone(),
            due_on: new.due_on.clone(),
            digest: new.digest.clone(),
            issued_at: now,
            issued_by: actor.to_owned(),
            logged: None,
        };
        before.push(document.clone());
        let (changed_at, changed_by) = (now, actor.to_owned());
        let issued = Draft { state: DraftState::Issued, changed_at, changed_by, ..draft };
        self.drafts.insert(issued.revision.id.clone(), issued.clone());
        let mut artefacts = new.artefacts.clone();
        artefacts.sort();
        Ok(Step::Issue(Box::new(DocumentRecord { document, artefacts }), Box::new(issued)))
    }
}

/// The document that a draft became, if it is this one.
fn stands(documents: &[Document], new: &NewDocument) -> Result<Document, Error> {
    let Some(document) = documents.iter().find(|document| document.draft == new.draft) else {
        return Err(Error::Corrupt(format!(
            "{} as issued, and no document of it: restore the catalog from its backup",
            new.draft
        )));
    };
    let is_same = document.number == new.number
        && document.digest == new.digest
        && (&document.issued_on, &document.due_on) == (&new.issued_on, &new.due_on);
    if is_same {
        return Ok(document.clone());
    }
    Err(Error::Refused(format!("to issue {} again: it is {}", new.draft, document.number)))
}
