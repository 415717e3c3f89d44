//! Drafts: each is stored as the newest revision of its account's period, or stays what it is.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    documents, revisions,
    trail::{self, By},
};
use crate::{
    error::Error,
    invoicing::{
        bounds::{self, PAGE_MAX},
        document::Document,
        draft::{CANCELLED, Draft, DraftFilter, DraftOutcome, DraftRevision, DraftState, DraftStored, Kind, NewDraft},
    },
    rows,
    session::{Arg, Session},
};

/// Ids of a period begin with its name and a dot, so they lie before its name with a slash, the next character.
const LIST: &str = "
    SELECT draft_id, revision, is_newest, serial, account_period, period, zone, advertiser_id, currency, kind,
        original_series, original_number, reason, terms_version, total_minor, lines, inputs_digest, basis_digest,
        text_digest, text_bytes, state, created_at, created_by, changed_at, changed_by, row_digest
    FROM drafts
    WHERE is_newest = 1 AND draft_id > $1 AND draft_id >= $2 AND ($3 = '' OR draft_id < $3)
        AND ($4 = '' OR period = $4) AND ($5 = '' OR advertiser_id = $5) AND ($6 = '' OR currency = $6)
        AND ($7 = '' OR kind = $7) AND ($8 = '' OR state = $8)
    ORDER BY draft_id LIMIT $9";

/// What stands of one account's period.
#[derive(Debug, Default)]
struct Standing {
    /// The newest revision of the last draft.
    draft: Option<Draft>,
    /// What was issued, in order.
    documents: Vec<Document>,
}

/// See [`Invoicing::put_drafts`](crate::invoicing::Invoicing::put_drafts).
pub(crate) async fn put(
    session: &mut impl Session,
    drafts: &[NewDraft],
    by: By<'_>,
) -> Result<Vec<DraftStored>, Error> {
    bounds::at_once(drafts.len(), "drafts")?;
    let mut abouts = BTreeSet::new();
    for draft in drafts {
        bounds::draft(draft)?;
        if !abouts.insert(draft.facts.about.to_string()) {
            return Err(Error::Refused(format!("two drafts of {} at once", draft.facts.about)));
        }
    }
    let keys: Vec<&str> = abouts.iter().map(String::as_str).collect();
    let mut standing = standing(session, &keys).await?;
    let (mut stored, mut new, mut superseded) = (Vec::new(), Vec::new(), Vec::new());
    for draft in drafts {
        let there = standing.remove(&draft.facts.about.to_string()).unwrap_or_default();
        let outcome = decide(&there, draft)?;
        match outcome {
            DraftOutcome::New => {
                let made = next_revision(&there, draft, by)?;
                stored.push(DraftStored { revision: made.revision.clone(), outcome });
                superseded.extend(there.draft.filter(|last| last.serial == made.serial));
                new.push(made);
            }
            DraftOutcome::Same | DraftOutcome::Behind => {
                let none = || DraftRevision { id: draft.facts.about.draft_id(0), revision: 0 };
                stored.push(DraftStored { revision: there.draft.map_or_else(none, |last| last.revision), outcome });
            }
        }
    }
    supersede(session, superseded, by).await?;
    revisions::insert(session, &new).await?;
    let named: Vec<String> = new.iter().map(|draft| draft.revision.to_string()).collect();
    trail::write(session, by, "put_drafts", &named).await?;
    Ok(stored)
}

async fn standing(session: &mut impl Session, keys: &[&str]) -> Result<BTreeMap<String, Standing>, Error> {
    let mut standing: BTreeMap<String, Standing> = BTreeMap::new();
    for draft in revisions::of_periods(session, keys).await? {
        let there = standing.entry(draft.facts.about.to_string()).or_default();
        if there.draft.as_ref().is_none_or(|last| last.serial < draft.serial) {
            there.draft = Some(draft);
        }
    }
    for document in documents::of_many(session, keys).await? {
        standing.entry(document.facts.about.to_string()).or_default().documents.push(document);
    }
    Ok(standing)
}

/// What comes of a draft where this stands.
fn decide(there: &Standing, draft: &NewDraft) -> Result<DraftOutcome, Error> {
    let is_same = |last: &Draft| last.facts.inputs == draft.facts.inputs && last.facts.kind == draft.facts.kind;
    let last = there.draft.as_ref();
    if there.documents.len() as u64 != u64::from(draft.documents_before) {
        // An invoice that was issued as it would be drafted again is no surprise.
        let is_issued = last.is_some_and(|last| last.state == DraftState::Issued && is_same(last));
        let is_that = is_issued && draft.facts.kind == Kind::Invoice;
        return Ok(if is_that { DraftOutcome::Same } else { DraftOutcome::Behind });
    }
    check_original(there, draft)?;
    let stays = last.is_some_and(|last| match last.state {
        DraftState::Draft | DraftState::Approved => is_same(last),
        DraftState::Void => is_same(last) && !draft.revives,
        DraftState::Issued | DraftState::Superseded => false,
    });
    Ok(if stays { DraftOutcome::Same } else { DraftOutcome::New })
}

/// Whether this kind of document may follow what was issued.
fn check_original(there: &Standing, draft: &NewDraft) -> Result<(), Error> {
    let about = &draft.facts.about;
    match &draft.facts.original {
        None => {
            let cancelled =
                |last: &Document| last.facts.original.as_ref().is_some_and(|original| original.reason == CANCELLED);
            match there.documents.last() {
                Some(last) if !cancelled(last) => {
                    let number = &last.number;
                    Err(Error::Refused(format!("another invoice of {about}: {number} was not cancelled")))
                }
                Some(_) | None => Ok(()),
            }
        }
        Some(original) => {
            let is_it =
                |document: &Document| document.number == original.document && document.facts.kind == Kind::Invoice;
            if there.documents.iter().any(is_it) {
                return Ok(());
            }
            Err(Error::Refused(format!("a note about {}, which is no invoice of {about}", original.document)))
        }
    }
}

/// The draft as it is stored.
fn next_revision(there: &Standing, draft: &NewDraft, by: By<'_>) -> Result<Draft, Error> {
    let serial = draft.documents_before + 1;
    let revision = match &there.draft {
        Some(last) if last.serial == serial && last.state != DraftState::Issued => last.revision.revision + 1,
        // What was issued before ended its draft.
        Some(last) if last.serial >= serial || last.state.is_open() => {
            let (revision, state, issued) = (&last.revision, last.state, draft.documents_before);
            return Err(Error::Corrupt(format!(
                "draft {revision} as {state}, and {issued} documents: restore the catalog from its backup"
            )));
        }
        Some(_) | None => 1,
    };
    Ok(Draft {
        revision: DraftRevision { id: draft.facts.about.draft_id(draft.documents_before), revision },
        serial,
        is_newest: true,
        facts: draft.facts.clone(),
        text_digest: draft.text_digest.clone(),
        text_bytes: draft.text_bytes,
        state: DraftState::Draft,
        created_at: by.at,
        created_by: by.actor.to_owned(),
        changed_at: by.at,
        changed_by: by.actor.to_owned(),
    })
}

/// They are the newest no more. What is void stays void.
async fn supersede(session: &mut impl Session, drafts: Vec<Draft>, by: By<'_>) -> Result<(), Error> {
    let mut older = drafts;
    for draft in &mut older {
        draft.is_newest = false;
        if draft.state.is_open() {
            (draft.state, draft.changed_at, draft.changed_by) = (DraftState::Superseded, by.at, by.actor.to_owned());
        }
    }
    revisions::store(session, &older).await
}

/// See [`Invoicing::drafts`](crate::invoicing::Invoicing::drafts).
pub(crate) async fn list(
    session: &mut impl Session,
    filter: &DraftFilter,
    after: &str,
    limit: u32,
) -> Result<Vec<Draft>, Error> {
    let text = |of: &Option<String>| of.clone().unwrap_or_default();
    let (period, advertiser_id, currency) = (text(&filter.period), text(&filter.advertiser_id), text(&filter.currency));
    let (from, before) = match &filter.period {
        Some(period) => (format!("{period}."), format!("{period}/")),
        None => (String::new(), String::new()),
    };
    let args = [
        after.into(),
        Arg::from(&from),
        Arg::from(&before),
        Arg::from(&period),
        Arg::from(&advertiser_id),
        Arg::from(&currency),
        filter.kind.map_or("", Kind::as_str).into(),
        filter.state.map_or("", DraftState::as_str).into(),
        limit.min(PAGE_MAX).into(),
    ];
    session.fetch(LIST, &args, rows::invoicing::draft).await
}
