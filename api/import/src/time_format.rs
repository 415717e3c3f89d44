//! How times are written in the files that we read.

use chrono::{DateTime, NaiveDate, NaiveDateTime, format};
use clicktrail_log::{time::Timestamp, zone::Zone};

/// How a time is written, and where a time that does not say its zone was local.
#[derive(Debug, Clone)]
pub(super) struct TimeFormat {
    spelling: Spelling,
    zone: Option<Zone>,
}

#[derive(Debug, Clone)]
enum Spelling {
    /// `2026-11-22T14:00:00.5Z`; `+0100` is as good as `+01:00`, a blank as good as the `T`.
    Rfc3339,
    /// Decimals of so many powers of ten microseconds, since 1970.
    Unix(i64),
    /// `17/May/2015:10:05:03 +0000`, as web servers write it, with or without fractions of a second.
    Combined,
    /// A `strptime` pattern.
    Pattern(Vec<format::Item<'static>>),
}

/// Why a text is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoTime {
    /// It is not in the format, or lies outside years 1970–9999.
    Unreadable,
    /// It is local, and nobody says where.
    NoZone,
}

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
/// Longer texts are no numbers of seconds.
const NUMBER_BYTES_MAX: usize = 64;

impl TimeFormat {
    /// Reads the name of a format, or a pattern, which has a `%` in it.
    pub(super) fn parse_name(name: &str, zone: Option<Zone>) -> Result<Self, String> {
        let spelling = match name {
            "rfc3339" => Spelling::Rfc3339,
            "unix_s" => Spelling::Unix(6),
            "unix_ms" => Spelling::Unix(3),
            "unix_us" => Spelling::Unix(0),
            "combined" => Spelling::Combined,
            pattern if pattern.contains('%') => Spelling::Pattern(items(pattern, zone.is_some())?),
            other => {
                return Err(format!(
                    "unknown time format {other:?}: use rfc3339, unix_s, unix_ms, unix_us, combined, or a strptime \
                     pattern"
                ));
            }
        };
        Ok(Self { spelling, zone })
    }

    /// Reads a time. Digits behind the microseconds are cut.
    pub(super) fn parse(&self, text: &str) -> Result<Timestamp, NoTime> {
        let time = match &self.spelling {
            Spelling::Rfc3339 => self.rfc3339(text)?,
            Spelling::Unix(scale) => Timestamp::from_micros(micros(text, *scale).ok_or(NoTime::Unreadable)?),
            Spelling::Combined => match combined(text.as_bytes()) {
                Some(time) => time,
                None => self.combined_at_leisure(text)?,
            },
            Spelling::Pattern(items) => self.pattern(text, items)?,
        };
        // 9999-12-31T23:59:59.999999Z
        let in_range = (0..=253_402_300_799_999_999).contains(&time.micros());
        if in_range { Ok(time) } else { Err(NoTime::Unreadable) }
    }

    fn rfc3339(&self, text: &str) -> Result<Timestamp, NoTime> {
        if let Some(time) = Timestamp::parse_rfc3339(text) {
            return Ok(time);
        }
        let text = text.trim();
        let spaced = |pattern: &str| pattern.replacen('T', " ", 1);
        let patterns = ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f %#z"];
        let offset = patterns.iter().flat_map(|pattern| [(*pattern).to_owned(), spaced(pattern)]);
        if let Some(time) = offset.into_iter().find_map(|pattern| DateTime::parse_from_str(text, &pattern).ok()) {
            return Ok(Timestamp::from_micros(time.timestamp_micros()));
        }
        let local = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"];
        let local = local.iter().find_map(|pattern| NaiveDateTime::parse_from_str(text, pattern).ok());
        self.instant(local.ok_or(NoTime::Unreadable)?)
    }

    /// The instant of a local time.
    fn instant(&self, local: NaiveDateTime) -> Result<Timestamp, NoTime> {
        let instant = self.zone.as_ref().ok_or(NoTime::NoZone)?.instant_of(local).ok_or(NoTime::Unreadable)?;
        Ok(Timestamp::from_micros(instant.and_utc().timestamp_micros()))
    }

    fn pattern(&self, text: &str, items: &[format::Item<'static>]) -> Result<Timestamp, NoTime> {
        let mut parsed = format::Parsed::new();
        format::parse(&mut parsed, text, items.iter()).map_err(|_| NoTime::Unreadable)?;
        if let Ok(time) = parsed.to_datetime() {
            return Ok(Timestamp::from_micros(time.timestamp_micros()));
        }
        self.instant(parsed.to_naive_datetime_with_offset(0).map_err(|_| NoTime::Unreadable)?)
    }

    /// The time of a web server in any of its other spellings: `7/may/2015:10:05:03.25+01:00`, or as RFC 3339.
    fn combined_at_leisure(&self, text: &str) -> Result<Timestamp, NoTime> {
        let text = text.trim();
        if text.as_bytes().get(4) == Some(&b'-') {
            return self.rfc3339(text);
        }
        let (local, offset) = spelled(text).ok_or(NoTime::Unreadable)?;
        match offset {
            None => self.instant(local),
            Some(offset) => {
                let micros = local.and_utc().timestamp_micros();
                Ok(Timestamp::from_micros(micros - offset))
            }
        }
    }
}

/// The items of a pattern, which must say whose time it is, or be told.
fn items(pattern: &str, has_zone: bool) -> Result<Vec<format::Item<'static>>, String> {
    let items = format::StrftimeItems::new(pattern).parse_to_owned();
    let items = items.map_err(|_| format!("{pattern:?} is not a strptime pattern"))?;
    if items.iter().any(|item| matches!(item, format::Item::Fixed(format::Fixed::TimezoneName))) {
        return Err(format!(
            "{pattern:?} reads the name of a zone (%Z), which stands for different offsets: use %z if the times have an \
             offset like +0200; else write the name itself in place of %Z and add timezone = \"Europe/Berlin\" to the \
             mapping"
        ));
    }
    let says_zone = |item: &format::Item<'_>| match item {
        format::Item::Numeric(numeric, _) => *numeric == format::Numeric::Timestamp,
        format::Item::Fixed(fixed) => says_offset(fixed),
        format::Item::Literal(_)
        | format::Item::OwnedLiteral(_)
        | format::Item::Space(_)
        | format::Item::OwnedSpace(_)
        | format::Item::Error => false,
    };
    if !has_zone && !items.iter().any(says_zone) {
        return Err(format!(
            "times like {pattern:?} do not say their zone: add timezone = \"Europe/Berlin\" (or \"UTC\") to the mapping"
        ));
    }
    Ok(items)
}

/// Whether an item reads an offset. `%#z` is none of those that can be named: it is asked for by how it is shown.
fn says_offset(fixed: &format::Fixed) -> bool {
    let known = [
        format::Fixed::TimezoneOffset,
        format::Fixed::TimezoneOffsetColon,
        format::Fixed::TimezoneOffsetDoubleColon,
        format::Fixed::TimezoneOffsetTripleColon,
        format::Fixed::TimezoneOffsetColonZ,
        format::Fixed::TimezoneOffsetZ,
        format::Fixed::RFC2822,
        format::Fixed::RFC3339,
    ];
    known.contains(fixed) || format!("{fixed:?}").contains("TimezoneOffset")
}

/// `17/May/2015:10:05:03 +0000`: 26 characters, nothing optional. Nearly every line of a web server has it.
fn combined(text: &[u8]) -> Option<Timestamp> {
    let text: &[u8; 26] = text.try_into().ok()?;
    if text[20] != b' ' {
        return None;
    }
    let local = date_and_time(&text[..20])?;
    let offset = offset(&text[21..])?;
    Some(Timestamp::from_micros(local.and_utc().timestamp_micros() - offset))
}

/// `17/May/2015:10:05:03`.
fn date_and_time(text: &[u8]) -> Option<NaiveDateTime> {
    let text: &[u8; 20] = text.try_into().ok()?;
    let fixed = [(2, b'/'), (6, b'/'), (11, b':'), (14, b':'), (17, b':')];
    if fixed.into_iter().any(|(at, byte)| text[at] != byte) {
        return None;
    }
    let month = MONTHS.iter().zip(1_u32..).find(|(name, _)| text[3..6].eq_ignore_ascii_case(&name[..]))?.1;
    let year = i32::try_from(digits(&text[7..11])?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, month, digits(&text[..2])?)?;
    date.and_hms_opt(digits(&text[12..14])?, digits(&text[15..17])?, digits(&text[18..20])?)
}

/// A local time and its offset in microseconds, in any spelling of a web server.
fn spelled(text: &str) -> Option<(NaiveDateTime, Option<i64>)> {
    let padded = if text.as_bytes().get(1) == Some(&b'/') { format!("0{text}") } else { text.to_owned() };
    let (time, rest) = padded.as_bytes().split_at_checked(20)?;
    let mut time = date_and_time(time)?;
    let mut rest = std::str::from_utf8(rest).ok()?;
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        let end = fraction.find(|character: char| !character.is_ascii_digit()).unwrap_or(fraction.len());
        let micros = micros(&format!("0.{}", fraction.get(..end)?), 6)?;
        time = time.checked_add_signed(chrono::TimeDelta::microseconds(micros))?;
        rest = &fraction[end..];
    }
    let offset = match rest.trim() {
        "" => None,
        "Z" | "z" | "UTC" | "GMT" => Some(0),
        text => Some(offset(text.replace(':', "").as_bytes())?),
    };
    Some((time, offset))
}

/// `+0130` in microseconds.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, rest) = text.split_first()?;
    let (hours, minutes) = match rest.len() {
        2 => (digits(rest)?, 0),
        4 => (digits(&rest[..2])?, digits(&rest[2..])?),
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    let offset = i64::from(hours * 3_600 + minutes * 60) * 1_000_000;
    match sign {
        b'+' => Some(offset),
        b'-' => Some(-offset),
        _ => None,
    }
}

/// A decimal number (`1431857103.25`, `1.4e9`) times ten to the power of `scale`, cut to a whole one.
fn micros(text: &str, scale: i64) -> Option<i64> {
    let text = text.trim();
    if text.len() > NUMBER_BYTES_MAX {
        return None;
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, i64::from(exponent.parse::<i16>().ok()?)),
        None => (text, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return None,
        Some((whole, fraction)) => (whole, fraction),
        None => (mantissa, ""),
    };
    let is_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let mut digits = [whole, fraction].concat();
    let power = exponent + scale - i64::try_from(fraction.len()).ok()?;
    match usize::try_from(power) {
        Ok(zeros) if zeros <= 30 => digits.extend(std::iter::repeat_n('0', zeros)),
        Ok(_) => return digits.bytes().all(|digit| digit == b'0').then_some(0),
        Err(_) => digits.truncate(digits.len().saturating_sub(usize::try_from(-power).unwrap_or(usize::MAX))),
    }
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() { Some(0) } else { significant.parse().ok() }
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
mod tests;
