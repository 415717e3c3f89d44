//! Promotions: the only movements of live pointers to what a generation made, and back. All of one is done or nothing.

use clicktrail_log::{
    invariant,
    time::{Hour, Timestamp},
};

use crate::{
    audit, digest,
    error::Error,
    generations::{
        mend,
        model::{Generation, GenerationState, Move, Promotion},
        plans, units,
    },
    pointer::GenerationId,
    rows,
    session::{Arg, Session},
};

/// Hours that are no longer as they were planned.
const OTHER_HOURS: &str = "
    SELECT u.hour FROM units u LEFT JOIN hours h ON h.hour = u.hour AND h.manifest_digest = u.manifest_digest
    WHERE u.generation = $1 AND h.hour IS NULL ORDER BY u.hour";

/// Hours that do not count from what they counted from when it was planned.
const MOVED_SINCE: &str = "
    SELECT u.hour FROM units u JOIN generations g ON g.generation = u.generation
        LEFT JOIN live_segments l ON l.projection = g.projection AND l.hour = u.hour
        LEFT JOIN segments s ON s.projection = l.projection AND s.hour = l.hour
            AND s.input_digest = l.input_digest AND s.code_digest = l.code_digest
    WHERE u.generation = $1 AND NOT (COALESCE(s.input_digest, '') = u.base_input_digest
        AND COALESCE(s.code_digest, '') = u.base_code_digest AND COALESCE(s.output_digest, '') = u.base_output_digest
        AND COALESCE(l.generation, '') = u.base_generation AND COALESCE(l.knows_before, 0) = u.base_knows_before)
    ORDER BY u.hour";

/// Hours whose segment is registered with other bytes under the same input and code.
const CONTRADICTED: &str = "
    SELECT u.hour FROM units u JOIN generations g ON g.generation = u.generation
        JOIN segments s ON s.projection = g.projection AND s.hour = u.hour
            AND s.input_digest = u.input_digest AND s.code_digest = g.code_digest
    WHERE u.generation = $1 AND s.output_digest <> u.output_digest ORDER BY u.hour";

const NEXT_NUMBER: &str = "SELECT COALESCE(MAX(number), 0) + 1 AS number FROM promotions";

const PUT: &str = "
    INSERT INTO promotions (number, projection, generation, moved, at, actor, reason, row_digest, hours)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)";

const COUNT_HOURS: &str = "
    UPDATE promotions SET hours = (SELECT COUNT(*) FROM promotion_hours p WHERE p.number = $1) WHERE number = $1";

/// What points at the same segment with the same knowledge stays.
const PUT_HOURS: &str = "
    INSERT INTO promotion_hours (number, projection, hour, manifest_digest, before_input_digest, before_code_digest,
        before_generation, before_knows_before, after_input_digest, after_code_digest, after_generation,
        after_knows_before)
    SELECT p.number, g.projection, u.hour, u.manifest_digest, u.base_input_digest, u.base_code_digest,
        u.base_generation, u.base_knows_before, u.input_digest, g.code_digest, g.generation, g.verdicts_before
    FROM promotions p JOIN generations g ON g.generation = p.generation JOIN units u ON u.generation = g.generation
    WHERE p.number = $1 AND NOT (u.base_input_digest = u.input_digest AND u.base_code_digest = g.code_digest
        AND u.base_knows_before = g.verdicts_before)";

const REGISTER: &str = "
    INSERT INTO segments (projection, hour, input_digest, code_digest, output_digest, segment_key, bytes, rows,
        verdicts_before, row_digest, sealed)
    SELECT g.projection, u.hour, u.input_digest, g.code_digest, u.output_digest, u.segment_key, u.segment_bytes,
        u.segment_rows, u.verdicts_before, u.segment_digest, 0
    FROM units u JOIN generations g ON g.generation = u.generation WHERE u.generation = $1
    ON CONFLICT (projection, hour, input_digest, code_digest) DO NOTHING";

const POINT: &str = "
    INSERT INTO live_segments (projection, hour, input_digest, code_digest, generation, knows_before)
    SELECT projection, hour, after_input_digest, after_code_digest, after_generation, after_knows_before
    FROM promotion_hours WHERE number = $1 AND after_input_digest <> ''
    ON CONFLICT (projection, hour) DO UPDATE SET input_digest = excluded.input_digest,
        code_digest = excluded.code_digest, generation = excluded.generation, knows_before = excluded.knows_before";

/// Hours that counted from nothing before.
const POINT_NOWHERE: &str = "
    DELETE FROM live_segments WHERE EXISTS (SELECT 1 FROM promotion_hours p WHERE p.number = $1
        AND p.projection = live_segments.projection AND p.hour = live_segments.hour AND p.after_input_digest = '')";

/// The last promotion of a generation.
const LAST: &str = "
    SELECT number, projection, generation, moved, at, actor, reason, hours, row_digest FROM promotions
    WHERE generation = $1 AND moved = 'promote' ORDER BY number DESC LIMIT 1";

/// Hours of a promotion that do not count from what it moved them to.
const MOVED_ON: &str = "
    SELECT p.hour FROM promotion_hours p
        LEFT JOIN live_segments l ON l.projection = p.projection AND l.hour = p.hour
            AND l.input_digest = p.after_input_digest AND l.code_digest = p.after_code_digest
            AND l.generation = p.after_generation AND l.knows_before = p.after_knows_before
    WHERE p.number = $1 AND l.hour IS NULL ORDER BY p.hour";

/// Hours of a promotion whose segment from before is not registered any more.
const NO_WAY_BACK: &str = "
    SELECT p.hour FROM promotion_hours p
        LEFT JOIN segments s ON s.projection = p.projection AND s.hour = p.hour
            AND s.input_digest = p.before_input_digest AND s.code_digest = p.before_code_digest
    WHERE p.number = $1 AND p.before_input_digest <> '' AND s.hour IS NULL ORDER BY p.hour";

const PUT_BACK_HOURS: &str = "
    INSERT INTO promotion_hours (number, projection, hour, manifest_digest, before_input_digest, before_code_digest,
        before_generation, before_knows_before, after_input_digest, after_code_digest, after_generation,
        after_knows_before)
    SELECT $2, projection, hour, manifest_digest, after_input_digest, after_code_digest, after_generation,
        after_knows_before, before_input_digest, before_code_digest, before_generation, before_knows_before
    FROM promotion_hours WHERE number = $1";

const POINTING: &str = "
    SELECT COUNT(*) AS number FROM promotion_hours p
        LEFT JOIN live_segments l ON l.projection = p.projection AND l.hour = p.hour
    WHERE p.number = $1 AND COALESCE(l.input_digest, '') = p.after_input_digest
        AND COALESCE(l.code_digest, '') = p.after_code_digest AND COALESCE(l.generation, '') = p.after_generation
        AND COALESCE(l.knows_before, 0) = p.after_knows_before";

const READ: &str = "
    SELECT number, projection, generation, moved, at, actor, reason, hours, row_digest FROM promotions
    WHERE number = $1";

const LIST: &str = "
    SELECT number, projection, generation, moved, at, actor, reason, hours, row_digest FROM promotions
    WHERE number > $1 ORDER BY number LIMIT $2";

/// See [`Generations::promotions`](super::Generations::promotions).
pub(crate) async fn list(session: &mut impl Session, after: i64, limit: u32) -> Result<Vec<Promotion>, Error> {
    session.fetch(LIST, &[after.into(), limit.into()], rows::generations::promotion).await
}

/// See [`Generations::promote`](super::Generations::promote).
pub(crate) async fn promote(
    session: &mut impl Session,
    id: &GenerationId,
    by: (&str, &str),
    now: Timestamp,
) -> Result<Promotion, Error> {
    let generation = plans::existing(session, id).await?;
    if generation.state != GenerationState::Built {
        let state = generation.state.as_str();
        return Err(Error::Conflict(format!("generation {id} is {state}, and only one that is built can be promoted")));
    }
    if let Some(before) = generation.clicks_before {
        return Err(Error::Conflict(format!(
            "generation {id} counts the clicks before {before} alone, not all of them"
        )));
    }
    // What was changed since it was planned or made is refused by its digest.
    units::list(session, id, Hour::from_i64(i64::MIN / 2), u32::MAX).await?;
    refuse(session, OTHER_HOURS, id.as_str().into(), |hours| {
        format!("{hours} of generation {id} has another manifest now, or none")
    })
    .await?;
    refuse(session, MOVED_SINCE, id.as_str().into(), |hours| {
        format!("{hours} does not count from what it counted from when generation {id} was planned: plan again")
    })
    .await?;
    refuse(session, CONTRADICTED, id.as_str().into(), |hours| {
        format!("{hours} is registered with other bytes of the same input and code than generation {id} made (I6)")
    })
    .await?;
    let number = begin(session, &generation, Move::Promote, by, now).await?;
    session.execute(PUT_HOURS, &[number.into()]).await?;
    session.execute(REGISTER, &[id.as_str().into()]).await?;
    finish(session, &generation, number, by, now).await
}

/// See [`Generations::roll_back`](super::Generations::roll_back).
pub(crate) async fn roll_back(
    session: &mut impl Session,
    id: &GenerationId,
    by: (&str, &str),
    now: Timestamp,
) -> Result<Promotion, Error> {
    let generation = plans::existing(session, id).await?;
    if generation.state != GenerationState::Promoted {
        let state = generation.state.as_str();
        return Err(Error::Conflict(format!("generation {id} is {state}, not promoted")));
    }
    let last = last(session, id).await?;
    if let Some(reason) = mend::contradiction(session, last.number).await? {
        return Err(Error::Damaged(reason));
    }
    refuse(session, MOVED_ON, last.number.into(), |hours| {
        format!("{hours} was promoted again since, or sealed again: it does not count from generation {id} any more")
    })
    .await?;
    refuse(session, NO_WAY_BACK, last.number.into(), |hours| {
        format!("the segment that {hours} counted from before generation {id} is not registered any more")
    })
    .await?;
    let number = begin(session, &generation, Move::Rollback, by, now).await?;
    put_back_hours(session, id, number).await?;
    finish(session, &generation, number, by, now).await
}

/// A conflict if a query finds hours.
async fn refuse(
    session: &mut impl Session,
    query: &'static str,
    of: Arg<'_>,
    why: impl Fn(String) -> String,
) -> Result<(), Error> {
    let found = session.fetch(query, &[of], rows::generations::hour).await?;
    if found.is_empty() { Ok(()) } else { Err(Error::Conflict(why(plans::named(&found)))) }
}

/// The last promotion of a generation, which has one.
async fn last(session: &mut impl Session, id: &GenerationId) -> Result<Promotion, Error> {
    let found = session.fetch(LAST, &[id.as_str().into()], rows::generations::promotion).await?.pop();
    found.ok_or_else(|| Error::Corrupt(format!("no promotion of generation {id}, which was promoted")))
}

/// Puts the hours of a rollback: those of the generation's last promotion, the other way.
pub(crate) async fn put_back_hours(session: &mut impl Session, id: &GenerationId, number: i64) -> Result<(), Error> {
    let last = last(session, id).await?;
    session.execute(PUT_BACK_HOURS, &[last.number.into(), number.into()]).await?;
    Ok(())
}

/// Writes into a promotion how many hours it has.
pub(crate) async fn count_hours(session: &mut impl Session, number: i64) -> Result<(), Error> {
    session.execute(COUNT_HOURS, &[number.into()]).await?;
    Ok(())
}

/// The number of the next promotion.
pub(crate) async fn next_number(session: &mut impl Session) -> Result<i64, Error> {
    let number = session.fetch(NEXT_NUMBER, &[], rows::generations::number).await?;
    Ok(number.first().copied().expect("a maximum has one row"))
}

/// One promotion.
pub(crate) async fn read(session: &mut impl Session, number: i64) -> Result<Option<Promotion>, Error> {
    Ok(session.fetch(READ, &[number.into()], rows::generations::promotion).await?.pop())
}

/// Puts a promotion that has no hours yet.
pub(crate) async fn put(session: &mut impl Session, number: i64, promotion: &Promotion) -> Result<(), Error> {
    digest::put_row(session, PUT, "promotions", &digest::promotion(number, promotion)).await
}

/// Begins a promotion, whose hours come next; returns its number.
async fn begin(
    session: &mut impl Session,
    generation: &Generation,
    moved: Move,
    (actor, reason): (&str, &str),
    now: Timestamp,
) -> Result<i64, Error> {
    let promotion = Promotion {
        number: next_number(session).await?,
        projection: generation.projection.clone(),
        generation: generation.id.clone(),
        moved,
        at: now,
        actor: actor.to_owned(),
        reason: reason.to_owned(),
        hours: 0,
    };
    put(session, promotion.number, &promotion).await?;
    Ok(promotion.number)
}

/// Moves the pointers as the promotion says, and the generation with them.
async fn finish(
    session: &mut impl Session,
    generation: &Generation,
    number: i64,
    (actor, reason): (&str, &str),
    now: Timestamp,
) -> Result<Promotion, Error> {
    count_hours(session, number).await?;
    session.execute(POINT, &[number.into()]).await?;
    session.execute(POINT_NOWHERE, &[number.into()]).await?;
    let promotion = read(session, number).await?.expect("what was inserted is there");
    let pointing = session.fetch(POINTING, &[number.into()], rows::generations::number).await?;
    let pointing = pointing.first().copied().expect("a count has one row");
    let all = u64::try_from(pointing) == Ok(promotion.hours);
    invariant!(I9, all, "{pointing} of {} live pointers are where promotion {number} moves them", promotion.hours);
    let (state, action) = match promotion.moved {
        Move::Promote => (GenerationState::Promoted, "promote"),
        Move::Rollback => (GenerationState::Built, "rollback"),
    };
    plans::put_state(session, &generation.id, state, now).await?;
    let result = format!("promotion {number}, {} live pointers moved", promotion.hours);
    audit::add(session, &plans::audited((actor, action, reason), generation, &result), now).await?;
    Ok(promotion)
}
