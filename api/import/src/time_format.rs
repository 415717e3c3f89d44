//! How times are written in the files that we read.

use chrono::{DateTime, NaiveDate, Utc, format};
use clicktrail_log::time::Timestamp;

use clicktrail_capture::amount;

/// How a time is written.
#[derive(Debug, Clone)]
pub(super) enum TimeFormat {
    /// `2026-11-22T14:00:00.5Z`
    Rfc3339,
    /// Decimal seconds since 1970, at most six decimals.
    UnixSeconds,
    /// Whole milliseconds since 1970.
    UnixMillis,
    /// Whole microseconds since 1970.
    UnixMicros,
    /// `17/May/2015:10:05:03 +0000`, as web servers write it.
    Combined,
    /// A `strptime` pattern; UTC if it holds no offset.
    Pattern(Vec<format::Item<'static>>),
}

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

impl TimeFormat {
    /// Reads the name of a format, or a pattern, which has a `%` in it.
    pub(super) fn parse_name(name: &str) -> Result<Self, String> {
        match name {
            "rfc3339" => Ok(Self::Rfc3339),
            "unix_s" => Ok(Self::UnixSeconds),
            "unix_ms" => Ok(Self::UnixMillis),
            "unix_us" => Ok(Self::UnixMicros),
            "combined" => Ok(Self::Combined),
            pattern if pattern.contains('%') => {
                let items = format::StrftimeItems::new(pattern).parse_to_owned();
                items.map(Self::Pattern).map_err(|_| format!("{pattern:?} is not a strptime pattern"))
            }
            other => Err(format!(
                "unknown time format {other:?}: use rfc3339, unix_s, unix_ms, unix_us, combined, or a strptime pattern"
            )),
        }
    }

    /// Reads a time; `None` if it is not one, or lies outside years 1970–9999.
    pub(super) fn parse(&self, text: &str) -> Option<Timestamp> {
        let time = match self {
            Self::Rfc3339 => Timestamp::parse_rfc3339(text)?,
            Self::UnixSeconds => Timestamp::from_micros(amount::micros_of_decimal(text).ok()?),
            Self::UnixMillis => Timestamp::from_micros(whole(text)?.checked_mul(1_000)?),
            Self::UnixMicros => Timestamp::from_micros(whole(text)?),
            Self::Combined => combined(text.as_bytes())?,
            Self::Pattern(items) => pattern(text, items)?,
        };
        // 9999-12-31T23:59:59.999999Z
        (0..=253_402_300_799_999_999).contains(&time.micros()).then_some(time)
    }
}

fn pattern(text: &str, items: &[format::Item<'static>]) -> Option<Timestamp> {
    let mut parsed = format::Parsed::new();
    format::parse(&mut parsed, text, items.iter()).ok()?;
    let time: DateTime<Utc> = match parsed.to_datetime() {
        Ok(time) => time.to_utc(),
        Err(_) => parsed.to_naive_datetime_with_offset(0).ok()?.and_utc(),
    };
    Some(Timestamp::from_micros(time.timestamp_micros()))
}

/// `17/May/2015:10:05:03 +0000`: 26 characters, nothing optional.
fn combined(text: &[u8]) -> Option<Timestamp> {
    let text: &[u8; 26] = text.try_into().ok()?;
    let fixed = [(2, b'/'), (6, b'/'), (11, b':'), (14, b':'), (17, b':'), (20, b' ')];
    if fixed.into_iter().any(|(at, byte)| text[at] != byte) {
        return None;
    }
    let month = MONTHS.iter().zip(1_u32..).find(|(name, _)| text[3..6] == name[..])?.1;
    let year = i32::try_from(digits(&text[7..11])?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, month, digits(&text[..2])?)?;
    let time = date.and_hms_opt(digits(&text[12..14])?, digits(&text[15..17])?, digits(&text[18..20])?)?;
    let (hours, minutes) = (digits(&text[22..24])?, digits(&text[24..])?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let offset = i64::from(hours * 3_600 + minutes * 60) * 1_000_000;
    let offset = match text[21] {
        b'+' => offset,
        b'-' => -offset,
        _ => return None,
    };
    Some(Timestamp::from_micros(time.and_utc().timestamp_micros() - offset))
}

/// Digits only, as an integer.
pub(super) fn whole(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn digits(text: &[u8]) -> Option<u32> {
    let mut value = 0;
    for byte in text {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        value = value * 10 + digit;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: &str, text: &str, expected: Option<&str>) {
        let time = TimeFormat::parse_name(format).unwrap().parse(text);
        assert_eq!(time.map(|time| time.to_string()).as_deref(), expected, "{format}: {text}");
    }

    #[test]
    fn each_format_reads_its_own_times() {
        check("combined", "17/May/2015:10:05:03 +0000", Some("2015-05-17T10:05:03.000000Z"));
        check("combined", "01/Jan/2016:00:30:00 +0100", Some("2015-12-31T23:30:00.000000Z"));
        check("combined", "31/Dec/2015:23:30:00 -0130", Some("2016-01-01T01:00:00.000000Z"));
        check("rfc3339", "2026-11-22T14:00:00.5+01:00", Some("2026-11-22T13:00:00.500000Z"));
        check("unix_s", "1431857103", Some("2015-05-17T10:05:03.000000Z"));
        check("unix_s", "1431857103.25", Some("2015-05-17T10:05:03.250000Z"));
        check("unix_ms", "1431857103250", Some("2015-05-17T10:05:03.250000Z"));
        check("unix_us", "1431857103250001", Some("2015-05-17T10:05:03.250001Z"));
        check("%Y-%m-%d %H:%M:%S", "2015-05-17 10:05:03", Some("2015-05-17T10:05:03.000000Z"));
        check("%Y-%m-%d %H:%M:%S%.f %z", "2015-05-17 10:05:03.5 +0200", Some("2015-05-17T08:05:03.500000Z"));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "17/May/2015:10:05:03",
            "17/May/2015:10:05:03 +00",
            "17/may/2015:10:05:03 +0000",
            "31/Feb/2015:10:05:03 +0000",
            "17/May/2015:24:05:03 +0000",
            "17/May/2015:10:05:03 +2400",
            "+7/May/2015:10:05:03 +0000",
            "17/May/2015:10:05:03  0000",
            "17/May/1969:10:05:03 +0000",
            "1é/May/2015:10:05:03 +000",
        ] {
            check("combined", text, None);
        }
        for text in ["", "-1", "1.", "now", "99999999999999999999", "253402300800"] {
            check("unix_s", text, None);
        }
        check("unix_ms", "9223372036854775807", None);
        check("rfc3339", "2015-05-17 10:05", None);
        check("%Y-%m-%d %H:%M:%S", "2015-05-17 10:05", None);
        assert!(TimeFormat::parse_name("iso").is_err());
        assert!(TimeFormat::parse_name("%Q").is_err());
    }
}
