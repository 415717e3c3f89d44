//! Sealed hours, their segments, and how those compared with the hot partials that they replaced.

use clicktrail_log::{invariant, position::Seq, time::Hour};

use crate::{
    digest,
    error::Error,
    generations::pointers,
    live, making,
    model::{Compare, Reconciliation, SealedHour, Segment},
    rows,
    session::{Arg, Session},
};

const LIST_HOURS: &str = "
    SELECT hour, first_seq, last_seq, epoch, rows, parts, bytes, manifest_digest, row_digest
    FROM hours WHERE hour >= $1 ORDER BY hour LIMIT $2";

const READ_HOUR: &str = "
    SELECT hour, first_seq, last_seq, epoch, rows, parts, bytes, manifest_digest, row_digest
    FROM hours WHERE hour = $1";

const HOUR_OF: &str = "
    SELECT hour, first_seq, last_seq, epoch, rows, parts, bytes, manifest_digest, row_digest
    FROM hours WHERE first_seq <= $1 AND last_seq >= $1 ORDER BY hour LIMIT 1";

const PUT_HOUR: &str = "
    INSERT INTO hours (hour, first_seq, last_seq, epoch, rows, parts, bytes, manifest_digest, row_digest)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (hour) DO UPDATE SET first_seq = excluded.first_seq, last_seq = excluded.last_seq,
        epoch = excluded.epoch, rows = excluded.rows, parts = excluded.parts, bytes = excluded.bytes,
        manifest_digest = excluded.manifest_digest, row_digest = excluded.row_digest";

const UNSEAL: &str = "UPDATE segments SET sealed = 0 WHERE projection = $1 AND hour = $2 AND sealed = 1";

/// A build that was promoted may have left the same segment.
const PUT_SEGMENT: &str = "
    INSERT INTO segments (projection, hour, segment_key, bytes, rows, input_digest, code_digest, output_digest,
        verdicts_before, row_digest, sealed)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1)
    ON CONFLICT (projection, hour, input_digest, code_digest) DO UPDATE SET segment_key = excluded.segment_key,
        bytes = excluded.bytes, rows = excluded.rows, output_digest = excluded.output_digest,
        verdicts_before = excluded.verdicts_before, row_digest = excluded.row_digest, sealed = 1";

const READ_RECONCILIATION: &str = "
    SELECT projection, hour, outcome, sealed_rows, hot_rows, detail, compared_at, row_digest
    FROM reconciliations WHERE hour = $1 AND projection = $2";

const LIST_RECONCILIATIONS: &str = "
    SELECT projection, hour, outcome, sealed_rows, hot_rows, detail, compared_at, row_digest
    FROM reconciliations WHERE hour >= $1 ORDER BY hour, projection LIMIT $2";

const PUT_RECONCILIATION: &str = "
    INSERT INTO reconciliations (projection, hour, outcome, sealed_rows, hot_rows, detail, compared_at,
        row_digest)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (hour, projection) DO UPDATE SET outcome = excluded.outcome, sealed_rows = excluded.sealed_rows,
        hot_rows = excluded.hot_rows, detail = excluded.detail, compared_at = excluded.compared_at,
        row_digest = excluded.row_digest";

/// Pointers before what they point at.
const FORGET_FROM: [&str; 4] = [
    "DELETE FROM live_segments WHERE hour >= $1",
    "DELETE FROM segments WHERE hour >= $1",
    "DELETE FROM reconciliations WHERE hour >= $1",
    "DELETE FROM hours WHERE hour >= $1",
];

/// See [`Catalog::list_hours`](crate::Catalog::list_hours).
pub(crate) async fn list_hours(session: &mut impl Session, from: Hour, limit: u32) -> Result<Vec<SealedHour>, Error> {
    session.fetch(LIST_HOURS, &[from.into(), limit.into()], rows::hour).await
}

/// See [`Catalog::hour_of`](crate::Catalog::hour_of).
pub(crate) async fn hour_of(session: &mut impl Session, seq: Seq) -> Result<Option<SealedHour>, Error> {
    Ok(session.fetch(HOUR_OF, &[seq.into()], rows::hour).await?.pop())
}

/// See [`Catalog::reconciliations`](crate::Catalog::reconciliations).
pub(crate) async fn reconciliations(
    session: &mut impl Session,
    from: Hour,
    limit: u32,
) -> Result<Vec<Reconciliation>, Error> {
    session.fetch(LIST_RECONCILIATIONS, &[from.into(), limit.into()], rows::reconciliation).await
}

/// See [`Catalog::seal`](crate::Catalog::seal).
pub(crate) async fn seal(
    session: &mut impl Session,
    hour: &SealedHour,
    segment: &Segment,
    compare: Compare<'_>,
) -> Result<Reconciliation, Error> {
    let (of, sealed) = (segment.hour, hour.hour);
    invariant!(I3, of == sealed, "{sealed} is sealed with a segment of {of}");
    if let Some(stored) = session.fetch(READ_HOUR, &[hour.hour.into()], rows::hour).await?.pop() {
        return reseal(session, &stored, hour, segment).await;
    }
    if let Some(last) = live::last_hour(session).await? {
        check_follows(&last, hour)?;
    }
    let touched = live::touching(session, hour.first_seq, hour.last_seq).await?;
    let reconciliation = compare(&touched);
    let compared = (reconciliation.projection.as_str(), reconciliation.hour);
    let is_of_segment = compared == (segment.projection.as_str(), hour.hour);
    invariant!(I8, is_of_segment, "{sealed} is sealed with a comparison of {compared:?}");
    put(session, hour, segment, &reconciliation).await?;
    pointers::stand(session, &segment.projection, hour.hour, hour.hour).await?;
    live::drop_touched(session, &touched, hour.last_seq).await?;
    let left = live::touching(session, hour.first_seq, hour.last_seq).await?;
    invariant!(I1, left.is_empty(), "{sealed} counts from its segment, and again from {} hot partials", left.len());
    Ok(reconciliation)
}

/// See [`Catalog::reopen`](crate::Catalog::reopen).
pub(crate) async fn reopen(session: &mut impl Session, from: Hour) -> Result<u64, Error> {
    let hours = list_hours(session, from, u32::MAX).await?;
    if let Some(held) = hours.iter().find(|hour| hour.first_seq <= hour.last_seq) {
        return Err(Error::Refused(format!("to reopen {}: it holds frames", held.hour)));
    }
    for statement in FORGET_FROM {
        session.execute(statement, &[from.into()]).await?;
    }
    making::raise(session).await?;
    let left = list_hours(session, from, 1).await?;
    invariant!(I4, left.is_empty(), "{left:?} is registered behind the last hour");
    Ok(hours.len() as u64)
}

/// Answers for an hour that is sealed already. The identical hour gets the answer that was given before; any other is a
/// conflict, and the stored hour stays.
async fn reseal(
    session: &mut impl Session,
    stored: &SealedHour,
    hour: &SealedHour,
    segment: &Segment,
) -> Result<Reconciliation, Error> {
    let at = hour.hour;
    if stored != hour {
        let digest = &stored.manifest_digest;
        return Err(Error::Conflict(format!("{at} is sealed with another manifest, {digest}")));
    }
    // The segment may not be live, because a generation was promoted. It was registered all the same.
    if live::sealed_segments(session, &segment.projection, at, at).await?.pop().as_ref() != Some(segment) {
        return Err(Error::Conflict(format!("{at} is sealed with another segment than {}", segment.key)));
    }
    let key = [at.into(), Arg::from(&segment.projection)];
    let found = session.fetch(READ_RECONCILIATION, &key, rows::reconciliation).await?.pop();
    let lost = || Error::Damaged(format!("no reconciliation of {} for {at}, which is sealed", segment.projection));
    found.ok_or_else(lost)
}

fn check_follows(last: &SealedHour, hour: &SealedHour) -> Result<(), Error> {
    let follows = hour.hour == last.hour.next() && hour.first_seq == last.last_seq.next() && hour.epoch >= last.epoch;
    if follows {
        return Ok(());
    }
    Err(Error::Conflict(format!(
        "{} from frame {} of epoch {} does not follow {}, the last sealed hour, which ends with frame {} of epoch {}",
        hour.hour, hour.first_seq, hour.epoch, last.hour, last.last_seq, last.epoch,
    )))
}

/// Registers an hour with the segment that it counts from unless another is promoted, in place of what is registered.
/// The live pointer does not move yet.
pub(crate) async fn put(
    session: &mut impl Session,
    hour: &SealedHour,
    segment: &Segment,
    reconciliation: &Reconciliation,
) -> Result<(), Error> {
    put_hour(session, hour).await?;
    put_segment(session, segment).await?;
    put_reconciliation(session, reconciliation).await
}

async fn put_hour(session: &mut impl Session, hour: &SealedHour) -> Result<(), Error> {
    digest::put_row(session, PUT_HOUR, "hours", &digest::hour(hour)).await
}

async fn put_segment(session: &mut impl Session, segment: &Segment) -> Result<(), Error> {
    let values = digest::segment(segment);
    session.execute(UNSEAL, &values[..2]).await?;
    digest::put_row(session, PUT_SEGMENT, "segments", &values).await?;
    Ok(())
}

async fn put_reconciliation(session: &mut impl Session, reconciliation: &Reconciliation) -> Result<(), Error> {
    digest::put_row(session, PUT_RECONCILIATION, "reconciliations", &digest::reconciliation(reconciliation)).await
}
