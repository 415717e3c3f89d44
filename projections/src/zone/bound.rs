//! Where a range of time begins or ends, as a person writes it.
//!
//! One rule for every command: a date is a local day of the zone; a time without an offset is what the zone's clocks
//! show; a time with an offset is that instant. What is not clear is refused with what to write instead: a time that
//! clocks showed twice or never, a date that the calendar left out, an edge inside what is counted or sealed whole.

use chrono::{Months, NaiveDate, NaiveTime, Timelike as _};
use clicktrail_log::time::{Hour, Timestamp};

use super::calendar::{DAY, Pieces, Zone, days, instant, second, show};
use crate::error::Error;

/// What cannot be divided: an edge of a range must not lie inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Counters are kept by the minute of UTC.
    Minute,
    /// Hours of UTC are sealed and judged whole.
    Hour,
}

impl Unit {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Minute, Self::Hour];

    /// The word in files and messages, and in `date_trunc`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
        }
    }

    /// How long it is.
    pub const fn micros(self) -> i64 {
        self.seconds() * 1_000_000
    }

    const fn seconds(self) -> i64 {
        match self {
            Self::Minute => 60,
            Self::Hour => 3_600,
        }
    }

    const fn why(self) -> &'static str {
        match self {
            Self::Minute => "counters are kept by whole minutes of UTC",
            Self::Hour => "hours are sealed whole, by UTC",
        }
    }
}

/// Where a range begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// At a local day, as days since 1970-01-01.
    Day(i64),
    /// At an instant.
    Instant(Timestamp),
}

const FORMS: &str = "use a date, as in 2026-11-22, a time of the zone, as in 2026-11-22T14:00, or a time with its \
                     offset, as in 2026-11-22T14:00:00Z";

impl Bound {
    /// Reads a bound.
    ///
    /// # Errors
    /// [`Error::Argument`] says what is unclear and what to write instead.
    pub fn parse(text: &str, zone: &Zone, unit: Unit) -> Result<Self, Error> {
        Self::read(text, zone, unit).map_err(Error::Argument)
    }

    /// As [`parse`](Self::parse); the error is what to tell.
    pub(super) fn read(text: &str, zone: &Zone, unit: Unit) -> Result<Self, String> {
        let unreadable = || format!("{text:?} is neither a date nor a time: {FORMS}");
        let (date, rest) = text.split_at_checked(10).ok_or_else(unreadable)?;
        let date = self::date(date).ok_or_else(unreadable)?;
        if rest.is_empty() {
            let bound = Self::Day(days(date));
            bound.check_day(text, zone)?;
            return bound.check_edges(text, zone, unit);
        }
        let time = rest.strip_prefix(['T', 't', ' ']).ok_or_else(unreadable)?;
        let (time, ahead) = split_offset(time).ok_or_else(unreadable)?;
        let time = self::time(time).ok_or_else(unreadable)?;
        let wall = days(date) * DAY + i64::from(time.num_seconds_from_midnight());
        let whole = match ahead {
            Some(ahead) => wall - ahead,
            None => at_wall(text, wall, zone)?,
        };
        if time.nanosecond() > 0 {
            return Err(inside(text, whole, zone, unit));
        }
        Self::Instant(instant(whole)).check_edges(text, zone, unit)
    }

    /// The first instant that is not before it.
    pub fn first(&self, zone: &Zone) -> Timestamp {
        instant(self.not_before(zone)[0].start)
    }

    /// What a range that begins here holds.
    pub(super) fn not_before(&self, zone: &Zone) -> Pieces {
        match self {
            Self::Day(day) => zone.not_before(day * DAY),
            Self::Instant(at) => std::iter::once(second(*at)..i64::MAX).collect(),
        }
    }

    /// What a range that ends here holds.
    pub(super) fn before(&self, zone: &Zone) -> Pieces {
        match self {
            Self::Day(day) => zone.before(day * DAY),
            Self::Instant(at) => std::iter::once(i64::MIN..second(*at)).collect(),
        }
    }

    /// Refuses a date that the zone's calendar left out.
    fn check_day(&self, text: &str, zone: &Zone) -> Result<(), String> {
        let Self::Day(day) = *self else { return Ok(()) };
        if !zone.pieces(day * DAY, (day + 1) * DAY).is_empty() {
            return Ok(());
        }
        let next = zone.show(zone.not_before(day * DAY)[0].start);
        Err(format!(
            "{text} does not exist in {zone}: its calendar went from the day before to {next}: write {}",
            &next[..10]
        ))
    }

    /// Refuses an edge inside of what cannot be divided.
    fn check_edges(self, text: &str, zone: &Zone, unit: Unit) -> Result<Self, String> {
        let pieces = self.not_before(zone);
        let edges = pieces.iter().flat_map(|piece| [piece.start, piece.end]).filter(|edge| *edge < i64::MAX);
        for edge in edges {
            if edge.rem_euclid(unit.seconds()) != 0 {
                return Err(inside(text, edge, zone, unit));
            }
        }
        Ok(self)
    }
}

/// Reads one hour of UTC: `2026-11-22T14`, or a time that is the beginning of one.
///
/// # Errors
/// [`Error::Argument`] if it is none.
pub fn hour(text: &str) -> Result<Hour, Error> {
    let refused = || Error::Argument(format!("{text:?} is not an hour: use an hour of UTC, as in 2026-11-22T14"));
    match Bound::parse(text, &Zone::utc(), Unit::Hour) {
        Ok(Bound::Instant(at)) => Ok(at.hour()),
        Ok(Bound::Day(_)) | Err(_) => Err(refused()),
    }
}

/// An edge that divides what is one: names the whole ones beside it.
fn inside(text: &str, edge: i64, zone: &Zone, unit: Unit) -> String {
    let below = edge - edge.rem_euclid(unit.seconds());
    let shown = |second: i64| if zone.ahead(second) % 60 == 0 { zone.show(second) } else { show(second, 0) };
    let is_there = match text.len() {
        10 => format!("the day {text} of {zone} begins at {}", show(edge, 0)),
        _ => text.to_owned(),
    };
    let (below, above) = (shown(below), shown(below + unit.seconds()));
    format!("{is_there}, but {}: write {below} or {above}", unit.why())
}

/// The one instant at which the zone's clocks showed a time.
fn at_wall(text: &str, wall: i64, zone: &Zone) -> Result<i64, String> {
    let instants = zone.instants(wall);
    if let [only] = instants[..] {
        return Ok(only);
    }
    if let [first, .., last] = instants[..] {
        let (first, last) = (zone.show(first), zone.show(last));
        return Err(format!("clocks in {zone} showed {text} twice, as they were put back: write {first} or {last}"));
    }
    let readings = zone.readings(wall).map(|readings| readings.map(|(second, ahead)| show(second, ahead)));
    let instead = readings.map(|[first, last]| format!(": write {first} or {last}")).unwrap_or_default();
    Err(format!("clocks in {zone} never showed {text}, as they were put forward over it{instead}"))
}

/// `2026-11-22`, of the years 1 to 9999.
fn date(text: &str) -> Option<NaiveDate> {
    let (year, rest) = text.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    let year = i32::try_from(digits(year, 4)?).ok().filter(|year| *year > 0)?;
    NaiveDate::from_ymd_opt(year, digits(month, 2)?, digits(day, 2)?)
}

/// `2026-11`: the days from its first to that of the next month.
pub(super) fn month(text: &str) -> Option<(i64, i64)> {
    let first = date(&format!("{text}-01"))?;
    let next = first.checked_add_months(Months::new(1))?;
    Some((days(first), days(next)))
}

/// `14`, `14:30`, `14:30:00` or `14:30:00.5`.
fn time(text: &str) -> Option<NaiveTime> {
    let mut parts = text.splitn(3, ':');
    let hour = digits(parts.next()?, 2)?;
    let minute = parts.next().map_or(Some(0), |text| digits(text, 2))?;
    let Some(seconds) = parts.next() else { return NaiveTime::from_hms_opt(hour, minute, 0) };
    let (whole, fraction) = seconds.split_once('.').map_or((seconds, None), |(whole, rest)| (whole, Some(rest)));
    let fraction = match fraction {
        None => 0,
        Some(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            u32::from(text.bytes().any(|byte| byte != b'0'))
        }
        Some(_) => return None,
    };
    // That there is a fraction is all that counts.
    NaiveTime::from_hms_nano_opt(hour, minute, digits(whole, 2)?, fraction)
}

/// A time, and how far its clock is ahead of UTC if it says so.
fn split_offset(text: &str) -> Option<(&str, Option<i64>)> {
    if let Some(time) = text.strip_suffix(['Z', 'z']) {
        return Some((time, Some(0)));
    }
    let Some(at) = text.find(['+', '-']) else { return Some((text, None)) };
    let (time, offset) = text.split_at(at);
    let (hours, minutes) = offset[1..].split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let ahead = i64::from(hours) * 3_600 + i64::from(minutes) * 60;
    Some((time, Some(if offset.starts_with('-') { -ahead } else { ahead })))
}

/// So many decimal digits and nothing else.
fn digits(text: &str, count: usize) -> Option<u32> {
    let plain = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}
