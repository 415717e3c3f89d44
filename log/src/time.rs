//! Time as data: instants, hours, and the only place that reads the machine's clock.

use std::{
    fmt,
    sync::atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_HOUR: i64 = 3_600 * MICROS_PER_SECOND;

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// This instant moved by `micros`; it stops at the ends of the range.
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// The UTC hour that holds this instant.
    pub fn hour(self) -> Hour {
        Hour(self.0.div_euclid(MICROS_PER_HOUR))
    }

    /// Reads an RFC 3339 time, as in `2026-11-22T14:00:00.5Z`; `None` for other text and for years outside 1–9999.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        // An offset may lead out of the years that are shown.
        let parsed = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
        (1..=9999).contains(&parsed.year()).then(|| Self(parsed.timestamp_micros()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::<Utc>::from_timestamp_micros(self.0) {
            Some(time) => write!(f, "{}", time.format("%Y-%m-%dT%H:%M:%S%.6fZ")),
            None => write!(f, "{} µs", self.0),
        }
    }
}

/// One UTC hour, shown as `2026-11-22T14`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(i64);

impl Hour {
    /// From whole hours since the Unix epoch, as databases store it.
    pub const fn from_i64(hours: i64) -> Self {
        Self(hours)
    }

    /// Whole hours since the Unix epoch.
    pub const fn as_i64(self) -> i64 {
        self.0
    }

    /// The first instant of the hour.
    pub const fn start(self) -> Timestamp {
        Timestamp(self.0.saturating_mul(MICROS_PER_HOUR))
    }

    /// The first instant after the hour.
    pub const fn end_exclusive(self) -> Timestamp {
        self.next().start()
    }

    /// The hour after this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// `(2026-11-22, 14)`, for storage keys.
    pub fn date_and_hour(self) -> (String, String) {
        let time = DateTime::<Utc>::from_timestamp_micros(self.start().0).unwrap_or_default();
        (time.format("%Y-%m-%d").to_string(), format!("{:02}", time.hour()))
    }

    /// Reads `2026-11-22T14`.
    pub fn parse(text: &str) -> Option<Self> {
        let (date, hour) = text.split_once('T')?;
        // chrono and integers would take a sign for a digit.
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        if hour.len() != 2 || date.len() != 10 || hour.contains('-') || !plain(hour) || !plain(date) {
            return None;
        }
        let date = NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?;
        let time = date.and_hms_opt(hour.parse().ok()?, 0, 0)?;
        Some(Timestamp(time.and_utc().timestamp_micros()).hour())
    }
}

impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, hour) = self.date_and_hour();
        write!(f, "{date}T{hour}")
    }
}

/// Where wall time comes from. Whatever needs the present time takes a clock, so that tests and imports can bring
/// their own.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        Timestamp(Utc::now().timestamp_micros())
    }
}

/// A clock that stands still until it is told the time: for history and for tests.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Moves the clock to `now`, which may lie in its past.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hour_round_trips_through_its_text() {
        let hour = Hour::parse("2026-11-22T14").unwrap();
        assert_eq!(hour.to_string(), "2026-11-22T14");
        assert_eq!(hour.start().to_string(), "2026-11-22T14:00:00.000000Z");
        assert_eq!(hour.end_exclusive().plus_micros(-1).hour(), hour);
        assert_eq!(Timestamp::from_micros(-1).hour().to_string(), "1969-12-31T23");
    }

    #[test]
    fn hour_refuses_other_text() {
        for text in
            ["", "2026-11-22", "2026-11-22T24", "2026-11-22T1", "2026-13-01T00", "2026-11-22T14:00", "2026-11-22T+1"]
        {
            assert_eq!(Hour::parse(text), None, "{text}");
        }
    }
}
