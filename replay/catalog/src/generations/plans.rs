//! Generations as a whole: read, listed, given up, forgotten.

use clicktrail_log::time::{Hour, Timestamp};

use crate::{
    audit, digest,
    error::Error,
    generations::{
        model::{Generation, GenerationState},
        outline::Outline,
    },
    pointer::GenerationId,
    rows,
    session::{Arg, Session},
    trail::AuditEntry,
};

const PUT: &str = "
    INSERT INTO generations (generation, projection, code_digest, candidate_sql, from_hour, to_hour, clicks_before,
        verdicts_before, plan, created_at, created_by, row_digest, state, changed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";

const READ: &str = "
    SELECT generation, projection, code_digest, candidate_sql, from_hour, to_hour, clicks_before, verdicts_before, plan,
        state, created_at, created_by, changed_at, row_digest
    FROM generations WHERE generation = $1";

/// Without the plan, which has a line for every hour.
const OUTLINE: &str = "SELECT generation, projection, code_digest, state FROM generations WHERE generation = $1";

const LIST: &str = "
    SELECT generation, projection, code_digest, candidate_sql, from_hour, to_hour, clicks_before, verdicts_before, plan,
        state, created_at, created_by, changed_at, row_digest
    FROM generations WHERE created_at < $1 OR (created_at = $1 AND generation < $2)
    ORDER BY created_at DESC, generation DESC LIMIT $3";

const PUT_STATE: &str = "UPDATE generations SET state = $2, changed_at = $3 WHERE generation = $1";

/// All promotions that name it, either way.
const NAMED_BY: &str = "SELECT number FROM promotions WHERE generation = $1 ORDER BY number LIMIT 1";

const DROP: [&str; 2] = ["DELETE FROM units WHERE generation = $1", "DELETE FROM generations WHERE generation = $1"];

/// Stores a generation that is not there.
pub(crate) async fn insert(
    session: &mut impl Session,
    generation: &Generation,
    state: GenerationState,
) -> Result<(), Error> {
    let values = digest::generation(generation);
    let row_digest = digest::of("generations", &values);
    let more = [Arg::from(&row_digest), state.as_str().into(), generation.changed_at.into()];
    let args: Vec<Arg<'_>> = values.into_iter().chain(more).collect();
    session.execute(PUT, &args).await?;
    Ok(())
}

/// See [`Generations::generation`](super::Generations::generation).
pub(crate) async fn read(session: &mut impl Session, id: &GenerationId) -> Result<Option<Generation>, Error> {
    Ok(session.fetch(READ, &[id.as_str().into()], rows::generations::generation).await?.pop())
}

/// One that has to be there.
pub(crate) async fn existing(session: &mut impl Session, id: &GenerationId) -> Result<Generation, Error> {
    read(session, id).await?.ok_or_else(|| missing(id))
}

/// The outline of one; `None` if it is not there.
pub(crate) async fn outline(session: &mut impl Session, id: &GenerationId) -> Result<Option<Outline>, Error> {
    Ok(session.fetch(OUTLINE, &[id.as_str().into()], rows::generations::outline).await?.pop())
}

/// The outline of one that has to be there.
pub(crate) async fn existing_outline(session: &mut impl Session, id: &GenerationId) -> Result<Outline, Error> {
    outline(session, id).await?.ok_or_else(|| missing(id))
}

fn missing(id: &GenerationId) -> Error {
    Error::Conflict(format!("there is no generation {id}"))
}

/// See [`Generations::list_generations`](super::Generations::list_generations).
pub(crate) async fn list(
    session: &mut impl Session,
    after: Option<(Timestamp, &GenerationId)>,
    limit: u32,
) -> Result<Vec<Generation>, Error> {
    // No time is as late as the last number, so an id beside it does not matter.
    let (at, id) = after.map_or((i64::MAX, ""), |(at, id)| (at.micros(), id.as_str()));
    session.fetch(LIST, &[at.into(), id.into(), limit.into()], rows::generations::generation).await
}

pub(crate) async fn put_state(
    session: &mut impl Session,
    id: &GenerationId,
    state: GenerationState,
    now: Timestamp,
) -> Result<(), Error> {
    session.execute(PUT_STATE, &[id.as_str().into(), state.as_str().into(), now.into()]).await?;
    Ok(())
}

/// See [`Generations::abort_generation`](super::Generations::abort_generation).
pub(crate) async fn abort(
    session: &mut impl Session,
    id: &GenerationId,
    (actor, reason): (&str, &str),
    now: Timestamp,
) -> Result<(), Error> {
    let generation = existing(session, id).await?;
    match generation.state {
        GenerationState::Promoted => Err(Error::Conflict(format!("generation {id} is promoted: roll it back first"))),
        GenerationState::Aborted => Ok(()),
        GenerationState::Building | GenerationState::Built | GenerationState::Failed => {
            put_state(session, id, GenerationState::Aborted, now).await?;
            let was = generation.state.as_str();
            let entry = audited((actor, "abort", reason), &generation, &format!("it was {was}"));
            audit::add(session, &entry, now).await
        }
    }
}

/// See [`Generations::drop_generation`](super::Generations::drop_generation).
pub(crate) async fn forget(
    session: &mut impl Session,
    id: &GenerationId,
    actor: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let generation = existing(session, id).await?;
    if let Some(number) = session.fetch(NAMED_BY, &[id.as_str().into()], rows::generations::number).await?.first() {
        return Err(Error::Conflict(format!("promotion {number} names generation {id}, which counted then")));
    }
    for statement in DROP {
        session.execute(statement, &[id.as_str().into()]).await?;
    }
    let was = generation.state.as_str();
    let entry = audited((actor, "drop", ""), &generation, &format!("it was {was}"));
    audit::add(session, &entry, now).await
}

/// A row of the trail: `generation 00… of counters, 2026-01-01T00 to 2026-01-01T04: result`.
pub(crate) fn audited(
    (actor, action, reason): (&str, &str, &str),
    generation: &Generation,
    result: &str,
) -> AuditEntry {
    let Generation { id, projection, from, to_inclusive, .. } = generation;
    AuditEntry {
        actor: actor.to_owned(),
        action: action.to_owned(),
        reason: reason.to_owned(),
        detail: format!("generation {id} of {projection}, {from} to {to_inclusive}: {result}"),
        ..AuditEntry::default()
    }
}

/// The first of some hours, for the text of a conflict, and how many more there are.
pub(crate) fn named(hours: &[Hour]) -> String {
    match hours {
        [] => "no hour".to_owned(),
        [one] => one.to_string(),
        [first, others @ ..] => format!("{first} and {} other hours", others.len()),
    }
}
