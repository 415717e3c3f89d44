//! Hot partials: what is counted of the hours that are not sealed yet.

use clicktrail_log::{invariant, position::Seq, time::Hour};

use crate::{
    digest,
    error::Error,
    model::{HotPartial, SealedHour, Segment},
    rows,
    session::{Arg, Session},
};

const LAST_HOUR: &str = "
    SELECT hour, first_seq, last_seq, epoch, rows, parts, bytes, manifest_digest, row_digest
    FROM hours ORDER BY hour DESC LIMIT 1";

const LAST_PARTIAL: &str = "
    SELECT hour, first_seq, last_seq, last_frame, payload_digest, row_digest
    FROM hot_partials ORDER BY first_seq DESC LIMIT 1";

const PUT: &str = "
    INSERT INTO hot_partials (hour, first_seq, last_seq, last_frame, payload_digest, row_digest, payload)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

const RANGES_OF_HOUR: &str = "
    SELECT hour, first_seq, last_seq, last_frame, payload_digest, row_digest FROM hot_partials
    WHERE hour = $1 AND first_seq <= $3 AND last_seq >= $2 ORDER BY first_seq";

const DROP_OF_HOUR: &str = "DELETE FROM hot_partials WHERE hour = $1 AND first_seq >= $2 AND last_seq <= $3";

const OF_HOUR: &str = "
    SELECT hour, first_seq, last_seq, last_frame, payload, payload_digest, row_digest
    FROM hot_partials WHERE hour = $1 AND first_seq >= $2 ORDER BY first_seq LIMIT $3";

const TOUCHING: &str = "
    SELECT hour, first_seq, last_seq, last_frame, payload_digest, row_digest FROM hot_partials
    WHERE first_seq <= $2 AND last_seq >= $1 ORDER BY first_seq";

const DROP_FROM_TO: &str = "DELETE FROM hot_partials WHERE last_seq >= $1 AND first_seq <= $2";

const LIVE_SEGMENTS: &str = "
    SELECT s.projection, s.hour, s.segment_key, s.bytes, s.rows, s.input_digest, s.code_digest, s.output_digest,
        s.verdicts_before, s.row_digest
    FROM live_segments l JOIN segments s ON s.projection = l.projection AND s.hour = l.hour
        AND s.input_digest = l.input_digest AND s.code_digest = l.code_digest
    JOIN hours h ON h.hour = l.hour
    WHERE l.projection = $1 AND l.hour >= $2 AND l.hour <= $3 ORDER BY l.hour";

const SEALED_SEGMENTS: &str = "
    SELECT projection, hour, segment_key, bytes, rows, input_digest, code_digest, output_digest, verdicts_before,
        row_digest
    FROM segments WHERE sealed = 1 AND projection = $1 AND hour >= $2 AND hour <= $3 ORDER BY hour";

/// See [`Catalog::last_hour`](crate::Catalog::last_hour).
pub(crate) async fn last_hour(session: &mut impl Session) -> Result<Option<SealedHour>, Error> {
    Ok(session.fetch(LAST_HOUR, &[], rows::hour).await?.pop())
}

/// See [`Catalog::counted_through`](crate::Catalog::counted_through).
pub(crate) async fn counted_through(session: &mut impl Session) -> Result<Seq, Error> {
    let sealed = last_hour(session).await?.map_or(Seq::ZERO, |last| last.last_seq);
    let counted = last_partial(session).await?.map_or(Seq::ZERO, |last| last.last_seq);
    Ok(sealed.max(counted))
}

/// The last hot partial, without its payload.
pub(crate) async fn last_partial(session: &mut impl Session) -> Result<Option<HotPartial>, Error> {
    Ok(session.fetch(LAST_PARTIAL, &[], rows::partial_without_payload).await?.pop())
}

/// See [`Catalog::put_partial`](crate::Catalog::put_partial).
pub(crate) async fn put(session: &mut impl Session, partial: &HotPartial) -> Result<(), Error> {
    let counted = counted_through(session).await?;
    if partial.first_seq != counted.next() {
        let (first, last) = (partial.first_seq, partial.last_seq);
        return Err(Error::Conflict(format!("frames {first}–{last} do not follow frame {counted}, the last counted")));
    }
    insert(session, partial).await?;
    let now_counted = counted_through(session).await?;
    let reached = now_counted == partial.last_seq;
    invariant!(I1, reached, "frames up to {} were counted, the catalog says up to {now_counted}", partial.last_seq);
    Ok(())
}

/// Stores a partial that follows the last.
pub(crate) async fn insert(session: &mut impl Session, partial: &HotPartial) -> Result<(), Error> {
    let last_frame = digest::stored(partial.last_frame);
    let payload_digest = digest::of("payload", &[Arg::from(&partial.payload)]);
    let values = digest::partial(partial, &last_frame, &payload_digest);
    let row_digest = digest::of("hot_partials", &values);
    let more = [Arg::from(&row_digest), Arg::from(&partial.payload)];
    let args: Vec<Arg<'_>> = values.into_iter().chain(more).collect();
    session.execute(PUT, &args).await?;
    Ok(())
}

/// See [`Catalog::merge_partials`](crate::Catalog::merge_partials).
pub(crate) async fn merge(session: &mut impl Session, merged: &HotPartial, replaced: u32) -> Result<(), Error> {
    let range: [Arg<'_>; 3] = [merged.hour.into(), merged.first_seq.into(), merged.last_seq.into()];
    let standing = session.fetch(RANGES_OF_HOUR, &range, rows::partial_range).await?;
    if !covers(&standing, merged.first_seq, merged.last_seq) || u32::try_from(standing.len()) != Ok(replaced) {
        let (first, last, hour) = (merged.first_seq, merged.last_seq, merged.hour);
        return Err(Error::Conflict(format!(
            "not {replaced} hot partials of {hour} cover frames {first}–{last}, but these: {standing:?}"
        )));
    }
    let dropped = session.execute(DROP_OF_HOUR, &range).await?;
    invariant!(
        I1,
        dropped == u64::from(replaced),
        "{dropped} hot partials were dropped for {replaced} that were merged"
    );
    insert(session, merged).await
}

/// Whether `ranges`, in order, are `first..=last` without hole, overlap or overhang.
fn covers(ranges: &[(Seq, Seq)], first: Seq, last: Seq) -> bool {
    let mut next = first;
    for (from, to) in ranges {
        if *from != next || *to < *from {
            return false;
        }
        next = to.next();
    }
    !ranges.is_empty() && next == last.next()
}

/// See [`Catalog::partials`](crate::Catalog::partials).
pub(crate) async fn of_hour(
    session: &mut impl Session,
    hour: Hour,
    from: Seq,
    limit: u32,
) -> Result<Vec<HotPartial>, Error> {
    session.fetch(OF_HOUR, &[hour.into(), from.into(), limit.into()], rows::partial).await
}

/// See [`Catalog::partial_ranges`](crate::Catalog::partial_ranges).
pub(crate) async fn ranges_of_hour(session: &mut impl Session, hour: Hour) -> Result<Vec<(Seq, Seq)>, Error> {
    session.fetch(RANGES_OF_HOUR, &[hour.into(), Seq::ZERO.into(), Seq::MAX.into()], rows::partial_range).await
}

/// The frames of the partials that have a frame in `first..=last`, in order; none if that range is empty.
pub(crate) async fn touching(session: &mut impl Session, first: Seq, last: Seq) -> Result<Vec<(Seq, Seq)>, Error> {
    if last < first {
        return Ok(Vec::new());
    }
    let found = session.fetch(TOUCHING, &[first.into(), last.into()], rows::partial_range).await?;
    check_once(&found);
    Ok(found)
}

/// Each frame is in one partial at the most. Counting one frame after the other keeps it so, under a lock; the tables
/// alone do not.
pub(crate) fn check_once(ranges: &[(Seq, Seq)]) {
    for pair in ranges.windows(2) {
        let (end, begin) = (pair[0].1, pair[1].0);
        invariant!(I1, end < begin, "a hot partial ends with frame {end}, the next begins with frame {begin}");
    }
}

/// Drops `touched`, the partials that [`touching`] found for an hour whose last frame is `last`.
///
/// If one of them reaches beyond `last`, every later partial is dropped too, and live counting begins again at the
/// hour's end. If a later one stayed, counting would go on behind it, and nobody would count the frames in between.
pub(crate) async fn drop_touched(session: &mut impl Session, touched: &[(Seq, Seq)], last: Seq) -> Result<(), Error> {
    let (Some((first, _)), Some((_, end))) = (touched.first(), touched.last()) else { return Ok(()) };
    let through = if *end > last { Seq::MAX } else { last };
    session.execute(DROP_FROM_TO, &[(*first).into(), through.into()]).await?;
    Ok(())
}

/// The live segments of a range of registered hours, by hour.
pub(crate) async fn segments(
    session: &mut impl Session,
    projection: &str,
    from: Hour,
    to_inclusive: Hour,
) -> Result<Vec<Segment>, Error> {
    let range = [projection.into(), from.into(), to_inclusive.into()];
    session.fetch(LIVE_SEGMENTS, &range, rows::segment).await
}

/// What a range of hours counts from unless another segment is promoted, by hour.
pub(crate) async fn sealed_segments(
    session: &mut impl Session,
    projection: &str,
    from: Hour,
    to_inclusive: Hour,
) -> Result<Vec<Segment>, Error> {
    let range = [projection.into(), from.into(), to_inclusive.into()];
    session.fetch(SEALED_SEGMENTS, &range, rows::segment).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_only_without_hole_overlap_or_overhang() {
        let check = |ranges: &[(u64, u64)], expected: bool| {
            let seq = |n| Seq::new(n).unwrap();
            let ranges: Vec<_> = ranges.iter().map(|(from, to)| (seq(*from), seq(*to))).collect();
            assert_eq!(covers(&ranges, seq(5), seq(9)), expected, "{ranges:?}");
        };
        check(&[(5, 9)], true);
        check(&[(5, 5), (6, 8), (9, 9)], true);
        check(&[], false);
        check(&[(5, 8)], false);
        check(&[(6, 9)], false);
        check(&[(4, 9)], false);
        check(&[(5, 10)], false);
        check(&[(5, 6), (8, 9)], false);
        check(&[(5, 7), (7, 9)], false);
    }
}
