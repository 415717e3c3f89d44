//! Optional values: kept as they came where that is possible, else cut or dropped, and never a reason to refuse.
//!
//! A value that is cut ends in `~` and the SHA-256 digest of the whole, so that different values stay different: two
//! users whose ids begin alike must not become one, or the second's clicks would be ruled duplicates of the first's.

use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
};

use clicktrail_log::frame::Digest;

use crate::aside::{Aside, Why};

/// An id's length in characters.
pub const ID_CHARS_MAX: usize = 128;
/// A declared text's length (`device_type`, `os`, `browser`, `country`, `city`) in characters.
pub const DECLARED_CHARS_MAX: usize = 128;

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Bytes,
    Characters,
}

/// Whether an id may be stored as it is: not empty, not too long, nothing but printable ASCII. Others are looked at
/// more closely.
#[inline]
pub(crate) fn is_plain_id(text: &str) -> bool {
    // Every byte, without a way out at the first: that is what a processor does to many at a time.
    let is_plain = |bytes: &[u8]| bytes.iter().fold(0, |most, byte| byte.wrapping_sub(0x20).max(most)) <= 0x7e - 0x20;
    (1..=ID_CHARS_MAX).contains(&text.len()) && is_plain(text.as_bytes())
}

/// An optional id: within its limit and without control characters. An empty one becomes a missing one.
#[inline]
pub(crate) fn id(column: &'static str, given: &mut Option<Cow<'_, str>>, aside: &mut Aside) {
    if given.as_deref().is_some_and(|text| !is_plain_id(text)) {
        mend_id(column, given, aside);
    }
}

#[cold]
fn mend_id(column: &'static str, given: &mut Option<Cow<'_, str>>, aside: &mut Aside) {
    let text = given.take().unwrap_or_default();
    if text.is_empty() {
        return;
    }
    let why = if text.chars().nth(ID_CHARS_MAX).is_some() {
        Why::TooLong
    } else if text.chars().any(char::is_control) {
        Why::ControlCharacter
    } else {
        *given = Some(text);
        return;
    };
    aside.column(column, why, text.as_bytes());
    *given = Some(Cow::Owned(cut(&text, ID_CHARS_MAX, Unit::Characters, char::is_control)));
}

/// Any other optional text: within its limit and without U+0000. An empty one becomes a missing one.
#[inline]
pub(crate) fn text(column: &'static str, given: &mut Option<Cow<'_, str>>, max: usize, unit: Unit, aside: &mut Aside) {
    let Some(text) = given.as_deref() else {
        return;
    };
    if text.is_empty() {
        *given = None;
        return;
    }
    let is_too_long = match unit {
        Unit::Bytes => text.len() > max,
        Unit::Characters => text.len() > max && text.chars().count() > max,
    };
    let has_nul = memchr::memchr(0, text.as_bytes()).is_some();
    if is_too_long || has_nul {
        aside.column(column, if is_too_long { Why::TooLong } else { Why::ControlCharacter }, text.as_bytes());
        *given = Some(Cow::Owned(cut(text, max, unit, |character| character == '\0')));
    }
}

/// The beginning of a text, odd characters as U+FFFD, with the digest of the whole behind it.
fn cut(text: &str, max: usize, unit: Unit, is_odd: impl Fn(char) -> bool) -> String {
    let tail = format!("~{}", Digest::of(text.as_bytes()));
    let mut room = max.saturating_sub(tail.len());
    let mut kept = String::new();
    for character in
        text.chars().map(|character| if is_odd(character) { char::REPLACEMENT_CHARACTER } else { character })
    {
        let taken = match unit {
            Unit::Bytes => character.len_utf8(),
            Unit::Characters => 1,
        };
        match room.checked_sub(taken) {
            Some(left) => room = left,
            None => break,
        }
        kept.push(character);
    }
    kept + &tail
}

/// An address in canonical text: IPv6 as RFC 5952 writes it, IPv4 in IPv6 as the IPv4 address that it is. What is no
/// address is dropped, because nothing may stand in its place that rules would take for one.
#[inline]
pub(crate) fn ip(given: &mut Option<Cow<'_, str>>, aside: &mut Aside) {
    let Some(text) = given.as_deref() else {
        return;
    };
    // The parser takes no other spelling of an IPv4 address than the canonical one.
    if text.parse::<std::net::Ipv4Addr>().is_ok() {
        return;
    }
    let address = address(text);
    if address.is_none() && !text.is_empty() {
        aside.column("ip", Why::NotAnAddress, text.as_bytes());
    }
    *given = address.map(|address| Cow::Owned(address.to_string()));
}

/// The address in a text that a proxy or a log may have written: with blanks around it, a port, brackets, a zone, or
/// further addresses behind a comma (the first is the client's, as `X-Forwarded-For` has them). Canonical.
pub fn address(text: &str) -> Option<IpAddr> {
    let entry = text.split(',').next().unwrap_or_default().trim();
    if let Ok(address) = entry.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    if let Ok(address) = entry.parse::<SocketAddr>() {
        return Some(address.ip().to_canonical());
    }
    let bare = entry.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(entry, |(inside, _)| inside);
    let without_zone = bare.split_once('%').map_or(bare, |(address, _)| address);
    without_zone.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// Bytes as the characters of the same numbers: a text that loses nothing of bytes that are no UTF-8.
pub fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_values_keep_their_limit_and_stay_different() {
        for (text, max, unit) in [
            ("é".repeat(129), 128, Unit::Characters),
            ("é".repeat(5_000), 4_096, Unit::Bytes),
            ("\0".repeat(4_096), 4_096, Unit::Bytes),
            ("x".repeat(100_000), 128, Unit::Characters),
        ] {
            let short = cut(&text, max, unit, char::is_control);
            let length = if unit == Unit::Bytes { short.len() } else { short.chars().count() };
            assert!(length <= max && length + 3 >= max.min(length + 3), "{length} {max}");
            assert!(short.ends_with(&format!("~{}", Digest::of(text.as_bytes()))) && !short.contains('\0'), "{short}");
            assert_ne!(short, cut(&(text + "y"), max, unit, char::is_control));
        }
    }

    #[test]
    fn address_is_found_as_proxies_and_logs_write_it() {
        for (text, expected) in [
            ("192.0.2.1", Some("192.0.2.1")),
            (" 192.0.2.1 ", Some("192.0.2.1")),
            ("192.0.2.1:80", Some("192.0.2.1")),
            ("192.0.2.1, 198.51.100.7", Some("192.0.2.1")),
            ("2001:DB8:0:0::1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[2001:db8::1]:443", Some("2001:db8::1")),
            ("fe80::1%eth0", Some("fe80::1")),
            ("[fe80::1%25eth0]:80", Some("fe80::1")),
            ("::ffff:192.0.2.1", Some("192.0.2.1")),
            ("192.0.2.256", None),
            ("192.0.02.1", None),
            ("192.0.2.0/24", None),
            ("192.0.2.xxx", None),
            ("localhost", None),
            ("unknown", None),
            ("", None),
        ] {
            assert_eq!(address(text).map(|address| address.to_string()).as_deref(), expected, "{text:?}");
        }
    }
}
