//! What becomes of drafts: they are approved, issued, thrown away or superseded.

use super::{
    disputes, revisions,
    trail::{self, By},
};
use crate::{
    error::Error,
    invoicing::{
        bounds,
        draft::{Draft, DraftRevision, DraftState, Kind},
    },
    session::Session,
};

/// See [`Invoicing::approve`](crate::invoicing::Invoicing::approve).
pub(crate) async fn approve(session: &mut impl Session, drafts: &[DraftRevision], by: By<'_>) -> Result<u64, Error> {
    bounds::at_once(drafts.len(), "drafts")?;
    let ids: Vec<&str> = drafts.iter().map(|revision| revision.id.as_str()).collect();
    let mut newest = revisions::newest(session, &ids).await?;
    let disputed = disputes::open_by_about(session).await?;
    let mut approved = Vec::new();
    for revision in drafts {
        let draft = current(newest.get(&revision.id), revision)?.clone();
        match draft.state {
            DraftState::Approved => {}
            DraftState::Draft => {
                let is_invoice = draft.facts.kind == Kind::Invoice;
                if let Some(number) = disputed.get(&draft.facts.about.to_string()).filter(|_| is_invoice) {
                    return Err(Error::Refused(format!("to approve {revision}: dispute {number} about it is open")));
                }
                let (changed_at, changed_by) = (by.at, by.actor.to_owned());
                let draft = Draft { state: DraftState::Approved, changed_at, changed_by, ..draft };
                newest.insert(revision.id.clone(), draft.clone());
                approved.push(draft);
            }
            DraftState::Issued | DraftState::Void | DraftState::Superseded => {
                return Err(Error::Refused(format!("to approve {revision}, which is {}", draft.word())));
            }
        }
    }
    revisions::store(session, &approved).await?;
    let named: Vec<String> = approved.iter().map(|draft| draft.revision.to_string()).collect();
    trail::write(session, by, "approve", &named).await?;
    Ok(approved.len() as u64)
}

/// See [`Invoicing::void`](crate::invoicing::Invoicing::void).
pub(crate) async fn void(session: &mut impl Session, revision: &DraftRevision, by: By<'_>) -> Result<Draft, Error> {
    bounds::words("reason", by.reason)?;
    let newest = revisions::newest(session, &[&revision.id]).await?;
    let draft = current(newest.get(&revision.id), revision)?.clone();
    match draft.state {
        DraftState::Void => return Ok(draft),
        DraftState::Draft | DraftState::Approved => {}
        DraftState::Issued | DraftState::Superseded => {
            let state = draft.state;
            return Err(Error::Refused(format!("to throw {revision} away, which is {state}: a note takes it back")));
        }
    }
    let (changed_at, changed_by) = (by.at, by.actor.to_owned());
    let void = Draft { state: DraftState::Void, changed_at, changed_by, ..draft };
    revisions::store(session, std::slice::from_ref(&void)).await?;
    trail::write(session, by, "void", &[revision.to_string()]).await?;
    Ok(void)
}

/// See [`Invoicing::outdate`](crate::invoicing::Invoicing::outdate).
pub(crate) async fn outdate(session: &mut impl Session, drafts: &[DraftRevision], by: By<'_>) -> Result<u64, Error> {
    bounds::at_once(drafts.len(), "drafts")?;
    bounds::words("reason", by.reason)?;
    let ids: Vec<&str> = drafts.iter().map(|revision| revision.id.as_str()).collect();
    let newest = revisions::newest(session, &ids).await?;
    let is_meant = |draft: &Draft| draft.state.is_open() && drafts.contains(&draft.revision);
    let (changed_at, changed_by) = (by.at, by.actor);
    let outdated: Vec<Draft> = newest
        .into_values()
        .filter(is_meant)
        .map(|draft| Draft { state: DraftState::Superseded, changed_at, changed_by: changed_by.to_owned(), ..draft })
        .collect();
    revisions::store(session, &outdated).await?;
    let named: Vec<String> = outdated.iter().map(|draft| draft.revision.to_string()).collect();
    trail::write(session, by, "outdate_drafts", &named).await?;
    Ok(outdated.len() as u64)
}

/// The newest revision, if it is the one that somebody looked at.
pub(crate) fn current<'d>(newest: Option<&'d Draft>, revision: &DraftRevision) -> Result<&'d Draft, Error> {
    let Some(draft) = newest else {
        return Err(Error::Refused(format!("{revision}: there is no such draft")));
    };
    if draft.revision != *revision {
        return Err(Error::Conflict(format!("{revision} is not the newest revision: {} is", draft.revision)));
    }
    Ok(draft)
}
