//! Times as bundles write them: instants as in `2026-03-31T22:00:00.000000Z`, hours as in `2026-03-31T22`, both UTC.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

const MICROS_A_SECOND: i64 = 1_000_000;
const SECONDS_AN_HOUR: i64 = 3_600;
const HOURS_A_DAY: i64 = 24;
/// Microseconds of an hour.
pub const MICROS_AN_HOUR: i64 = SECONDS_AN_HOUR * MICROS_A_SECOND;
/// Years that are written with four digits.
const YEARS: std::ops::RangeInclusive<i64> = 1..=9999;

/// An instant in microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub i64);

/// An hour, counted since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(pub i64);

/// The text is not in the one form of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a time is written as in 2026-03-31T22:00:00.000000Z, an hour as in 2026-03-31T22")]
pub struct NotATime;

/// Days since 1970 of a date in the Gregorian calendar. Years begin in March here, so that the day of a leap year is
/// the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The other way round: year, month, day.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

impl Hour {
    /// The hour that an instant is in.
    pub fn of(instant: Instant) -> Self {
        Self(instant.0.div_euclid(MICROS_AN_HOUR))
    }

    /// Its first instant.
    pub fn start(self) -> Instant {
        Instant(self.0 * MICROS_AN_HOUR)
    }

    /// The hour behind it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.0.div_euclid(HOURS_A_DAY));
        write!(f, "{year:04}-{month:02}-{day:02}T{:02}", self.0.rem_euclid(HOURS_A_DAY))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.rem_euclid(MICROS_AN_HOUR);
        let (seconds, micros) = (micros / MICROS_A_SECOND, micros % MICROS_A_SECOND);
        write!(f, "{}:{:02}:{:02}.{micros:06}Z", Hour::of(*self), seconds / 60, seconds % 60)
    }
}

/// Digits at a place of a text.
fn digits(text: &str, at: usize, count: usize) -> Option<i64> {
    let digits = text.get(at..at + count)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
    digits.parse().ok()
}

impl FromStr for Hour {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let parse = || {
            let (year, month, day) = (digits(text, 0, 4)?, digits(text, 5, 2)?, digits(text, 8, 2)?);
            let hour = digits(text, 11, 2)?;
            Some(Self(days(YEARS.contains(&year).then_some(year)?, month, day) * HOURS_A_DAY + hour))
        };
        parse().filter(|hour| hour.to_string() == text).ok_or(NotATime)
    }
}

impl FromStr for Instant {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let parse = || {
            let hour: Hour = text.get(..13)?.parse().ok()?;
            let (minute, second, micros) = (digits(text, 14, 2)?, digits(text, 17, 2)?, digits(text, 20, 6)?);
            Some(Self(hour.start().0 + (minute * 60 + second) * MICROS_A_SECOND + micros))
        };
        parse().filter(|instant| instant.to_string() == text).ok_or(NotATime)
    }
}

macro_rules! as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(|error| D::Error::custom(format_args!("{text:?}: {error}")))
            }
        }
    };
}

as_text!(Hour);
as_text!(Instant);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_one_form_and_no_other_is_read() {
        for (text, micros) in [
            ("1970-01-01T00:00:00.000000Z", 0),
            ("1969-12-31T23:59:59.999999Z", -1),
            ("2000-02-29T12:00:00.000001Z", 951_825_600_000_001),
            ("2026-03-31T22:00:00.000000Z", 1_774_994_400_000_000),
            ("0001-01-01T00:00:00.000000Z", -62_135_596_800_000_000),
        ] {
            assert_eq!(text.parse(), Ok(Instant(micros)));
            assert_eq!(Instant(micros).to_string(), text);
            assert_eq!(text[..13].parse(), Ok(Hour::of(Instant(micros))));
        }
        for text in [
            "",
            "2026-02-29T00:00:00.000000Z",
            "2026-13-01T00:00:00.000000Z",
            "2026-01-01T24:00:00.000000Z",
            "2026-01-01T00:60:00.000000Z",
            "2026-01-01T00:00:60.000000Z",
            "2026-01-01T00:00:00Z",
            "2026-01-01 00:00:00.000000Z",
            "2026-01-01T00:00:00.000000+",
            "2026-01-01T+1:00:00.000000Z",
            "0000-01-01T00:00:00.000000Z",
            "é026-01-01T00:00:00.000000Z",
        ] {
            assert_eq!(text.parse::<Instant>(), Err(NotATime), "{text}");
        }
    }
}
