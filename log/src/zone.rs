//! Time zones: a table of offsets by the name of a place, and the sets of instants that local clocks make of it.
//!
//! Everything here follows from one question, which the table answers without doubt: how far are local clocks ahead of
//! UTC at an instant? The other way, from a wall time to an instant, has none, one or two answers.

use std::{fmt, ops, str::FromStr, sync::Arc};

use arrow::array::timezone::Tz;
use chrono::{DateTime, FixedOffset, LocalResult, NaiveDateTime, Offset as _, SecondsFormat, TimeZone as _, Utc};

use crate::time::Timestamp;

/// Seconds of a day whose clocks are left alone. No offset is larger.
pub const DAY: i64 = 86_400;
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
pub struct Span {
    /// The first second.
    pub from: i64,
    /// The first second behind it.
    pub to: i64,
    /// Seconds by which local clocks are ahead of UTC.
    pub ahead: i64,
}

/// Ranges of seconds since the Unix epoch, in order and apart from each other.
pub type Pieces = Vec<ops::Range<i64>>;

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
    pub fn ahead(&self, second: i64) -> i64 {
        self.offset(second).local_minus_utc().into()
    }

    fn offset(&self, second: i64) -> FixedOffset {
        let (first, last) = FIRST_AND_LAST;
        let time = DateTime::from_timestamp(second.clamp(first, last), 0).expect("years 1 to 9999 are representable");
        self.table.offset_from_utc_datetime(&time.naive_utc()).fix()
    }

    /// The spans between two instants, cut where clocks are changed.
    pub fn spans(&self, from: i64, to: i64) -> Vec<Span> {
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
    pub fn pieces(&self, from: i64, to: i64) -> Pieces {
        let spans = self.spans(from.saturating_sub(DAY), to.saturating_add(DAY));
        let shown = |span: &Span| span.from.max(from - span.ahead)..span.to.min(to - span.ahead);
        joined(spans.iter().map(shown))
    }

    /// The instants at which local clocks show `wall` or more.
    pub fn not_before(&self, wall: i64) -> Pieces {
        let spans = self.spans(wall - DAY, wall + DAY);
        let mut pieces = joined(spans.iter().map(|span| span.from.max(wall - span.ahead)..span.to));
        pieces.last_mut().expect("a day after it every clock shows more").end = i64::MAX;
        pieces
    }

    /// The instants at which local clocks show less than `wall`.
    pub fn before(&self, wall: i64) -> Pieces {
        let spans = self.spans(wall - DAY, wall + DAY);
        let mut pieces = joined(spans.iter().map(|span| span.from..span.to.min(wall - span.ahead)));
        pieces.first_mut().expect("a day before it every clock shows less").start = i64::MIN;
        pieces
    }

    /// The instants at which local clocks show `wall`: two where they were put back over it, none where forward.
    pub fn instants(&self, wall: i64) -> Vec<i64> {
        let spans = self.spans(wall - DAY, wall + DAY);
        let shown = |span: &Span| Some(wall - span.ahead).filter(|instant| (span.from..span.to).contains(instant));
        spans.iter().filter_map(shown).collect()
    }

    /// The two instants that a wall time could mean that no clock has shown: by the clocks before the change, and by
    /// those after it.
    pub fn readings(&self, wall: i64) -> Option<[(i64, i64); 2]> {
        let spans = self.spans(wall - DAY, wall + DAY);
        let skipped = |pair: &&[Span]| wall - pair[0].ahead >= pair[0].to && wall - pair[1].ahead < pair[1].from;
        let pair = spans.windows(2).find(skipped)?;
        Some([(wall - pair[0].ahead, pair[0].ahead), (wall - pair[1].ahead, pair[1].ahead)])
    }

    /// The instant of a local time that somebody else wrote, who cannot be asked what was meant. Where clocks were put
    /// back and showed it twice, the first; where they were put forward over it, as if they had not yet been put.
    pub fn instant_of(&self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        // Nearly every time is one instant, and the table says so faster than the spans around it.
        if let LocalResult::Single(offset) = self.table.offset_from_local_datetime(&local) {
            return local.checked_sub_offset(offset.fix());
        }
        let wall = local.and_utc().timestamp();
        let first = self.instants(wall).first().copied();
        let second = first.or_else(|| self.readings(wall).map(|[(before, _), _]| before))?;
        let ahead = i32::try_from(wall - second).ok().and_then(FixedOffset::east_opt)?;
        local.checked_sub_offset(ahead)
    }

    /// An instant as RFC 3339 with the zone's offset; in UTC where that is no whole minutes.
    pub fn show(&self, second: i64) -> String {
        show(second, self.ahead(second))
    }
}

/// An instant as RFC 3339 by clocks that are `ahead` of UTC.
pub fn show(second: i64, ahead: i64) -> String {
    let whole = if ahead % 60 == 0 { ahead } else { 0 };
    let offset = i32::try_from(whole).ok().and_then(FixedOffset::east_opt);
    match (DateTime::<Utc>::from_timestamp(second, 0), offset) {
        (Some(time), Some(offset)) => time.with_timezone(&offset).to_rfc3339_opts(SecondsFormat::Secs, true),
        (None, _) | (_, None) => format!("{second} s"),
    }
}

/// Ranges that touch as one, empty ones left out.
pub fn joined(ranges: impl Iterator<Item = ops::Range<i64>>) -> Pieces {
    let mut pieces: Pieces = Vec::new();
    for range in ranges.filter(|range| !range.is_empty()) {
        match pieces.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            Some(_) | None => pieces.push(range),
        }
    }
    pieces
}

/// The second in which an instant lies.
pub fn second(instant: Timestamp) -> i64 {
    instant.micros().div_euclid(MICROS)
}

/// The first instant of a second; it stops at the ends of the range.
pub fn instant(second: i64) -> Timestamp {
    Timestamp::from_micros(second.saturating_mul(MICROS))
}

/// The text names no zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time zone: use an IANA name, as in Europe/Berlin, or an offset, as in +02:00")]
pub struct Unknown(String);

impl FromStr for Zone {
    type Err = Unknown;

    fn from_str(text: &str) -> Result<Self, Unknown> {
        Ok(Self { name: text.into(), table: text.parse().map_err(|_| Unknown(text.to_owned()))? })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(zone: &str, local: &str, expected: &str) {
        let local: NaiveDateTime = local.parse().unwrap();
        let instant = zone.parse::<Zone>().unwrap().instant_of(local).unwrap();
        assert_eq!(instant.format("%Y-%m-%dT%H:%M:%S").to_string(), expected, "{zone} {local}");
    }

    #[test]
    fn local_time_of_a_log_is_one_instant() {
        check("UTC", "2026-05-12T09:00:01", "2026-05-12T09:00:01");
        check("+05:30", "2026-05-12T09:00:01", "2026-05-12T03:30:01");
        check("-08:00", "2026-05-12T20:00:01", "2026-05-13T04:00:01");
        check("Europe/Berlin", "2026-01-12T09:00:01", "2026-01-12T08:00:01");
        check("Europe/Berlin", "2026-05-12T09:00:01", "2026-05-12T07:00:01");
        // Twice in autumn: the first. Never in spring: as if it were still winter.
        check("Europe/Berlin", "2026-10-25T02:30:00", "2026-10-25T00:30:00");
        check("Europe/Berlin", "2026-10-25T03:00:00", "2026-10-25T02:00:00");
        check("Europe/Berlin", "2026-03-29T02:30:00", "2026-03-29T01:30:00");
        check("Europe/Berlin", "2026-03-29T01:59:59", "2026-03-29T00:59:59");
        check("Australia/Lord_Howe", "2026-10-04T02:15:00", "2026-10-03T15:45:00");
        check("Pacific/Apia", "2011-12-30T12:00:00", "2011-12-30T22:00:00");
    }

    #[test]
    fn an_unknown_zone_is_refused() {
        for zone in ["", "CET+1", "Berlin", "+25:00", "+x", "Europe/berlin "] {
            let message = zone.parse::<Zone>().unwrap_err().to_string();
            assert!(message.contains(zone) && message.contains("Europe/Berlin"), "{message}");
        }
    }
}
