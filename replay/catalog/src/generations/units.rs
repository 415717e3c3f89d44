//! Units: taken, kept, done, failed, released. Whoever writes here holds the lock on units, so a generation's state and
//! that of its units change together.

use std::sync::LazyLock;

use clicktrail_log::{
    invariant,
    time::{Hour, Timestamp},
};

use crate::{
    digest,
    error::Error,
    generations::{
        model::{ControlTotals, GenerationState, NewUnit, Rerun, Stored, Unit, UnitOutput, UnitState},
        outline::Outline,
        plans,
    },
    many::Many,
    model::Segment,
    pointer::GenerationId,
    rows,
    session::{Arg, Session},
};

macro_rules! columns {
    () => {
        "u.generation, u.hour, u.manifest_digest, u.rows, u.bytes, u.base_input_digest, u.base_code_digest,
        u.base_output_digest, u.base_generation, u.base_knows_before, u.state, u.attempt, u.worker, u.leased_until,
        u.begun_at, u.ended_at, u.error, u.input_digest, u.output_digest, u.segment_key, u.segment_bytes,
        u.segment_rows, u.verdicts_before, u.read_events, u.read_billable, u.read_micros, u.written_events,
        u.written_billable, u.written_micros, u.reused, u.plan_digest, u.segment_digest, g.projection, g.code_digest
        FROM units u JOIN generations g ON g.generation = u.generation"
    };
}

static PUT: LazyLock<Many> = LazyLock::new(|| {
    Many::rows(
        "INSERT INTO units (generation, hour, manifest_digest, rows, bytes, base_input_digest, base_code_digest,
            base_output_digest, base_generation, base_knows_before, plan_digest, state, attempt, attempts_before,
            worker, leased_until, begun_at, ended_at, error, input_digest, output_digest, segment_key, segment_bytes,
            segment_rows, verdicts_before, read_events, read_billable, read_micros, written_events, written_billable,
            written_micros, reused)
         VALUES",
        "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', 0, 0, '', 0, 0, 0, '', '', '', '', 0, 0, 0, 0, 0, '0', 0, 0, '0',
            0)",
        "",
    )
});

const READ: &str = concat!("SELECT ", columns!(), " WHERE u.generation = $1 AND u.hour = $2");

const LIST: &str = concat!("SELECT ", columns!(), " WHERE u.generation = $1 AND u.hour >= $2 ORDER BY u.hour LIMIT $3");

/// The condition on the state is that of the index.
const NEXT: &str = "
    SELECT hour FROM units
    WHERE generation = $1 AND state IN ('waiting', 'leased') AND (state = 'waiting' OR leased_until < $2)
    ORDER BY rows DESC, hour LIMIT 1";

const OPEN: &str = "SELECT hour FROM units WHERE generation = $1 AND state IN ('waiting', 'leased') LIMIT $2";

const CLAIM: &str = "
    UPDATE units SET state = 'leased', attempt = attempt + 1, worker = $3, begun_at = $4, leased_until = $5
    WHERE generation = $1 AND hour = $2";

const EXTEND: &str = "
    UPDATE units SET leased_until = $4
    WHERE generation = $1 AND hour = $2 AND attempt = $3 AND state = 'leased'
        AND EXISTS (SELECT 1 FROM generations g WHERE g.generation = $1 AND g.state = 'building')";

const MADE: &str = "SELECT input_digest, output_digest FROM units WHERE generation = $1 AND hour = $2";

/// Other bytes that were made of the same input by the same code, in any generation, or that count already.
const CONTRADICTING: &str = "
    SELECT u.input_digest, u.output_digest FROM units u JOIN generations g ON g.generation = u.generation
    WHERE u.hour = $2 AND u.input_digest = $3 AND g.projection = $1 AND g.code_digest = $4
        AND u.output_digest <> $5 AND u.output_digest <> ''
    UNION ALL
    SELECT input_digest, output_digest FROM segments
    WHERE projection = $1 AND hour = $2 AND input_digest = $3 AND code_digest = $4 AND output_digest <> $5
    LIMIT 1";

const FINISH: &str = "
    UPDATE units SET state = 'done', ended_at = $3, error = '', input_digest = $4, output_digest = $5,
        segment_key = $6, segment_bytes = $7, segment_rows = $8, verdicts_before = $9, read_events = $10,
        read_billable = $11, read_micros = $12, written_events = $13, written_billable = $14, written_micros = $15,
        reused = $16, segment_digest = $17
    WHERE generation = $1 AND hour = $2";

const FAIL: &str = "
    UPDATE units SET state = CASE WHEN attempt - attempts_before >= $5 THEN 'failed' ELSE 'waiting' END,
        error = $4, ended_at = $6
    WHERE generation = $1 AND hour = $2 AND attempt = $3 AND state = 'leased'";

const LEFT: &str = "
    SELECT COUNT(CASE WHEN state IN ('waiting', 'leased') THEN 1 END) AS open,
        COUNT(CASE WHEN state = 'failed' THEN 1 END) AS failed
    FROM units WHERE generation = $1";

/// The second argument is 1 if failed units are released too, 2 if those that are done are.
const RELEASE: &str = "
    UPDATE units SET state = 'waiting', attempts_before = attempt
    WHERE generation = $1 AND ((state = 'leased' AND leased_until < $3) OR (state = 'failed' AND $2 >= 1)
        OR (state = 'done' AND $2 >= 2))";

/// Stores units as they were planned, all waiting.
pub(crate) async fn insert(session: &mut impl Session, id: &GenerationId, units: &[NewUnit]) -> Result<(), Error> {
    let digests: Vec<String> = units.iter().map(|unit| digest::of("units", &digest::unit(id, unit))).collect();
    let row = |(unit, digest)| digest::unit(id, unit).into_iter().chain([Arg::from(digest)]).collect();
    let rows: Vec<Vec<Arg<'_>>> = units.iter().zip(&digests).map(row).collect();
    PUT.execute(session, &rows).await?;
    Ok(())
}

/// See [`Generations::units`](super::Generations::units).
pub(crate) async fn list(
    session: &mut impl Session,
    id: &GenerationId,
    from: Hour,
    limit: u32,
) -> Result<Vec<Unit>, Error> {
    session.fetch(LIST, &[id.as_str().into(), from.into(), limit.into()], rows::generations::unit).await
}

/// What every unit of a generation made, at whatever time, by hour.
pub(crate) async fn kept_outputs(session: &mut impl Session, id: &GenerationId) -> Result<Vec<UnitOutput>, Error> {
    let all = [id.as_str().into(), Hour::from_i64(i64::MIN / 2).into(), u32::MAX.into()];
    session.fetch(LIST, &all, rows::generations::kept_output).await
}

/// Stores a unit as it was when its generation was promoted.
pub(crate) async fn restore(
    session: &mut impl Session,
    id: &GenerationId,
    unit: &NewUnit,
    output: &UnitOutput,
    at: Timestamp,
) -> Result<(), Error> {
    let key = [id.as_str().into(), unit.hour.into()];
    if session.fetch(READ, &key, rows::generations::unit).await?.is_empty() {
        insert(session, id, std::slice::from_ref(unit)).await?;
    }
    store(session, key, output, at).await
}

/// The unit that is taken next.
pub(crate) async fn next(session: &mut impl Session, id: &GenerationId, now: Timestamp) -> Result<Option<Hour>, Error> {
    if !is_building(session, id).await? {
        return Ok(None);
    }
    Ok(session.fetch(NEXT, &[id.as_str().into(), now.into()], rows::generations::hour).await?.pop())
}

async fn is_building(session: &mut impl Session, id: &GenerationId) -> Result<bool, Error> {
    let generation = plans::outline(session, id).await?;
    Ok(generation.is_some_and(|generation| generation.state == GenerationState::Building))
}

/// See [`Generations::open_units`](super::Generations::open_units).
pub(crate) async fn open(session: &mut impl Session, id: &GenerationId, limit: u32) -> Result<Vec<Hour>, Error> {
    if !is_building(session, id).await? {
        return Ok(Vec::new());
    }
    session.fetch(OPEN, &[id.as_str().into(), limit.into()], rows::generations::hour).await
}

/// See [`Generations::claim_unit`](super::Generations::claim_unit).
pub(crate) async fn claim(
    session: &mut impl Session,
    id: &GenerationId,
    worker: &str,
    (now, until): (Timestamp, Timestamp),
) -> Result<Option<Unit>, Error> {
    let Some(hour) = next(session, id, now).await? else { return Ok(None) };
    let args = [id.as_str().into(), hour.into(), worker.into(), now.into(), until.into()];
    session.execute(CLAIM, &args).await?;
    Ok(session.fetch(READ, &args[..2], rows::generations::unit).await?.pop())
}

/// See [`Generations::extend_lease`](super::Generations::extend_lease).
pub(crate) async fn extend(
    session: &mut impl Session,
    id: &GenerationId,
    hour: Hour,
    attempt: u32,
    until: Timestamp,
) -> Result<bool, Error> {
    let args = [id.as_str().into(), hour.into(), attempt.into(), until.into()];
    Ok(session.execute(EXTEND, &args).await? == 1)
}

/// See [`Generations::finish_unit`](super::Generations::finish_unit).
pub(crate) async fn finish(
    session: &mut impl Session,
    id: &GenerationId,
    hour: Hour,
    output: &UnitOutput,
    now: Timestamp,
) -> Result<Stored, Error> {
    let generation = plans::existing_outline(session, id).await?;
    check_output(&generation, hour, output);
    if generation.state == GenerationState::Aborted {
        return Err(Error::Conflict(format!("generation {id} was aborted")));
    }
    let key = [id.as_str().into(), hour.into()];
    let Some(unit) = session.fetch(READ, &key, rows::generations::unit).await?.pop() else {
        return Err(Error::Conflict(format!("generation {id} has no unit of {hour}")));
    };
    let segment = &output.segment;
    let (input, bytes) = (&segment.input_digest, &segment.output_digest);
    for (before, made) in session.fetch(MADE, &key, rows::generations::made).await? {
        let is_same = before == *input && made == *bytes;
        if !made.is_empty() && !is_same {
            return Err(Error::Conflict(format!(
                "the unit of {hour} of generation {id} has made {made} of input {before}, and now {bytes} of {input}: \
                 the same plan must give the same bytes (I6)"
            )));
        }
    }
    if unit.state == UnitState::Done {
        return Ok(Stored::Same);
    }
    if let Some(other) = contradicting(session, segment).await? {
        return Err(Error::Conflict(format!(
            "input {input} of {hour} gave {other} before, and gives {bytes} in generation {id}: the same input and \
             code must give the same bytes (I6)"
        )));
    }
    store(session, key, output, now).await?;
    settle(session, &generation, now).await?;
    Ok(Stored::New)
}

/// Other bytes that the input and code of a segment gave before, by their digest.
pub(crate) async fn contradicting(session: &mut impl Session, segment: &Segment) -> Result<Option<String>, Error> {
    let args = [
        Arg::from(&segment.projection),
        segment.hour.into(),
        Arg::from(&segment.input_digest),
        Arg::from(&segment.code_digest),
        Arg::from(&segment.output_digest),
    ];
    let found = session.fetch(CONTRADICTING, &args, rows::generations::made).await?.pop();
    Ok(found.map(|(_, other)| other))
}

async fn store(
    session: &mut impl Session,
    key: [Arg<'_>; 2],
    output: &UnitOutput,
    now: Timestamp,
) -> Result<(), Error> {
    let UnitOutput { segment, read, written, is_reused } = output;
    let segment_digest = digest::of("segments", &digest::segment(segment));
    let (read_micros, written_micros) = (read.micros.to_string(), written.micros.to_string());
    let args = [
        key[0],
        key[1],
        now.into(),
        Arg::from(&segment.input_digest),
        Arg::from(&segment.output_digest),
        Arg::from(&segment.key),
        segment.bytes.into(),
        segment.rows.into(),
        segment.verdicts_before.into(),
        read.events.into(),
        read.billable.into(),
        Arg::from(&read_micros),
        written.events.into(),
        written.billable.into(),
        Arg::from(&written_micros),
        Arg::from(i64::from(*is_reused)),
        Arg::from(&segment_digest),
    ];
    let stored = session.execute(FINISH, &args).await?;
    invariant!(I6, stored == 1, "{stored} units took the output of {}", segment.hour);
    Ok(())
}

/// Refuses an output that is of another hour, projection or code, or contradicts itself.
pub(crate) fn check_output(generation: &Outline, hour: Hour, output: &UnitOutput) {
    let UnitOutput { segment, read, written, .. } = output;
    let of_it = segment.hour == hour
        && segment.projection == generation.projection
        && segment.code_digest == generation.code_digest;
    invariant!(I6, of_it, "the unit of {hour} of generation {} made segment {}", generation.id, segment.key);
    let (ControlTotals { events, .. }, ControlTotals { events: rows, .. }) = (read, written);
    invariant!(I7, read == written, "{hour} was read as {events} events and written as {rows}: {read:?}, {written:?}");
}

/// Makes a generation what its units say.
pub(crate) async fn settle(session: &mut impl Session, generation: &Outline, now: Timestamp) -> Result<(), Error> {
    let left = session.fetch(LEFT, &[generation.id.as_str().into()], rows::generations::left).await?;
    let (open, failed) = left.first().copied().expect("a count has one row");
    let becomes = match (generation.state, open, failed) {
        (GenerationState::Building | GenerationState::Failed, 0, 0) => GenerationState::Built,
        (GenerationState::Building, 0, _) => GenerationState::Failed,
        (GenerationState::Failed, _, 0) => GenerationState::Building,
        (state, _, _) => state,
    };
    if becomes != generation.state {
        plans::put_state(session, &generation.id, becomes, now).await?;
    }
    Ok(())
}

/// See [`Generations::fail_unit`](super::Generations::fail_unit).
pub(crate) async fn fail(
    session: &mut impl Session,
    id: &GenerationId,
    (hour, attempt): (Hour, u32),
    (error, attempts_max): (&str, u32),
    now: Timestamp,
) -> Result<(), Error> {
    let args = [id.as_str().into(), hour.into(), attempt.into(), error.into(), attempts_max.into(), now.into()];
    if session.execute(FAIL, &args).await? == 0 {
        return Ok(());
    }
    let generation = plans::existing_outline(session, id).await?;
    let unit = session.fetch(READ, &args[..2], rows::generations::unit).await?.pop();
    let has_failed = unit.is_some_and(|unit| unit.state == UnitState::Failed);
    if has_failed && generation.state == GenerationState::Building {
        plans::put_state(session, id, GenerationState::Failed, now).await?;
    }
    Ok(())
}

/// See [`Generations::release_units`](super::Generations::release_units).
pub(crate) async fn release(
    session: &mut impl Session,
    id: &GenerationId,
    rerun: Rerun,
    now: Timestamp,
) -> Result<u64, Error> {
    let state = plans::existing_outline(session, id).await?.state;
    if matches!(state, GenerationState::Promoted | GenerationState::Aborted) {
        return Err(Error::Conflict(format!("generation {id} is {}: its units stay as they are", state.as_str())));
    }
    let which: i64 = match rerun {
        Rerun::Missing => 0,
        Rerun::Failed => 1,
        Rerun::All => 2,
    };
    let released = session.execute(RELEASE, &[id.as_str().into(), which.into(), now.into()]).await?;
    let left = session.fetch(LEFT, &[id.as_str().into()], rows::generations::left).await?;
    let (open, _) = left.first().copied().expect("a count has one row");
    if open > 0 && state != GenerationState::Building {
        plans::put_state(session, id, GenerationState::Building, now).await?;
    }
    Ok(released)
}
