//! The end of a rebuild: what was built beside takes the place of what is there, in one transaction.
//!
//! What is the same in both stays untouched, with what its comparison found. So a rebuild of a sound catalog writes
//! next to nothing, however many hours there are.

use std::collections::{BTreeMap, BTreeSet};

use clicktrail_log::{
    invariant,
    position::Seq,
    time::{Hour, Timestamp},
};

use crate::{
    error::Error,
    generations::{pointers, restore},
    live, making,
    model::{Making, Reconciliation, SealedHour, Segment},
    registry,
    replacement::{Registered, Replacement},
    rows, sealing,
    session::Session,
    verdicts,
};

const LATER_PARTIALS: &str = "
    SELECT hour, first_seq, last_seq, last_frame, payload_digest, row_digest
    FROM hot_partials WHERE first_seq > $1 ORDER BY first_seq";

const DROP_PARTIALS_THROUGH: &str = "DELETE FROM hot_partials WHERE first_seq <= $1";

const COMPARED: &str = "
    SELECT projection, hour, outcome, sealed_rows, hot_rows, detail, compared_at, row_digest
    FROM reconciliations WHERE projection = $1 ORDER BY hour";

/// For an hour that has another manifest now. Pointers before what they point at.
const DROP_HOUR: [&str; 4] = [
    "DELETE FROM live_segments WHERE hour = $1",
    "DELETE FROM segments WHERE hour = $1",
    "DELETE FROM reconciliations WHERE hour = $1",
    "DELETE FROM hours WHERE hour = $1",
];

const DROP_OTHER_HOURS: [&str; 4] = [
    "DELETE FROM live_segments WHERE hour < $1 OR hour > $2",
    "DELETE FROM segments WHERE hour < $1 OR hour > $2",
    "DELETE FROM reconciliations WHERE hour < $1 OR hour > $2",
    "DELETE FROM hours WHERE hour < $1 OR hour > $2",
];

const PROMOTED_PROJECTIONS: &str = "SELECT DISTINCT projection FROM promotions";

/// See [`Catalog::replace`](crate::Catalog::replace).
pub(crate) async fn replace(
    session: &mut impl Session,
    replacement: &Replacement,
    actor: &str,
    now: Timestamp,
) -> Result<Making, Error> {
    replacement.check();
    let last = live::last_hour(session).await?;
    let counted = live::counted_through(session).await?;
    check_unmoved(replacement, last.as_ref(), counted)?;
    put_hours(session, &replacement.hours).await?;
    for record in &replacement.promotions {
        restore::restore(session, record).await?;
    }
    point(session, &replacement.hours).await?;
    put_partials(session, replacement).await?;
    let marks = verdicts::read(session).await?;
    let is_further = replacement.judged.clicks_through > marks.judged.clicks_through;
    let (judged, frames) = match is_further || replacement.judged == marks.judged {
        true => (replacement.judged, replacement.judged_frames),
        false => (marks.judged, marks.judged_frames),
    };
    verdicts::begin_again(session, &judged, frames).await?;
    let reached = live::counted_through(session).await?;
    let is_whole = replacement.partials.is_none() || reached == replacement.counted_through();
    invariant!(I1, is_whole, "counting would go on behind frame {reached}, not {}", replacement.counted_through());
    let text = |last: Option<&SealedHour>| last.map_or("none".to_owned(), |last| last.hour.to_string());
    let (was, is, hours) = (text(last.as_ref()), text(replacement.last()), replacement.hours.len());
    let mut detail =
        format!("{hours} hours; the last is {is}, it was {was}; counted through {reached}, it was {counted}");
    if !replacement.promotions.is_empty() {
        detail.push_str(&format!("; {} promotions from the archive", replacement.promotions.len()));
    }
    registry::audit(session, actor, now, "rebuild", &detail).await?;
    making::raise(session).await
}

/// Nothing may be lost that was registered or counted while the replacement was built.
fn check_unmoved(replacement: &Replacement, last: Option<&SealedHour>, counted: Seq) -> Result<(), Error> {
    let seen = &replacement.seen;
    if last != seen.last_hour.as_ref() {
        let (now, then) = (last.map(|last| last.hour), seen.last_hour.as_ref().map(|last| last.hour));
        return Err(Error::Conflict(format!("the last sealed hour is {now:?}, it was {then:?}")));
    }
    if counted > seen.counted_through.max(replacement.counted_through()) {
        let built = replacement.counted_through();
        return Err(Error::Conflict(format!("frames are counted up to {counted}, the rebuild counts up to {built}")));
    }
    Ok(())
}

async fn put_hours(session: &mut impl Session, hours: &[Registered]) -> Result<(), Error> {
    let (Some(first), Some(last)) = (hours.first(), hours.last()) else {
        let none = [Hour::from_i64(i64::MAX / 2).into(), Hour::from_i64(i64::MIN / 2).into()];
        for statement in DROP_OTHER_HOURS {
            session.execute(statement, &none).await?;
        }
        return Ok(());
    };
    let projection = first.segment.projection.as_str();
    let (from, to) = (first.hour.hour, last.hour.hour);
    for statement in DROP_OTHER_HOURS {
        session.execute(statement, &[from.into(), to.into()]).await?;
    }
    let standing = sealing::list_hours(session, from, u32::MAX).await?;
    let standing: BTreeMap<Hour, SealedHour> = standing.into_iter().map(|hour| (hour.hour, hour)).collect();
    let segments = live::sealed_segments(session, projection, from, to).await?;
    let segments: BTreeMap<Hour, Segment> = segments.into_iter().map(|segment| (segment.hour, segment)).collect();
    let compared = session.fetch(COMPARED, &[projection.into()], rows::reconciliation).await?;
    let compared: BTreeMap<Hour, Reconciliation> = compared.into_iter().map(|row| (row.hour, row)).collect();
    for registered in hours {
        let hour = registered.hour.hour;
        let is_same = standing.get(&hour) == Some(&registered.hour) && segments.get(&hour) == Some(&registered.segment);
        let compared = compared.get(&hour).filter(|_| is_same);
        if compared.is_some() {
            continue;
        }
        let is_of_it = |standing: &SealedHour| standing.manifest_digest == registered.hour.manifest_digest;
        if !standing.get(&hour).is_some_and(is_of_it) {
            for statement in DROP_HOUR {
                session.execute(statement, &[hour.into()]).await?;
            }
        }
        sealing::put(session, &registered.hour, &registered.segment, &registered.reconciliation).await?;
    }
    Ok(())
}

/// Moves the pointers of every projection to where they have to be.
async fn point(session: &mut impl Session, hours: &[Registered]) -> Result<(), Error> {
    let promoted = session.fetch(PROMOTED_PROJECTIONS, &[], rows::generations::projection).await?;
    let sealed = hours.first().map(|first| first.segment.projection.clone());
    let projections: BTreeSet<String> = promoted.into_iter().chain(sealed).collect();
    let (first, last) = (Hour::from_i64(i64::MIN / 2), Hour::from_i64(i64::MAX / 2));
    for projection in projections {
        pointers::stand(session, &projection, first, last).await?;
    }
    Ok(())
}

async fn put_partials(session: &mut impl Session, replacement: &Replacement) -> Result<(), Error> {
    let sealed = replacement.last().map_or(Seq::ZERO, |last| last.last_seq);
    let kept = match &replacement.partials {
        None => session.fetch(LATER_PARTIALS, &[sealed.into()], rows::partial_range).await?,
        Some(_) => Vec::new(),
    };
    let follows = kept.first().is_some_and(|(first, _)| *first == sealed.next());
    let through = if follows { sealed } else { Seq::MAX };
    session.execute(DROP_PARTIALS_THROUGH, &[through.into()]).await?;
    for partial in replacement.partials.iter().flatten() {
        live::insert(session, partial).await?;
    }
    Ok(())
}
