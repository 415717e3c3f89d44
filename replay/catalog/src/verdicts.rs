//! How far the judge has come, and which sealed hours a later ruling concerns.

use clicktrail_log::{invariant, position::Seq, time::Hour};
use clicktrail_verdicts::judge::Mark;

use crate::{
    error::Error,
    model::{LaterRuling, StaleHour},
    rows,
    session::{Arg, Session},
};

const JUDGED: &str = "SELECT clicks_judged, verdicts_judged FROM verdict_marks";

const PUT_JUDGED: &str = "UPDATE verdict_marks SET clicks_judged = $1, verdicts_judged = $2";

const FOLLOWED: &str = "SELECT followed FROM verdict_marks";

const PUT_FOLLOWED: &str = "UPDATE verdict_marks SET followed = $1";

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

const FORGET_LATER: &str = "DELETE FROM later_rulings";

/// See [`Catalog::judged`](crate::Catalog::judged).
pub(crate) async fn judged(session: &mut impl Session) -> Result<Mark, Error> {
    one_row(session.fetch(JUDGED, &[], rows::judged).await?)
}

fn one_row<T>(found: Vec<T>) -> Result<T, Error> {
    found.into_iter().next().ok_or_else(|| Error::Corrupt("no row in verdict_marks".to_owned()))
}

/// See [`Catalog::put_judged`](crate::Catalog::put_judged).
pub(crate) async fn put_judged(session: &mut impl Session, before: &Mark, after: &Mark) -> Result<(), Error> {
    let found = judged(session).await?;
    if found != *before {
        return Err(Error::Conflict(format!(
            "judging stands at frame {} with verdicts up to {}, not at frame {} with verdicts up to {}",
            found.clicks_through, found.verdicts_through, before.clicks_through, before.verdicts_through
        )));
    }
    let forward = found.clicks_through <= after.clicks_through && found.verdicts_through <= after.verdicts_through;
    invariant!(I5, forward, "the judge's mark runs back from {found:?} to {after:?}");
    let args = [after.clicks_through.into(), after.verdicts_through.into()];
    let marks = session.execute(PUT_JUDGED, &args).await?;
    invariant!(I5, marks == 1, "the judge has {marks} marks");
    Ok(())
}

/// Sets the judge's mark, and forgets which hours are stale: the verdict log is followed again from its beginning.
pub(crate) async fn begin_again(session: &mut impl Session, judged: &Mark) -> Result<(), Error> {
    session.execute(PUT_JUDGED, &[judged.clicks_through.into(), judged.verdicts_through.into()]).await?;
    session.execute(FORGET_LATER, &[]).await?;
    session.execute(PUT_FOLLOWED, &[Seq::ZERO.into()]).await?;
    Ok(())
}

/// See [`Catalog::followed_through`](crate::Catalog::followed_through).
pub(crate) async fn followed_through(session: &mut impl Session) -> Result<Seq, Error> {
    one_row(session.fetch(FOLLOWED, &[], rows::followed).await?)
}

/// See [`Catalog::put_later_rulings`](crate::Catalog::put_later_rulings).
pub(crate) async fn put_later_rulings(
    session: &mut impl Session,
    rulings: &[LaterRuling],
    before: Seq,
    through: Seq,
) -> Result<(), Error> {
    let found = followed_through(session).await?;
    if found != before {
        return Err(Error::Conflict(format!("verdict frames are followed up to {found}, not up to {before}")));
    }
    invariant!(I1, before < through, "verdict frames up to {through} are followed after those up to {before}");
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
    session.execute(PUT_FOLLOWED, &[through.into()]).await?;
    Ok(())
}

/// See [`Catalog::stale_hours`](crate::Catalog::stale_hours).
pub(crate) async fn stale_hours(
    session: &mut impl Session,
    projection: &str,
    from: Hour,
    limit: u32,
) -> Result<Vec<StaleHour>, Error> {
    session.fetch(STALE, &[projection.into(), from.into(), limit.into()], rows::stale_hour).await
}

/// Sealed hours with all later rulings about them, and with those that their live segment does not know, by hour.
pub(crate) async fn ruled_hours(
    session: &mut impl Session,
    projection: &str,
) -> Result<Vec<(StaleHour, Option<StaleHour>)>, Error> {
    session.fetch(RULED, &[projection.into()], rows::ruled_hour).await
}
