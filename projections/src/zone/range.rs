//! A range of time between two bounds.

use std::ops;

use clicktrail_log::{
    time::Timestamp,
    zone::{DAY, Pieces, Zone, instant, joined, second, show},
};

use super::bound::{self, Bound, Unit};
use crate::error::Error;

/// The instants of a question: all of them, or pieces in order. It has more than one piece only where a bound is a date
/// whose day the zone's clocks entered twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range(Pieces);

impl Range {
    /// All of time.
    pub fn everything() -> Self {
        Self(std::iter::once(i64::MIN..i64::MAX).collect())
    }

    /// From a bound, inclusive, to another, exclusive.
    ///
    /// # Errors
    /// [`Error::Argument`] if nothing lies between them.
    pub fn between(from: Option<Bound>, to: Option<Bound>, zone: &Zone) -> Result<Self, Error> {
        let after = from.map_or_else(|| Self::everything().0, |from| from.not_before(zone));
        let before = to.map_or_else(|| Self::everything().0, |to| to.before(zone));
        let both = after.iter().flat_map(|after| before.iter().map(move |before| overlap(after, before)));
        let pieces = joined(both);
        if let (true, Some(from), Some(to)) = (pieces.is_empty(), from, to) {
            let (from, to) = (zone.show(second(from.first(zone))), zone.show(second(to.first(zone))));
            let why = match from == to {
                true => "the end is exclusive, so this range is empty: for a whole day, end with the next one",
                false => "the range ends before it begins",
            };
            return Err(Error::Argument(format!("from {from} to {to} there is nothing: {why}")));
        }
        Ok(Self(pieces))
    }

    /// A calendar month of the zone, as in `2026-11`.
    ///
    /// # Errors
    /// [`Error::Argument`] if it is none, or does not begin and end with whole minutes of UTC.
    pub fn month(text: &str, zone: &Zone) -> Result<Self, Error> {
        let (first, next) = bound::month(text).ok_or_else(|| {
            Error::Argument(format!("{text:?} is not a month: use a year and a month, as in 2026-11"))
        })?;
        let pieces = zone.pieces(first * DAY, next * DAY);
        let mut edges = pieces.iter().flat_map(|piece| [piece.start, piece.end]);
        match edges.find(|edge| edge.rem_euclid(60) != 0) {
            Some(edge) => Err(Error::Argument(format!(
                "the month {text} of {zone} begins or ends at {}, but counters are kept by whole minutes of UTC: use \
                 another --timezone",
                show(edge, 0)
            ))),
            None => Ok(Self(pieces)),
        }
    }

    /// Whether an instant is in it.
    pub fn holds(&self, at: Timestamp) -> bool {
        let at = second(at);
        self.0.iter().any(|piece| piece.contains(&at))
    }

    /// Its pieces, from the first instant to the first one behind; `None` where there is no bound.
    pub fn pieces(&self) -> impl Iterator<Item = (Option<Timestamp>, Option<Timestamp>)> {
        let bound = |second: i64| (second > i64::MIN && second < i64::MAX).then(|| instant(second));
        self.0.iter().map(move |piece| (bound(piece.start), bound(piece.end)))
    }

    /// The first instant behind it; `None` if it has no end.
    pub fn end(&self) -> Option<Timestamp> {
        self.0.last().map(|piece| piece.end).filter(|end| *end < i64::MAX).map(instant)
    }

    /// As [`between`](Self::between), of bounds as a person writes them. An error names the flag of the bound.
    ///
    /// # Errors
    /// As [`Bound::parse`] and [`between`](Self::between).
    pub fn parse(from: Option<&str>, to: Option<&str>, zone: &Zone, unit: Unit) -> Result<Self, Error> {
        let parse = |flag: &str, text: Option<&str>| {
            let bound = text.map(|text| Bound::read(text, zone, unit)).transpose();
            bound.map_err(|what| Error::Argument(format!("{flag}: {what}")))
        };
        Self::between(parse("--from", from)?, parse("--to", to)?, zone)
    }
}

fn overlap(one: &ops::Range<i64>, other: &ops::Range<i64>) -> ops::Range<i64> {
    one.start.max(other.start)..one.end.min(other.end)
}
