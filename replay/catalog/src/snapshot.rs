//! What an answer is read from, as of one instant: how far everything goes, and what is missing in between.

use clicktrail_log::{invariant, log::Stream, position::Seq, time::Hour};

use crate::{
    error::Error,
    generations::pointers,
    known_frames::{Became, KnownFrame},
    live, making,
    model::{Hole, HotPartial, Marks, Snapshot},
    rows, sealing,
    session::Session,
    verdicts,
};

/// So many holes of a kind are named.
const HOLES_MAX: u32 = 20;

const HOLES_BETWEEN_HOURS: &str = "
    SELECT previous, hour FROM (
        SELECT hour, first_seq, LAG(hour) OVER (ORDER BY hour) AS previous,
            LAG(last_seq) OVER (ORDER BY hour) AS previous_seq
        FROM hours) AS pairs
    WHERE previous IS NOT NULL AND (hour <> previous + 1 OR first_seq <> previous_seq + 1) ORDER BY hour LIMIT $1";

const HOURS_WITHOUT_SEGMENT: &str = "
    SELECT h.hour FROM hours h LEFT JOIN (
        SELECT l.hour FROM live_segments l JOIN segments s ON s.projection = l.projection AND s.hour = l.hour
            AND s.input_digest = l.input_digest AND s.code_digest = l.code_digest
        WHERE l.projection = $1) AS projected ON projected.hour = h.hour
    WHERE projected.hour IS NULL ORDER BY h.hour LIMIT $2";

const UNSEALED_RANGES: &str = "
    SELECT hour, first_seq, last_seq, last_frame, payload_digest, row_digest
    FROM hot_partials WHERE first_seq > $1 ORDER BY first_seq";

const UNSEALED: &str = "
    SELECT hour, first_seq, last_seq, last_frame, payload, payload_digest, row_digest FROM hot_partials
    WHERE hour >= $1 AND hour <= $2 AND first_seq > $3 ORDER BY first_seq";

/// See [`Catalog::snapshot`](crate::Catalog::snapshot). The session has to see one instant.
pub(crate) async fn snapshot(
    session: &mut impl Session,
    projection: &str,
    from: Hour,
    to_inclusive: Hour,
) -> Result<Snapshot, Error> {
    let marks = marks(session, projection).await?;
    let sealed = marks.sealed_through();
    let segments = live::segments(session, projection, from, to_inclusive).await?;
    let one_an_hour = segments.windows(2).all(|pair| pair[0].hour < pair[1].hour);
    invariant!(I9, one_an_hour, "an hour of {projection} has two live segments: {segments:?}");
    pointers::check(session, projection).await?;
    let pointers = pointers::of_range(session, projection, from, to_inclusive).await?;
    let unsealed = [from.into(), to_inclusive.into(), sealed.into()];
    let partials = session.fetch(UNSEALED, &unsealed, rows::partial).await?;
    live::check_once(&partials.iter().map(HotPartial::range).collect::<Vec<_>>());
    let (ruled, stale): (Vec<_>, Vec<_>) = verdicts::ruled_hours(session, projection).await?.into_iter().unzip();
    let stale = stale.into_iter().flatten().collect();
    Ok(Snapshot { segments, pointers, partials, stale, ruled, marks })
}

/// See [`Catalog::marks`](crate::Catalog::marks). The session has to see one instant.
pub(crate) async fn marks(session: &mut impl Session, projection: &str) -> Result<Marks, Error> {
    let last_hour = live::last_hour(session).await?;
    let sealed = last_hour.as_ref().map_or(Seq::ZERO, |last| last.last_seq);
    let ranges = session.fetch(UNSEALED_RANGES, &[sealed.into()], rows::partial_range).await?;
    let mut holes = session.fetch(HOLES_BETWEEN_HOURS, &[HOLES_MAX.into()], rows::hours_apart).await?;
    let without = [projection.into(), HOLES_MAX.into()];
    holes.extend(session.fetch(HOURS_WITHOUT_SEGMENT, &without, rows::hour_without_segment).await?);
    holes.extend(between(sealed, &ranges).take(HOLES_MAX as usize));
    let verdicts = verdicts::read(session).await?;
    Ok(Marks {
        making: making::read(session).await?,
        first_hour: sealing::list_hours(session, Hour::from_i64(i64::MIN / 2), 1).await?.pop(),
        last_hour,
        counted_through: live::counted_through(session).await?,
        judged: verdicts.judged,
        followed: verdicts.followed,
        holes,
    })
}

/// See [`Catalog::known_frames`](crate::Catalog::known_frames). The session has to see one instant.
pub(crate) async fn known_frames(session: &mut impl Session) -> Result<Vec<KnownFrame>, Error> {
    let mut known: Vec<KnownFrame> =
        live::last_partial(session).await?.iter().filter_map(KnownFrame::counted).collect();
    let marks = verdicts::read(session).await?;
    let marked = [
        (Stream::Clicks, marks.judged.clicks_through, marks.judged_frames.clicks, Became::Judged),
        (Stream::Verdicts, marks.judged.verdicts_through, marks.judged_frames.verdicts, Became::Judged),
        (Stream::Verdicts, marks.followed, marks.followed_frame, Became::Followed),
    ];
    known.extend(
        marked.into_iter().filter_map(|(stream, seq, digest, became)| {
            digest.map(|digest| KnownFrame { stream, seq, digest, became })
        }),
    );
    Ok(known)
}

/// The frames behind `sealed` that are in none of the ranges, which come in order, and before the last of them.
fn between(sealed: Seq, ranges: &[(Seq, Seq)]) -> impl Iterator<Item = Hole> {
    let ends = std::iter::once(sealed).chain(ranges.iter().map(|(_, last)| *last));
    let pairs = ends.zip(ranges.iter().map(|(first, _)| *first));
    pairs.filter(|(end, first)| end.next() < *first).map(|(end, first)| Hole::Frames(end.next(), first.previous()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_between_hot_partials_are_named() {
        let seq = |n| Seq::new(n).unwrap();
        let check = |sealed: u64, ranges: &[(u64, u64)], expected: &[(u64, u64)]| {
            let ranges: Vec<_> = ranges.iter().map(|(first, last)| (seq(*first), seq(*last))).collect();
            let expected: Vec<_> = expected.iter().map(|(first, last)| Hole::Frames(seq(*first), seq(*last))).collect();
            assert_eq!(between(seq(sealed), &ranges).collect::<Vec<_>>(), expected, "{ranges:?}");
        };
        check(4, &[], &[]);
        check(4, &[(5, 9), (10, 10)], &[]);
        check(4, &[(7, 9), (12, 12)], &[(5, 6), (10, 11)]);
    }
}
