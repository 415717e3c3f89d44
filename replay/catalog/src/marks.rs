//! How far everything goes that answers are read from, and what is missing in between.

use std::fmt;

use clicktrail_log::{position::Seq, time::Hour};
use clicktrail_verdicts::judge::Mark;

use crate::{
    error::Error,
    generation::{self, Generation},
    live,
    model::SealedHour,
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
        SELECT l.hour FROM live_segments l JOIN segments s ON s.segment_key = l.segment_key
        WHERE l.projection = $1) AS projected ON projected.hour = h.hour
    WHERE projected.hour IS NULL ORDER BY h.hour LIMIT $2";

const UNSEALED_RANGES: &str = "SELECT first_seq, last_seq FROM hot_partials WHERE first_seq > $1 ORDER BY first_seq";

/// How far everything goes, as of one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    /// Which making of the catalog it is.
    pub generation: Generation,
    /// The first sealed hour.
    pub first_hour: Option<SealedHour>,
    /// The last sealed hour.
    pub last_hour: Option<SealedHour>,
    /// The last frame that is counted, sealed or live: see
    /// [`counted_through`](crate::Catalog::counted_through).
    pub counted_through: Seq,
    /// How far the judge has come.
    pub judged: Mark,
    /// The last verdict frame that is known to the list of stale hours.
    pub followed: Seq,
    /// What is missing up to there. Nothing, unless rows were lost.
    pub holes: Vec<Hole>,
}

impl Marks {
    /// The last sealed frame; [`Seq::ZERO`] if there is none.
    pub fn sealed_through(&self) -> Seq {
        self.last_hour.as_ref().map_or(Seq::ZERO, |last| last.last_seq)
    }
}

/// Something that is not in the catalog, though what lies around it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hole {
    /// The second hour does not follow the first: hours or frames between them are not registered.
    Hours(Hour, Hour),
    /// A registered hour has no live segment.
    Segment(Hour),
    /// No hot partial holds these frames, and later ones are counted.
    Frames(Seq, Seq),
}

impl fmt::Display for Hole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hours(after, before) => write!(f, "hours or frames between {after} and {before}"),
            Self::Segment(hour) => write!(f, "the segment of {hour}"),
            Self::Frames(first, last) => write!(f, "the counts of frames {first} to {last}"),
        }
    }
}

/// Reads them. The session has to see one instant.
pub(crate) async fn read(session: &mut impl Session, projection: &str) -> Result<Marks, Error> {
    let last_hour = sealing::last_hour(session).await?;
    let sealed = last_hour.as_ref().map_or(Seq::ZERO, |last| last.last_seq);
    let ranges = session.fetch(UNSEALED_RANGES, &[sealed.into()], rows::partial_range).await?;
    let mut holes = session.fetch(HOLES_BETWEEN_HOURS, &[HOLES_MAX.into()], rows::hours_apart).await?;
    let without = [projection.into(), HOLES_MAX.into()];
    holes.extend(session.fetch(HOURS_WITHOUT_SEGMENT, &without, rows::hour_without_segment).await?);
    holes.extend(between(sealed, &ranges).take(HOLES_MAX as usize));
    Ok(Marks {
        generation: generation::read(session).await?,
        first_hour: sealing::list_hours(session, Hour::from_i64(i64::MIN / 2), 1).await?.pop(),
        last_hour,
        counted_through: live::counted_through(session).await?,
        judged: verdicts::judged(session).await?,
        followed: verdicts::followed_through(session).await?,
        holes,
    })
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
