//! Live pointers: what an hour counts from. It is what was sealed, unless the last promotion of the hour says
//! otherwise.

use clicktrail_log::time::Hour;

use crate::{
    error::Error,
    model::Segment,
    pointer::LivePointer,
    rows,
    session::{Arg, Session},
};

/// The last movement of every hour's pointer, if it led to a segment of a generation and the hour is still the same.
macro_rules! standing {
    ($columns:literal, $joined:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM promotion_hours p JOIN hours h ON h.hour = p.hour AND h.manifest_digest = p.manifest_digest ",
            $joined,
            " WHERE p.after_generation <> '' AND p.number = (SELECT MAX(q.number) FROM promotion_hours q
                WHERE q.projection = p.projection AND q.hour = p.hour)"
        )
    };
}

const OF_RANGE: &str = "
    SELECT l.hour, l.input_digest, l.code_digest, s.output_digest, l.generation, l.knows_before
    FROM live_segments l JOIN segments s ON s.projection = l.projection AND s.hour = l.hour
        AND s.input_digest = l.input_digest AND s.code_digest = l.code_digest
    JOIN hours h ON h.hour = l.hour
    WHERE l.projection = $1 AND l.hour >= $2 AND l.hour <= $3 ORDER BY l.hour";

const PUT_SEALED: &str = concat!(
    "INSERT INTO live_segments (projection, hour, input_digest, code_digest, generation, knows_before)
    SELECT s.projection, s.hour, s.input_digest, s.code_digest, '', 0 FROM segments s
    WHERE s.sealed = 1 AND s.projection = $1 AND s.hour >= $2 AND s.hour <= $3 AND NOT EXISTS (",
    standing!("p.hour", ""),
    " AND p.projection = s.projection AND p.hour = s.hour)
    ON CONFLICT (projection, hour) DO UPDATE SET input_digest = excluded.input_digest,
        code_digest = excluded.code_digest, generation = '', knows_before = 0
    WHERE live_segments.input_digest <> excluded.input_digest OR live_segments.code_digest <> excluded.code_digest
        OR live_segments.generation <> ''"
);

const WAS_PROMOTED: &str =
    "SELECT hour FROM promotion_hours WHERE projection = $1 AND hour >= $2 AND hour <= $3 LIMIT 1";

const REGISTER_STANDING: &str = concat!(
    "INSERT INTO segments (projection, hour, input_digest, code_digest, output_digest, segment_key, bytes, rows,
        verdicts_before, row_digest, sealed) ",
    standing!(
        "g.projection, u.hour, u.input_digest, g.code_digest, u.output_digest, u.segment_key, u.segment_bytes,
            u.segment_rows, u.verdicts_before, u.segment_digest, 0",
        "JOIN units u ON u.generation = p.after_generation AND u.hour = p.hour
            JOIN generations g ON g.generation = u.generation"
    ),
    " AND u.input_digest = p.after_input_digest AND p.projection = $1 AND p.hour >= $2 AND p.hour <= $3
    ON CONFLICT (projection, hour, input_digest, code_digest) DO NOTHING"
);

const PUT_STANDING: &str = concat!(
    "INSERT INTO live_segments (projection, hour, input_digest, code_digest, generation, knows_before) ",
    standing!(
        "p.projection, p.hour, p.after_input_digest, p.after_code_digest, p.after_generation, p.after_knows_before",
        "JOIN segments s ON s.projection = p.projection AND s.hour = p.hour
            AND s.input_digest = p.after_input_digest AND s.code_digest = p.after_code_digest"
    ),
    " AND p.projection = $1 AND p.hour >= $2 AND p.hour <= $3
    ON CONFLICT (projection, hour) DO UPDATE SET input_digest = excluded.input_digest,
        code_digest = excluded.code_digest, generation = excluded.generation, knows_before = excluded.knows_before
    WHERE live_segments.input_digest <> excluded.input_digest OR live_segments.code_digest <> excluded.code_digest
        OR live_segments.generation <> excluded.generation OR live_segments.knows_before <> excluded.knows_before"
);

const NOT_STANDING: &str = concat!(
    standing!(
        "p.hour",
        "LEFT JOIN live_segments l ON l.projection = p.projection AND l.hour = p.hour
            AND l.input_digest = p.after_input_digest AND l.code_digest = p.after_code_digest
            AND l.generation = p.after_generation AND l.knows_before = p.after_knows_before"
    ),
    " AND l.hour IS NULL AND p.projection = $1 AND p.hour >= $2 AND p.hour <= $3 ORDER BY p.hour LIMIT 1"
);

const STANDING_SEGMENTS: &str = concat!(
    standing!(
        "g.projection, u.hour, u.segment_key, u.segment_bytes AS bytes, u.segment_rows AS rows, u.input_digest,
            g.code_digest, u.output_digest, u.verdicts_before, u.segment_digest AS row_digest",
        "JOIN units u ON u.generation = p.after_generation AND u.hour = p.hour
            JOIN generations g ON g.generation = u.generation"
    ),
    " AND p.projection = $1 AND p.hour >= $2 AND p.hour <= $3 ORDER BY u.hour"
);

/// Pointers that stand neither where the last promotion of their hour says nor, without one, where the hour was sealed.
/// A rollback may lead to what was sealed before the hour was sealed again.
const WRONG: &str = "
    SELECT l.projection, l.hour FROM live_segments l JOIN hours h ON h.hour = l.hour
        LEFT JOIN promotion_hours p ON p.projection = l.projection AND p.hour = l.hour
            AND p.manifest_digest = h.manifest_digest AND p.number = (SELECT MAX(q.number) FROM promotion_hours q
                WHERE q.projection = l.projection AND q.hour = l.hour)
        LEFT JOIN segments s ON s.projection = l.projection AND s.hour = l.hour
            AND s.input_digest = l.input_digest AND s.code_digest = l.code_digest AND s.sealed = 1
    WHERE ($1 = '' OR l.projection = $1) AND NOT (
        l.generation = COALESCE(p.after_generation, '') AND l.knows_before = COALESCE(p.after_knows_before, 0)
        AND ((COALESCE(p.after_generation, '') = '' AND s.hour IS NOT NULL)
            OR (l.input_digest = COALESCE(p.after_input_digest, '')
                AND l.code_digest = COALESCE(p.after_code_digest, ''))))
    ORDER BY l.hour, l.projection";

const DROP: &str = "DELETE FROM live_segments WHERE projection = $1 AND hour = $2";

/// Refuses pointers of a projection that were changed: an hour would count from something else than what was decided.
pub(crate) async fn check(session: &mut impl Session, projection: &str) -> Result<(), Error> {
    match session.fetch(WRONG, &[projection.into()], rows::generations::projected_hour).await?.first() {
        None => Ok(()),
        Some((projection, hour)) => Err(Error::Damaged(changed(projection, *hour))),
    }
}

/// Takes out the pointers that were changed, of every projection: a sentence each.
pub(crate) async fn mend(session: &mut impl Session) -> Result<Vec<String>, Error> {
    let wrong = session.fetch(WRONG, &["".into()], rows::generations::projected_hour).await?;
    for (projection, hour) in &wrong {
        session.execute(DROP, &[projection.into(), (*hour).into()]).await?;
    }
    Ok(wrong.iter().map(|(projection, hour)| changed(projection, *hour)).collect())
}

fn changed(projection: &str, hour: Hour) -> String {
    format!("a live pointer of {projection} for {hour}, which is not where its last promotion or its sealing put it")
}

/// See [`Generations::live_pointers`](super::Generations::live_pointers).
pub(crate) async fn of_range(
    session: &mut impl Session,
    projection: &str,
    from: Hour,
    to_inclusive: Hour,
) -> Result<Vec<LivePointer>, Error> {
    let range = [projection.into(), from.into(), to_inclusive.into()];
    session.fetch(OF_RANGE, &range, rows::generations::live_pointer).await
}

/// See [`Generations::standing_segments`](super::Generations::standing_segments).
pub(crate) async fn standing_segments(
    session: &mut impl Session,
    projection: &str,
    from: Hour,
    to_inclusive: Hour,
) -> Result<Vec<Segment>, Error> {
    let range = [projection.into(), from.into(), to_inclusive.into()];
    session.fetch(STANDING_SEGMENTS, &range, rows::segment).await
}

/// Points every hour of a range where it has to: to what its last promotion says, else to what was sealed.
///
/// # Errors
/// [`Error::Damaged`] if it is no longer known what was promoted.
pub(crate) async fn stand(
    session: &mut impl Session,
    projection: &str,
    from: Hour,
    to_inclusive: Hour,
) -> Result<(), Error> {
    let range: [Arg<'_>; 3] = [projection.into(), from.into(), to_inclusive.into()];
    session.execute(PUT_SEALED, &range).await?;
    if session.fetch(WAS_PROMOTED, &range, rows::generations::hour).await?.is_empty() {
        return Ok(());
    }
    session.execute(REGISTER_STANDING, &range).await?;
    session.execute(PUT_STANDING, &range).await?;
    match session.fetch(NOT_STANDING, &range, rows::generations::hour).await?.first() {
        None => Ok(()),
        Some(hour) => Err(Error::Damaged(format!("no segment of {hour}, which was promoted: its unit is lost"))),
    }
}
