//! How far the judge has come, and which sealed hours a later ruling concerns.

use clicktrail_log::{frame::Digest, invariant, position::Seq, time::Hour};
use clicktrail_verdicts::judge::Mark;

use crate::{
    digest,
    error::Error,
    known_frames::JudgedFrames,
    model::{LaterRuling, OpenRulings, StaleHour},
    rows,
    session::{Arg, Session},
    verdict_marks::VerdictMarks,
};

const READ: &str = "
    SELECT clicks_judged, verdicts_judged, followed, clicks_frame, verdicts_frame, followed_frame, later_sum, row_digest
    FROM verdict_marks";

const PUT: &str = "
    UPDATE verdict_marks SET clicks_judged = $1, verdicts_judged = $2, followed = $3, later_sum = $4,
        clicks_frame = $5, verdicts_frame = $6, followed_frame = $7, row_digest = $8";

/// The same sum as in migration 0009. Remainders keep it far from the end of 64 bits, whatever positions there are.
const LATER_SUM: &str = "
    SELECT CAST(COALESCE(SUM(1 + click_seq % 1000003 * 3 + first_position % 1000003 * 5
        + last_position % 1000003 * 7 + verdicts % 1000003 * 11), 0) AS BIGINT) AS later_sum
    FROM later_rulings WHERE click_seq >= $1 AND click_seq <= $2";

const PUT_LATER: &str = "
    INSERT INTO later_rulings (click_seq, first_position, last_position, verdicts) VALUES ($1, $2, $3, $4)
    ON CONFLICT (click_seq, first_position) DO NOTHING";

const STALE: &str = "
    SELECT h.hour, MIN(r.first_position) AS first_position, MAX(r.last_position) AS last_position,
        CAST(SUM(r.verdicts) AS BIGINT) AS verdicts
    FROM hours h JOIN later_rulings r ON r.click_seq BETWEEN h.first_seq AND h.last_seq
        LEFT JOIN live_segments l ON l.projection = $1 AND l.hour = h.hour
    WHERE h.hour >= $2 AND r.last_position >= COALESCE(l.knows_before, 0)
    GROUP BY h.hour ORDER BY h.hour LIMIT $3";

/// All later rulings, and beside them those that the live segment does not know: 0 where there is none.
const RULED: &str = "
    SELECT h.hour, MIN(r.first_position) AS first_position, MAX(r.last_position) AS last_position,
        CAST(SUM(r.verdicts) AS BIGINT) AS verdicts,
        COALESCE(MIN(CASE WHEN r.last_position >= COALESCE(l.knows_before, 0) THEN r.first_position END), 0)
            AS unknown_first,
        COALESCE(MAX(CASE WHEN r.last_position >= COALESCE(l.knows_before, 0) THEN r.last_position END), 0)
            AS unknown_last,
        CAST(COALESCE(SUM(CASE WHEN r.last_position >= COALESCE(l.knows_before, 0) THEN r.verdicts END), 0) AS BIGINT)
            AS unknown_verdicts
    FROM hours h JOIN later_rulings r ON r.click_seq BETWEEN h.first_seq AND h.last_seq
        LEFT JOIN live_segments l ON l.projection = $1 AND l.hour = h.hour
    GROUP BY h.hour ORDER BY h.hour";

const OPEN: &str = "
    SELECT MIN(first_position) AS first_position, MAX(last_position) AS last_position,
        CAST(SUM(verdicts) AS BIGINT) AS verdicts
    FROM later_rulings WHERE click_seq > (SELECT COALESCE(MAX(last_seq), 0) FROM hours) HAVING COUNT(*) > 0";

const FORGET_LATER: &str = "DELETE FROM later_rulings";

/// Puts marks in place of the row that is there.
async fn put(session: &mut impl Session, marks: &VerdictMarks) -> Result<(), Error> {
    let texts = marks.texts();
    let values = marks.values(&texts.each_ref().map(String::as_str));
    let digest = digest::of("verdict_marks", &values);
    let args: Vec<Arg<'_>> = values.into_iter().chain([Arg::from(&digest)]).collect();
    let rows = session.execute(PUT, &args).await?;
    invariant!(I5, rows == 1, "the judge has {rows} marks");
    Ok(())
}

/// The marks.
pub(crate) async fn read(session: &mut impl Session) -> Result<VerdictMarks, Error> {
    let found = session.fetch(READ, &[], rows::verdict_marks).await?;
    found.first().copied().ok_or_else(|| Error::Damaged("no row in verdict_marks".to_owned()))
}

/// See [`Catalog::judged`](crate::Catalog::judged).
pub(crate) async fn judged(session: &mut impl Session) -> Result<Mark, Error> {
    Ok(read(session).await?.judged)
}

/// See [`Catalog::put_judged`](crate::Catalog::put_judged).
pub(crate) async fn put_judged(
    session: &mut impl Session,
    before: &Mark,
    after: &Mark,
    frames: JudgedFrames,
) -> Result<(), Error> {
    let marks = read(session).await?;
    let found = marks.judged;
    if found != *before {
        return Err(Error::Conflict(format!(
            "judging stands at frame {} with verdicts up to {}, not at frame {} with verdicts up to {}",
            found.clicks_through, found.verdicts_through, before.clicks_through, before.verdicts_through
        )));
    }
    let forward = found.clicks_through <= after.clicks_through && found.verdicts_through <= after.verdicts_through;
    invariant!(I5, forward, "the judge's mark runs back from {found:?} to {after:?}");
    put(session, &VerdictMarks { judged: *after, judged_frames: frames, ..marks }).await
}

/// Sets the judge's mark, and forgets which hours are stale: the verdict log is followed again from its beginning.
pub(crate) async fn begin_again(session: &mut impl Session, judged: &Mark, frames: JudgedFrames) -> Result<(), Error> {
    session.execute(FORGET_LATER, &[]).await?;
    put(session, &VerdictMarks { judged: *judged, judged_frames: frames, ..VerdictMarks::NOTHING }).await
}

/// See [`Catalog::followed_through`](crate::Catalog::followed_through).
pub(crate) async fn followed_through(session: &mut impl Session) -> Result<Seq, Error> {
    Ok(read(session).await?.followed)
}

/// See [`Catalog::put_later_rulings`](crate::Catalog::put_later_rulings).
pub(crate) async fn put_later_rulings(
    session: &mut impl Session,
    rulings: &[LaterRuling],
    before: Seq,
    (through, frame): (Seq, Option<Digest>),
) -> Result<(), Error> {
    let mut marks = read(session).await?;
    let found = marks.followed;
    if found != before {
        return Err(Error::Conflict(format!("verdict frames are followed up to {found}, not up to {before}")));
    }
    invariant!(I1, before < through, "verdict frames up to {through} are followed after those up to {before}");
    let touched = rulings.iter().map(|ruling| ruling.click_seq);
    let (first, last) = (touched.clone().min().unwrap_or(Seq::ZERO), touched.max().unwrap_or(Seq::ZERO));
    marks.later_sum -= later_sum(session, first, last).await?;
    for ruling in rulings {
        let read = before < ruling.first.seq() && ruling.first <= ruling.last && ruling.last.seq() <= through;
        invariant!(I1, read, "{ruling:?} is not of the verdict frames after {before}, up to {through}");
        let args: [Arg<'_>; 4] = [
            ruling.click_seq.into(),
            ruling.first.as_i64().into(),
            ruling.last.as_i64().into(),
            ruling.verdicts.into(),
        ];
        let stored = session.execute(PUT_LATER, &args).await?;
        invariant!(I1, stored == 1, "{ruling:?} is stored already, though its frames were not followed");
    }
    marks.later_sum += later_sum(session, first, last).await?;
    put(session, &VerdictMarks { followed: through, followed_frame: frame, ..marks }).await
}

/// The sum over the later rulings about these click frames, both inclusive.
async fn later_sum(session: &mut impl Session, first: Seq, last: Seq) -> Result<i64, Error> {
    let found = session.fetch(LATER_SUM, &[first.into(), last.into()], rows::later_sum).await?;
    Ok(found.first().copied().expect("a sum without groups has one row"))
}

/// Refuses later rulings of which a row was lost or changed: an hour would seem fresh that is stale.
pub(crate) async fn check_later(session: &mut impl Session, marks: &VerdictMarks) -> Result<(), Error> {
    let (is, was) = (later_sum(session, Seq::ZERO, Seq::MAX).await?, marks.later_sum);
    let changed = || Error::Damaged(format!("later_rulings has lost or changed rows: they add up to {is}, not {was}"));
    (is == was).then_some(()).ok_or_else(changed)
}

/// See [`Catalog::stale_hours`](crate::Catalog::stale_hours).
pub(crate) async fn stale_hours(
    session: &mut impl Session,
    projection: &str,
    from: Hour,
    limit: u32,
) -> Result<Vec<StaleHour>, Error> {
    check_later_rulings(session).await?;
    session.fetch(STALE, &[projection.into(), from.into(), limit.into()], rows::stale_hour).await
}

/// Sealed hours with all later rulings about them, and with those that their live segment does not know, by hour.
pub(crate) async fn ruled_hours(
    session: &mut impl Session,
    projection: &str,
) -> Result<Vec<(StaleHour, Option<StaleHour>)>, Error> {
    check_later_rulings(session).await?;
    session.fetch(RULED, &[projection.into()], rows::ruled_hour).await
}

/// See [`Catalog::open_rulings`](crate::Catalog::open_rulings).
pub(crate) async fn open_rulings(session: &mut impl Session) -> Result<Option<OpenRulings>, Error> {
    check_later_rulings(session).await?;
    Ok(session.fetch(OPEN, &[], rows::open_rulings).await?.pop())
}

async fn check_later_rulings(session: &mut impl Session) -> Result<(), Error> {
    let marks = read(session).await?;
    check_later(session, &marks).await
}
