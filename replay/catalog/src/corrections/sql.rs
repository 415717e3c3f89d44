//! The operations of corrections, and their SQL.

use std::collections::BTreeMap;

use clicktrail_log::time::Timestamp;

use crate::{
    corrections::model::{Correction, CorrectionItem, CorrectionState, ITEMS_MAX, ItemKind, ItemsAdded, LogPlaces},
    error::Error,
    rows,
    session::{Arg, Session},
};

const PUT: &str = "
    INSERT INTO corrections (correction, reason, state, opened_at, opened_by, changed_at, changed_by, clicks_from,
        verdicts_from, reverts_from)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

const READ: &str = "
    SELECT correction, reason, state, opened_at, opened_by, changed_at, changed_by, clicks_from, verdicts_from,
        reverts_from
    FROM corrections WHERE correction = $1";

const LIST: &str = "
    SELECT correction, reason, state, opened_at, opened_by, changed_at, changed_by, clicks_from, verdicts_from,
        reverts_from
    FROM corrections WHERE correction > $1 ORDER BY correction LIMIT $2";

const MOVE: &str = "
    UPDATE corrections SET state = $2, changed_at = $3, changed_by = $4, clicks_from = $5, verdicts_from = $6,
        reverts_from = $7
    WHERE correction = $1";

const ADD: &str =
    "INSERT INTO correction_items (correction, kind, item_key, number, document) VALUES ($1, $2, $3, $4, $5)";

const ITEMS: &str =
    "SELECT correction, kind, item_key, document FROM correction_items WHERE correction = $1 ORDER BY number";

/// See [`Corrections::put_correction`](super::Corrections::put_correction).
pub(crate) async fn put(session: &mut impl Session, correction: &Correction) -> Result<(), Error> {
    let args = [
        Arg::from(&correction.id),
        Arg::from(&correction.reason),
        correction.state.as_str().into(),
        correction.opened_at.into(),
        Arg::from(&correction.opened_by),
        correction.changed_at.into(),
        Arg::from(&correction.changed_by),
        correction.clicks_from.into(),
        correction.verdicts_from.into(),
        correction.reverts_from.into(),
    ];
    session.execute(PUT, &args).await?;
    Ok(())
}

/// See [`Corrections::correction`](super::Corrections::correction).
pub(crate) async fn read(session: &mut impl Session, id: &str) -> Result<Option<Correction>, Error> {
    Ok(session.fetch(READ, &[id.into()], rows::corrections::correction).await?.pop())
}

/// See [`Corrections::list_corrections`](super::Corrections::list_corrections).
pub(crate) async fn list(session: &mut impl Session, after: &str, limit: u32) -> Result<Vec<Correction>, Error> {
    session.fetch(LIST, &[after.into(), limit.into()], rows::corrections::correction).await
}

/// See [`Corrections::correction_items`](super::Corrections::correction_items).
pub(crate) async fn items(session: &mut impl Session, id: &str) -> Result<Vec<CorrectionItem>, Error> {
    session.fetch(ITEMS, &[id.into()], rows::corrections::item).await
}

async fn known(session: &mut impl Session, id: &str) -> Result<Correction, Error> {
    read(session, id).await?.ok_or_else(|| Error::Conflict(format!("there is no correction {id}")))
}

/// See [`Corrections::add_correction_items`](super::Corrections::add_correction_items).
pub(crate) async fn add(session: &mut impl Session, id: &str, new: &[CorrectionItem]) -> Result<ItemsAdded, Error> {
    let correction = known(session, id).await?;
    if correction.state != CorrectionState::Open {
        return Err(Error::Conflict(format!("correction {id} is {}: it takes nothing more", correction.state)));
    }
    let there = items(session, id).await?;
    let mut number = there.len() as u64;
    let mut documents: BTreeMap<(ItemKind, String), String> =
        there.into_iter().map(|item| ((item.kind, item.key), item.document)).collect();
    let mut added = ItemsAdded::default();
    for item in new {
        match documents.get(&(item.kind, item.key.clone())) {
            Some(document) if *document == item.document => {
                added.known += 1;
                continue;
            }
            Some(_) => {
                let (kind, key) = (item.kind.as_str(), &item.key);
                return Err(Error::Conflict(format!("correction {id} has another {kind} {key}")));
            }
            None => {}
        }
        if number == ITEMS_MAX {
            return Err(Error::Conflict(format!(
                "correction {id} would have more than {ITEMS_MAX} items: open several"
            )));
        }
        number += 1;
        let args =
            [id.into(), Arg::from(item.kind.as_str()), Arg::from(&item.key), number.into(), Arg::from(&item.document)];
        session.execute(ADD, &args).await?;
        documents.insert((item.kind, item.key.clone()), item.document.clone());
        added.new += 1;
    }
    Ok(added)
}

/// See [`Corrections::move_correction`](super::Corrections::move_correction).
pub(crate) async fn advance(
    session: &mut impl Session,
    id: &str,
    (to, places): (CorrectionState, LogPlaces),
    actor: &str,
    now: Timestamp,
) -> Result<Correction, Error> {
    let mut correction = known(session, id).await?;
    if !correction.state.may_become(to) {
        return Err(Error::Conflict(format!("correction {id} is {}: it cannot become {to}", correction.state)));
    }
    match to {
        CorrectionState::Closing => {
            (correction.clicks_from, correction.verdicts_from) = (places.clicks, places.verdicts)
        }
        CorrectionState::Reverting => correction.reverts_from = places.verdicts,
        CorrectionState::Open | CorrectionState::Closed | CorrectionState::Reverted => {}
    }
    (correction.state, correction.changed_at, correction.changed_by) = (to, now, actor.to_owned());
    let args = [
        id.into(),
        Arg::from(to.as_str()),
        now.into(),
        actor.into(),
        correction.clicks_from.into(),
        correction.verdicts_from.into(),
        correction.reverts_from.into(),
    ];
    session.execute(MOVE, &args).await?;
    Ok(correction)
}
