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
        verdicts_before, sealed) ",
    standing!(
        "g.projection, u.hour, u.input_digest, g.code_digest, u.output_digest, u.segment_key, u.segment_bytes,
            u.segment_rows, u.verdicts_before, 0",
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
            g.code_digest, u.output_digest, u.verdicts_before",
        "JOIN units u ON u.generation = p.after_generation AND u.hour = p.hour
            JOIN generations g ON g.generation = u.generation"
    ),
    " AND p.projection = $1 AND p.hour >= $2 AND p.hour <= $3 ORDER BY u.hour"
);

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
/// [`Error::Corrupt`] if it is no longer known what was promoted.
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
        Some(hour) => Err(Error::Corrupt(format!("no segment of {hour}, which was promoted: its unit is lost"))),
    }
}
