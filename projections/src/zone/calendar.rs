//! A zone's table of offsets, and the sets of instants that local clocks make of it.

use std::{fmt, ops, str::FromStr, sync::Arc};

use chrono::{DateTime, Datelike as _, FixedOffset, Months, NaiveDate, Offset as _, SecondsFormat, TimeZone as _, Utc};
use clicktrail_log::time::Timestamp;
use datafusion::arrow::array::timezone::Tz;

use crate::error::Error;

/// Seconds of a day whose clocks are left alone. No offset is larger.
pub(crate) const DAY: i64 = 86_400;
/// How far apart a zone's table is looked at. No zone has changed its clocks twice within it.
const STEP: i64 = 3_600;
const MICROS: i64 = 1_000_000;
/// The first second of year 1 and the last of year 9999: no table changes anything outside them.
const FIRST_AND_LAST: (i64, i64) = (-62_135_596_800, 253_402_300_799);

/// A time zone: an IANA name, as in `Europe/Berlin`, or a fixed offset, as in `+02:00`.
#[derive(Clone)]
pub struct Zone {
    name: Arc<str>,
    table: Tz,
}

/// A stretch of time in which the clocks of a zone were not changed: `[from, to)` in seconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: i64,
    pub(crate) to: i64,
    /// Seconds by which local clocks are ahead of UTC.
    pub(crate) ahead: i64,
}

/// Ranges of seconds since the Unix epoch, in order and apart from each other.
pub(crate) type Pieces = Vec<ops::Range<i64>>;

impl Zone {
    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self { name: "UTC".into(), table: "UTC".parse().expect("every table has UTC") }
    }

    /// As it was named.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// By how many seconds local clocks are ahead of UTC at an instant.
    pub(crate) fn ahead(&self, second: i64) -> i64 {
        self.offset(second).local_minus_utc().into()
    }

    fn offset(&self, second: i64) -> FixedOffset {
        let (first, last) = FIRST_AND_LAST;
        let time = DateTime::from_timestamp(second.clamp(first, last), 0).expect("years 1 to 9999 are representable");
        self.table.offset_from_utc_datetime(&time.naive_utc()).fix()
    }

    /// The spans between two instants, cut where clocks are changed.
    pub(crate) fn spans(&self, from: i64, to: i64) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut span = Span { from, to, ahead: self.ahead(from) };
        let mut seen = from;
        while seen < to {
            let next = seen.saturating_add(STEP).min(to);
            if self.ahead(next) == span.ahead {
                seen = next;
                continue;
            }
            // Clocks are changed behind `before` and not later than at `after`.
            let (mut before, mut after) = (seen, next);
            while after - before > 1 {
                let middle = before + (after - before) / 2;
                match self.ahead(middle) == span.ahead {
                    true => before = middle,
                    false => after = middle,
                }
            }
            if after == to {
                break;
            }
            spans.push(Span { to: after, ..span });
            span = Span { from: after, to, ahead: self.ahead(after) };
            seen = after;
        }
        spans.push(span);
        spans
    }

    /// The instants at which local clocks show `[from, to)`, both as if they were UTC: a day has one piece, or two, or
    /// none where it was left out of the calendar.
    pub(crate) fn pieces(&self, from: i64, to: i64) -> Pieces {
        let spans = self.spans(from.saturating_sub(DAY), to.saturating_add(DAY));
        let shown = |span: &Span| span.from.max(from - span.ahead)..span.to.min(to - span.ahead);
        joined(spans.iter().map(shown))
    }

    /// The instants at which local clocks show `wall` or more.
    pub(crate) fn not_before(&self, wall: i64) -> Pieces {
        let spans = self.spans(wall - DAY, wall + DAY);
        let mut pieces = joined(spans.iter().map(|span| span.from.max(wall - span.ahead)..span.to));
        pieces.last_mut().expect("a day after it every clock shows more").end = i64::MAX;
        pieces
    }

    /// The instants at which local clocks show less than `wall`.
    pub(crate) fn before(&self, wall: i64) -> Pieces {
        let spans = self.spans(wall - DAY, wall + DAY);
        let mut pieces = joined(spans.iter().map(|span| span.from..span.to.min(wall - span.ahead)));
        pieces.first_mut().expect("a day before it every clock shows less").start = i64::MIN;
        pieces
    }

    /// The instants at which local clocks show `wall`: two where they were put back over it, none where forward.
    pub(crate) fn instants(&self, wall: i64) -> Vec<i64> {
        let spans = self.spans(wall - DAY, wall + DAY);
        let shown = |span: &Span| Some(wall - span.ahead).filter(|instant| (span.from..span.to).contains(instant));
        spans.iter().filter_map(shown).collect()
    }

    /// The two instants that a wall time could mean that no clock has shown: by the clocks before the change, and by
    /// those after it.
    pub(crate) fn readings(&self, wall: i64) -> Option<[(i64, i64); 2]> {
        let spans = self.spans(wall - DAY, wall + DAY);
        let skipped = |pair: &&[Span]| wall - pair[0].ahead >= pair[0].to && wall - pair[1].ahead < pair[1].from;
        let pair = spans.windows(2).find(skipped)?;
        Some([(wall - pair[0].ahead, pair[0].ahead), (wall - pair[1].ahead, pair[1].ahead)])
    }

    /// An instant as RFC 3339 with the zone's offset; in UTC where that is no whole minutes.
    pub(crate) fn show(&self, second: i64) -> String {
        show(second, self.ahead(second))
    }
}

/// An instant as RFC 3339 by clocks that are `ahead` of UTC.
pub(crate) fn show(second: i64, ahead: i64) -> String {
    let whole = if ahead % 60 == 0 { ahead } else { 0 };
    let offset = i32::try_from(whole).ok().and_then(FixedOffset::east_opt);
    match (DateTime::<Utc>::from_timestamp(second, 0), offset) {
        (Some(time), Some(offset)) => time.with_timezone(&offset).to_rfc3339_opts(SecondsFormat::Secs, true),
        (None, _) | (_, None) => format!("{second} s"),
    }
}

/// Ranges that touch as one, empty ones left out.
pub(super) fn joined(ranges: impl Iterator<Item = ops::Range<i64>>) -> Pieces {
    let mut pieces: Pieces = Vec::new();
    for range in ranges.filter(|range| !range.is_empty()) {
        match pieces.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            Some(_) | None => pieces.push(range),
        }
    }
    pieces
}

/// The day of an instant on clocks, as days since 1970-01-01.
pub(crate) fn day_of(wall: i64) -> i64 {
    wall.div_euclid(DAY)
}

/// A date as days since 1970-01-01.
pub(crate) fn days(date: NaiveDate) -> i64 {
    i64::from(date.num_days_from_ce()) - 719_163
}

/// The days of the month around a day, both as days since 1970-01-01; the day alone where no calendar reaches.
pub(crate) fn month_around(day: i64) -> ops::Range<i64> {
    let date = i32::try_from(day + 719_163).ok().and_then(NaiveDate::from_num_days_from_ce_opt);
    let first = date.and_then(|date| date.with_day(1));
    let next = first.and_then(|first| first.checked_add_months(Months::new(1)));
    first.zip(next).map_or(day..day + 1, |(first, next)| days(first)..days(next))
}

/// The second in which an instant lies.
pub(crate) fn second(instant: Timestamp) -> i64 {
    instant.micros().div_euclid(MICROS)
}

/// The first instant of a second; it stops at the ends of the range.
pub(crate) fn instant(second: i64) -> Timestamp {
    Timestamp::from_micros(second.saturating_mul(MICROS))
}

impl FromStr for Zone {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let unknown = || {
            Error::Argument(format!(
                "{text:?} is not a time zone: use an IANA name, as in Europe/Berlin, or an offset, as in +02:00"
            ))
        };
        Ok(Self { name: text.into(), table: text.parse().map_err(|_| unknown())? })
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Zone").field(&self.name).finish()
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}
