//! The beginning of a rebuild, for replays: what of them is lost or damaged is taken out.
//!
//! What was promoted is kept in the archive, so a damaged promotion goes with all later ones, and the rebuild does them
//! again from their records. What was never promoted is kept nowhere else: its plan has to be made again, and finds
//! what was built by its receipts.

use std::collections::BTreeSet;

use clicktrail_log::time::Hour;

use crate::{
    error::Error,
    generations::pointers,
    pointer::GenerationId,
    rows,
    session::{Arg, Fields, Session},
};

/// Promotions and generations are few, units are as many as hours were ever built.
const PROMOTIONS: &str = "
    SELECT number, projection, generation, moved, at, actor, reason, hours, row_digest FROM promotions ORDER BY number";

const GENERATIONS: &str = "
    SELECT generation, projection, code_digest, candidate_sql, from_hour, to_hour, clicks_before, verdicts_before, plan,
        state, created_at, created_by, changed_at, row_digest
    FROM generations ORDER BY generation";

const UNITS: &str = "
    SELECT u.generation, u.hour, u.manifest_digest, u.rows, u.bytes, u.base_input_digest, u.base_code_digest,
        u.base_output_digest, u.base_generation, u.base_knows_before, u.state, u.attempt, u.worker, u.leased_until,
        u.begun_at, u.ended_at, u.error, u.input_digest, u.output_digest, u.segment_key, u.segment_bytes,
        u.segment_rows, u.verdicts_before, u.read_events, u.read_billable, u.read_micros, u.written_events,
        u.written_billable, u.written_micros, u.reused, u.plan_digest, u.segment_digest, g.projection, g.code_digest
    FROM units u JOIN generations g ON g.generation = u.generation ORDER BY u.generation, u.hour";

/// Promotions whose hours are not what its generation's units say, or what the promotion that a rollback undoes says;
/// or that have no predecessor or generation. By number; `$1` is one of them, or 0 for all.
const CONTRADICTED: &str = "
    SELECT n.number FROM promotions n
    WHERE ($1 = 0 OR n.number = $1) AND (
        (n.number > 1 AND NOT EXISTS (SELECT 1 FROM promotions o WHERE o.number = n.number - 1))
        OR NOT EXISTS (SELECT 1 FROM generations g WHERE g.generation = n.generation)
        OR n.hours <> (SELECT COUNT(*) FROM promotion_hours p WHERE p.number = n.number)
        OR (n.moved = 'promote' AND EXISTS (
            SELECT 1 FROM promotion_hours p LEFT JOIN generations g ON g.generation = n.generation
                LEFT JOIN units u ON u.generation = g.generation AND u.hour = p.hour
            WHERE p.number = n.number AND NOT (p.projection = n.projection
                AND p.manifest_digest = COALESCE(u.manifest_digest, '?')
                AND p.before_input_digest = u.base_input_digest AND p.before_code_digest = u.base_code_digest
                AND p.before_generation = u.base_generation AND p.before_knows_before = u.base_knows_before
                AND p.after_input_digest = u.input_digest AND p.after_code_digest = g.code_digest
                AND p.after_generation = g.generation AND p.after_knows_before = g.verdicts_before)))
        OR (n.moved = 'rollback' AND EXISTS (
            SELECT 1 FROM promotion_hours p LEFT JOIN promotion_hours b ON b.projection = p.projection
                AND b.hour = p.hour AND b.number = (SELECT MAX(q.number) FROM promotions q
                    WHERE q.generation = n.generation AND q.moved = 'promote' AND q.number < n.number)
            WHERE p.number = n.number AND NOT (p.projection = n.projection
                AND p.manifest_digest = COALESCE(b.manifest_digest, '?')
                AND p.before_input_digest = b.after_input_digest AND p.before_code_digest = b.after_code_digest
                AND p.before_generation = b.after_generation AND p.before_knows_before = b.after_knows_before
                AND p.after_input_digest = b.before_input_digest AND p.after_code_digest = b.before_code_digest
                AND p.after_generation = b.before_generation AND p.after_knows_before = b.before_knows_before))))
    ORDER BY n.number";

/// The first promotion of a generation.
const FIRST_OF: &str = "SELECT number FROM promotions WHERE generation = $1 ORDER BY number LIMIT 1";

/// The first promotion that moved the pointer of an hour.
const FIRST_OF_HOUR: &str = "SELECT number FROM promotion_hours WHERE hour = $1 ORDER BY number LIMIT 1";

const LAST: &str = "SELECT number FROM promotions ORDER BY number DESC LIMIT 1";

const DROP_PROMOTIONS: [&str; 2] =
    ["DELETE FROM promotion_hours WHERE number >= $1", "DELETE FROM promotions WHERE number >= $1"];

const DROP_GENERATION: [&str; 2] =
    ["DELETE FROM units WHERE generation = $1", "DELETE FROM generations WHERE generation = $1"];

const FORGET_OUTPUT: &str = "
    UPDATE units SET state = 'waiting', attempts_before = attempt, input_digest = '', output_digest = '',
        segment_key = '', segment_bytes = 0, segment_rows = 0, verdicts_before = 0, read_events = 0, read_billable = 0,
        read_micros = '0', written_events = 0, written_billable = 0, written_micros = '0', reused = 0,
        segment_digest = ''
    WHERE generation = $1 AND hour = $2";

const BUILD_AGAIN: &str = "UPDATE generations SET state = 'building' WHERE generation = $1 AND state <> 'aborted'";

const ORPHANS: [(&str, &str); 2] = [
    (
        "hours of no promotion",
        "DELETE FROM promotion_hours WHERE NOT EXISTS (SELECT 1 FROM promotions p
            WHERE p.number = promotion_hours.number)",
    ),
    (
        "units of no generation",
        "DELETE FROM units WHERE NOT EXISTS (SELECT 1 FROM generations g WHERE g.generation = units.generation)",
    ),
];

/// A damaged row of a generation or of one of its units, with what is wrong.
struct Damaged {
    generation: String,
    /// The unit of which only the output is damaged.
    output_of: Option<Hour>,
    reason: String,
}

/// What a rebuild makes again, and what it cannot: a sentence each.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) taken_out: Vec<String>,
    pub(crate) lost: Vec<String>,
}

/// Why the hours of a promotion are not what it moved; `None` if they are.
pub(crate) async fn contradiction(session: &mut impl Session, number: i64) -> Result<Option<String>, Error> {
    let found = session.fetch(CONTRADICTED, &[number.into()], rows::generations::number).await?;
    Ok(found.first().map(|number| changed(*number)))
}

fn changed(number: i64) -> String {
    format!("promotion {number}, whose hours are not those that it moved")
}

/// Takes out what is damaged. `hours` were taken out, and the promotions that moved them are done again, so that what
/// was registered for them comes back. The archive has the records of the promotions up to `kept`.
pub(crate) async fn mend(session: &mut impl Session, hours: &BTreeSet<Hour>, kept: i64) -> Result<Found, Error> {
    let mut found = Found::default();
    for (what, statement) in ORPHANS {
        let rows = session.execute(statement, &[]).await?;
        found.taken_out.extend((rows > 0).then(|| format!("{rows} {what}")));
    }
    let mut first: Option<i64> = None;
    let mut reasons = Vec::new();
    for (number, reason) in session.fetch(PROMOTIONS, &[], damaged_promotion).await?.into_iter().flatten() {
        first = earlier(first, Some(number));
        reasons.push(reason);
    }
    for number in session.fetch(CONTRADICTED, &[0_i64.into()], rows::generations::number).await? {
        first = earlier(first, Some(number));
        reasons.push(changed(number));
    }
    let mut damaged: Vec<Damaged> =
        session.fetch(GENERATIONS, &[], damaged_generation).await?.into_iter().flatten().collect();
    damaged.extend(session.fetch(UNITS, &[], damaged_unit).await?.into_iter().flatten());
    for one in &damaged {
        first = earlier(first, first_number(session, FIRST_OF, Some(Arg::from(&one.generation))).await?);
    }
    let is_damaged = first.is_some();
    for hour in hours {
        first = earlier(first, first_number(session, FIRST_OF_HOUR, Some((*hour).into())).await?);
    }
    let last = first_number(session, LAST, None).await?.unwrap_or(0);
    match first {
        Some(first) if last <= kept => {
            for statement in DROP_PROMOTIONS {
                session.execute(statement, &[first.into()]).await?;
            }
            found.taken_out.append(&mut reasons);
        }
        Some(_) if is_damaged => found.lost.push(format!(
            "promotions are damaged, and the archive has no record of promotion {last}; restore the catalog's backup"
        )),
        Some(_) | None => {}
    }
    found.lost.append(&mut reasons);
    for one in damaged {
        mend_generation(session, one, &mut found).await?;
    }
    found.taken_out.extend(pointers::mend(session).await?);
    Ok(found)
}

async fn mend_generation(session: &mut impl Session, damaged: Damaged, found: &mut Found) -> Result<(), Error> {
    let Damaged { generation, output_of, reason } = damaged;
    if first_number(session, FIRST_OF, Some(Arg::from(&generation))).await?.is_some() {
        found.lost.push(reason);
        return Ok(());
    }
    match output_of {
        Some(hour) => {
            session.execute(FORGET_OUTPUT, &[generation.as_str().into(), hour.into()]).await?;
            session.execute(BUILD_AGAIN, &[generation.as_str().into()]).await?;
        }
        None => {
            for statement in DROP_GENERATION {
                session.execute(statement, &[generation.as_str().into()]).await?;
            }
        }
    }
    found.taken_out.push(format!("{reason}; if it was never promoted, plan and build it again"));
    Ok(())
}

async fn first_number(
    session: &mut impl Session,
    query: &'static str,
    of: Option<Arg<'_>>,
) -> Result<Option<i64>, Error> {
    Ok(session.fetch(query, of.as_slice(), rows::generations::number).await?.first().copied())
}

fn earlier(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    one.into_iter().chain(other).min()
}

fn reason<T>(row: Result<T, Error>) -> Result<Option<String>, Error> {
    match row {
        Ok(_) => Ok(None),
        Err(Error::Damaged(reason)) => Ok(Some(reason)),
        Err(other) => Err(other),
    }
}

fn damaged_promotion(fields: &dyn Fields) -> Result<Option<(i64, String)>, Error> {
    let found = reason(rows::generations::promotion(fields))?;
    found.map(|reason| Ok((fields.int("number")?, reason))).transpose()
}

fn damaged_generation(fields: &dyn Fields) -> Result<Option<Damaged>, Error> {
    let found = reason(rows::generations::generation(fields))?;
    let damaged = |reason| Ok(Damaged { generation: fields.text("generation")?, output_of: None, reason });
    found.map(damaged).transpose()
}

fn damaged_unit(fields: &dyn Fields) -> Result<Option<Damaged>, Error> {
    let generation = fields.text("generation")?;
    if GenerationId::parse(&generation).is_none() {
        return Ok(None);
    }
    if let Some(reason) = reason(rows::generations::kept_output(fields))? {
        return Ok(Some(Damaged { generation, output_of: Some(Hour::from_i64(fields.int("hour")?)), reason }));
    }
    let found = reason(rows::generations::unit(fields))?;
    Ok(found.map(|reason| Damaged { generation, output_of: None, reason }))
}
