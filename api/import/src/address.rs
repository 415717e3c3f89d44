//! A client's address, as files write it: with a port, in a list, masked, with a zone, or not an address at all.
//!
//! | written | address |
//! |---|---|
//! | `203.0.113.9`, `2001:DB8::A` | itself, in canonical form |
//! | `203.0.113.9:5678`, `[2001:db8::9]:5678`, `[2001:db8::9]` | without port and brackets |
//! | `::ffff:203.0.113.9` | the IPv4 address in it |
//! | `fe80::1%eth0` | without its zone |
//! | `"[2001:db8::9]:5678"`, `for=203.0.113.9` | as in the header `Forwarded` (RFC 7239) |
//! | `203.0.113.9, 10.0.0.5` | the first item of the list that is an address |
//! | `203.0.113.0/24`, `203.0.113.x`, `203.0.113.*` | none: a network is nobody's address |
//! | a host name, `-`, `unknown`, `_hidden` | none |

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// An address as a file gave it, cleaned.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cleaned<'a> {
    /// In canonical form; `None`: there is none in the text.
    pub(super) address: Option<Cow<'a, str>>,
    /// The text says more than the address does: a list, a network, a name. A port and another spelling do not count.
    pub(super) says_more: bool,
}

/// The address in a text.
pub(super) fn clean(text: &str) -> Cleaned<'_> {
    // Most texts are an IPv4 address, which has one spelling.
    if text.parse::<Ipv4Addr>().is_ok() {
        return Cleaned { address: Some(Cow::Borrowed(text)), says_more: false };
    }
    let mut items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    let is_list = text.contains(',');
    let found = items.find_map(one);
    let nothing_said = !is_list && matches!(text.trim(), "" | "-" | "unknown");
    let address = found.map(|(address, _)| Cow::Owned(address.to_canonical().to_string()));
    let says_more = match found {
        Some((_, has_zone)) => is_list || has_zone,
        None => !nothing_said,
    };
    Cleaned { address, says_more }
}

/// Whether a text is an address, a network or a list that begins with one: what stands in a log where a client does.
pub(super) fn is_address(text: &str) -> bool {
    let first = text.split(',').next().unwrap_or_default().trim();
    one(first).is_some() || is_masked(first)
}

/// `203.0.113.0/24`, `203.0.113.x`, `2001:db8::/32`.
fn is_masked(text: &str) -> bool {
    if let Some((address, bits)) = text.split_once('/') {
        return address.parse::<IpAddr>().is_ok() && bits.parse::<u8>().is_ok();
    }
    let parts: Vec<&str> = text.split('.').collect();
    let is_part = |part: &&str| matches!(*part, "x" | "xx" | "xxx" | "X" | "XXX" | "*") || part.parse::<u8>().is_ok();
    parts.len() == 4 && parts[0].parse::<u8>().is_ok() && parts.iter().all(is_part)
}

/// One item of a list, and whether it had a zone.
fn one(item: &str) -> Option<(IpAddr, bool)> {
    let item = item.split(';').next().unwrap_or_default().trim().trim_matches('"');
    let item = match item.get(..4) {
        Some(start) if start.eq_ignore_ascii_case("for=") => item[4..].trim_matches('"'),
        Some(_) | None => item,
    };
    if let Some(rest) = item.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        if !port.is_empty() && !port.strip_prefix(':').is_some_and(is_port) {
            return None;
        }
        return v6(address);
    }
    if let Ok(address) = item.parse::<IpAddr>() {
        return Some((address, false));
    }
    match item.split_once(':') {
        Some((address, port)) if is_port(port) => {
            address.parse::<Ipv4Addr>().ok().map(|address| (IpAddr::V4(address), false))
        }
        Some(_) => v6(item),
        None => None,
    }
}

fn v6(text: &str) -> Option<(IpAddr, bool)> {
    let (address, zone) = text.split_once('%').map_or((text, None), |(address, zone)| (address, Some(zone)));
    // A mask behind the zone, or an empty zone, is none of ours.
    let is_zone = |zone: &str| !zone.is_empty() && !zone.contains(['/', '%']);
    let address: Ipv6Addr = address.parse().ok()?;
    zone.is_none_or(is_zone).then_some((IpAddr::V6(address), zone.is_some()))
}

fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, address: Option<&str>, says_more: bool) {
        let cleaned = clean(text);
        assert_eq!((cleaned.address.as_deref(), cleaned.says_more), (address, says_more), "{text}");
    }

    #[test]
    fn an_address_is_found_in_what_people_write() {
        for (text, address) in [
            ("203.0.113.9", "203.0.113.9"),
            ("203.0.113.9:5678", "203.0.113.9"),
            ("[2001:db8::9]:5678", "2001:db8::9"),
            ("[2001:db8::9]", "2001:db8::9"),
            ("2001:DB8:0:0:0:0:0:A", "2001:db8::a"),
            ("::ffff:203.0.113.20", "203.0.113.20"),
            ("[::ffff:203.0.113.20]:80", "203.0.113.20"),
            (" 203.0.113.9 ", "203.0.113.9"),
            ("for=203.0.113.9", "203.0.113.9"),
            ("For=\"[2001:db8::9]:4711\";proto=https", "2001:db8::9"),
            ("\"[2001:db8::9]:4711\"", "2001:db8::9"),
        ] {
            check(text, Some(address), false);
        }
        for (text, address) in [
            ("203.0.113.9, 10.0.0.5", "203.0.113.9"),
            ("unknown, 203.0.113.9:80,10.0.0.5", "203.0.113.9"),
            ("_hidden,-, [2001:db8::9]:1", "2001:db8::9"),
            ("fe80::1ff:fe23:4567:890a%3", "fe80::1ff:fe23:4567:890a"),
            ("[fe80::1%eth0]:80", "fe80::1"),
        ] {
            check(text, Some(address), true);
        }
    }

    #[test]
    fn what_is_no_address_is_kept_apart() {
        for text in [
            "203.0.113.x",
            "203.0.113.*",
            "203.0.113.0/24",
            "2001:db8::/32",
            "host.example",
            "localhost",
            "_hidden",
            "203.0.113",
            "203.0.113.256",
            "203.0.113.9:123456",
            "203.0.113.9:",
            "[2001:db8::9",
            "[2001:db8::9]x",
            "fe80::1%",
            "unknown, -",
            "é",
        ] {
            check(text, None, true);
        }
        for text in ["", "-", "unknown", " - "] {
            check(text, None, false);
        }
    }

    #[test]
    fn a_client_is_told_from_a_host() {
        for text in
            ["10.0.0.1", "10.0.0.1:80", "::1", "10.0.0.x", "10.0.0.0/8", "[::1]:80", "10.0.0.1, host", "fe80::1%1"]
        {
            assert!(is_address(text), "{text}");
        }
        for text in ["", "-", "ads.example", "ads.example:443", "localhost", "id", "x.x.x.x", "unknown"] {
            assert!(!is_address(text), "{text}");
        }
    }
}
