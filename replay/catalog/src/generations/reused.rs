//! Hours that are done without anybody taking them: the same was made before, and the archive still has it.
//!
//! An hour for which a worker has nothing to compute is not worth a lease and two transactions. If another generation's
//! unit made it, it is not worth a look into its segment either: what its unit made is what that unit made, with its
//! control totals, and what the plan found in the archive has to agree with it. If no unit did, because it was sealed
//! and never built, whoever notes it has read the segment. All hours of one call are noted in one transaction, so
//! whoever dies leaves all of them done or none, and workers take what is not done.

use std::{collections::BTreeMap, sync::LazyLock};

use clicktrail_log::time::{Hour, Timestamp};

use crate::{
    digest,
    error::Error,
    generations::{
        model::{FoundSegment, Generation, GenerationState, UnitOutput},
        plans, units,
    },
    many::Many,
    pointer::GenerationId,
    rows,
    session::{Arg, Session},
};

/// Hours that one transaction notes, at most: others wait for it.
pub const FOUND_MAX: usize = 500;

/// What a unit has made that is done, unless other bytes are known of the same input and code.
static MADE: LazyLock<Many> = LazyLock::new(|| {
    Many::keys(
        "SELECT * FROM (
            SELECT u.generation, u.hour, g.projection, g.code_digest, u.input_digest, u.output_digest, u.segment_key,
                u.segment_bytes, u.segment_rows, u.verdicts_before, u.read_events, u.read_billable, u.read_micros,
                u.written_events, u.written_billable, u.written_micros, u.reused, u.segment_digest
            FROM units u JOIN generations g ON g.generation = u.generation
            WHERE u.hour = ? AND u.input_digest = ? AND u.output_digest = ? AND u.verdicts_before <= ?
                AND g.projection = ? AND g.code_digest = ? AND u.state = 'done'
                AND NOT EXISTS (
                    SELECT 1 FROM units o JOIN generations h ON h.generation = o.generation
                    WHERE o.hour = u.hour AND o.input_digest = u.input_digest AND o.output_digest <> u.output_digest
                        AND o.output_digest <> '' AND h.projection = g.projection AND h.code_digest = g.code_digest)
                AND NOT EXISTS (
                    SELECT 1 FROM segments s WHERE s.projection = g.projection AND s.hour = u.hour
                        AND s.input_digest = u.input_digest AND s.code_digest = g.code_digest
                        AND s.output_digest <> u.output_digest)
            ORDER BY u.generation LIMIT 1) AS made",
    )
});

/// A unit that has made something before has to make it again, by a worker.
static NOTE: LazyLock<Many> = LazyLock::new(|| {
    Many::rows(
        "WITH v (generation, hour, at, input_digest, output_digest, segment_key, segment_bytes, segment_rows,
            verdicts_before, read_events, read_billable, read_micros, written_events, written_billable,
            written_micros, segment_digest) AS (VALUES",
        "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ")
         UPDATE units SET state = 'done', begun_at = v.at, ended_at = v.at, input_digest = v.input_digest,
            output_digest = v.output_digest, segment_key = v.segment_key, segment_bytes = v.segment_bytes,
            segment_rows = v.segment_rows, verdicts_before = v.verdicts_before, read_events = v.read_events,
            read_billable = v.read_billable, read_micros = v.read_micros, written_events = v.written_events,
            written_billable = v.written_billable, written_micros = v.written_micros, reused = 1,
            segment_digest = v.segment_digest
         FROM v WHERE units.generation = v.generation AND units.hour = v.hour AND units.state = 'waiting'
            AND units.attempt = 0 AND units.output_digest = ''",
    )
});

/// See [`Generations::reuse_units`](super::Generations::reuse_units).
pub(crate) async fn note(
    session: &mut impl Session,
    id: &GenerationId,
    found: &[FoundSegment],
    now: Timestamp,
) -> Result<u64, Error> {
    assert!(found.len() <= FOUND_MAX, "{} hours are noted at once, and {FOUND_MAX} may be", found.len());
    let generation = plans::existing(session, id).await?;
    if generation.state != GenerationState::Building {
        return Ok(0);
    }
    let found: BTreeMap<Hour, &FoundSegment> = found.iter().map(|found| (found.hour, found)).collect();
    let keys: Vec<Vec<Arg<'_>>> = found.values().map(|found| key(&generation, found)).collect();
    let made = MADE.fetch_each(session, &keys, rows::generations::sound_output).await?;
    let is_of = |made: &UnitOutput| found.get(&made.segment.hour).is_some_and(|found| is_of(made, found));
    let made: Vec<UnitOutput> = made.into_iter().flatten().filter(is_of).collect();
    put(session, id, &made.iter().collect::<Vec<_>>(), now).await
}

/// See [`Generations::note_units`](super::Generations::note_units).
pub(crate) async fn note_read(
    session: &mut impl Session,
    id: &GenerationId,
    read: &[UnitOutput],
    now: Timestamp,
) -> Result<u64, Error> {
    assert!(read.len() <= FOUND_MAX, "{} hours are noted at once, and {FOUND_MAX} may be", read.len());
    let generation = plans::existing_outline(session, id).await?;
    if generation.state != GenerationState::Building {
        return Ok(0);
    }
    let mut sound = Vec::with_capacity(read.len());
    for output in read {
        units::check_output(&generation, output.segment.hour, output);
        // Whoever takes one of which other bytes are known says so.
        if units::contradicting(session, &output.segment).await?.is_none() {
            sound.push(output);
        }
    }
    put(session, id, &sound, now).await
}

async fn put(
    session: &mut impl Session,
    id: &GenerationId,
    made: &[&UnitOutput],
    now: Timestamp,
) -> Result<u64, Error> {
    let texts: Vec<[String; 3]> = made.iter().map(|made| texts(made)).collect();
    let rows: Vec<Vec<Arg<'_>>> = made.iter().zip(&texts).map(|(made, texts)| row(id, made, texts, now)).collect();
    let noted = NOTE.execute(session, &rows).await?;
    let outline = plans::existing_outline(session, id).await?;
    units::settle(session, &outline, now).await?;
    Ok(noted)
}

fn key<'k>(generation: &'k Generation, found: &'k FoundSegment) -> Vec<Arg<'k>> {
    vec![
        found.hour.into(),
        Arg::from(&found.input_digest),
        Arg::from(&found.output_digest),
        Some(generation.verdicts_before).into(),
        Arg::from(&generation.projection),
        Arg::from(&generation.code_digest),
    ]
}

/// Whether what a unit made is what stands in the archive, and its totals are equal: else a worker looks.
fn is_of(made: &UnitOutput, found: &FoundSegment) -> bool {
    let UnitOutput { segment, read, written, .. } = made;
    let stands = (&segment.key, segment.bytes, segment.rows) == (&found.key, found.bytes, found.rows);
    stands && read == written
}

/// Values of a unit's row that are texts made for it.
fn texts(made: &UnitOutput) -> [String; 3] {
    let segment_digest = digest::of("segments", &digest::segment(&made.segment));
    [made.read.micros.to_string(), made.written.micros.to_string(), segment_digest]
}

fn row<'r>(
    id: &'r GenerationId,
    made: &'r UnitOutput,
    [read_micros, written_micros, segment_digest]: &'r [String; 3],
    now: Timestamp,
) -> Vec<Arg<'r>> {
    let UnitOutput { segment, read, written, .. } = made;
    vec![
        id.as_str().into(),
        segment.hour.into(),
        now.into(),
        Arg::from(&segment.input_digest),
        Arg::from(&segment.output_digest),
        Arg::from(&segment.key),
        segment.bytes.into(),
        segment.rows.into(),
        segment.verdicts_before.into(),
        read.events.into(),
        read.billable.into(),
        Arg::from(read_micros),
        written.events.into(),
        written.billable.into(),
        Arg::from(written_micros),
        Arg::from(segment_digest),
    ]
}
