//! Who sent a request: the peer, or what the proxies that we trust say.
//!
//! Every proxy appends the address it was called from to `X-Forwarded-For`. With `n` trusted proxies the client is
//! the n-th entry from the right: whatever stands left of it came from the client and may be invented.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Once,
};

use axum::http::{HeaderMap, HeaderValue};
use tracing::warn;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The client's address, in canonical form. Where the header has fewer entries than there are trusted proxies, or
/// the entry is no address, the request did not come the configured way, and the peer is all that is known.
pub(super) fn client_address(peer: Option<SocketAddr>, headers: &HeaderMap, trusted_hops: usize) -> Option<IpAddr> {
    let peer = peer.map(|peer| peer.ip().to_canonical());
    let Some(from_right) = trusted_hops.checked_sub(1) else {
        warn_of_a_proxy(peer.filter(|peer| is_proxy(*peer, headers)));
        return peer;
    };
    // Whatever a client wrote into the header, the entries that the proxies appended stay readable.
    let text = |line: &HeaderValue| String::from_utf8_lossy(line.as_bytes()).into_owned();
    let lines: Vec<String> = headers.get_all(FORWARDED_FOR).iter().map(text).collect();
    let entry = lines.iter().rev().flat_map(|line| line.rsplit(',')).nth(from_right);
    entry.and_then(parse).or(peer)
}

/// Whether a peer looks like a proxy of our own: it has an address of our own network, and says whom it forwards for.
fn is_proxy(peer: IpAddr, headers: &HeaderMap) -> bool {
    let is_ours = match peer {
        IpAddr::V4(peer) => peer.is_loopback() || peer.is_private() || peer.is_link_local(),
        IpAddr::V6(peer) => peer.is_loopback() || peer.is_unique_local() || peer.is_unicast_link_local(),
    };
    is_ours && headers.contains_key(FORWARDED_FOR)
}

/// Says once that nobody's address is known: all people then share the proxy's, and look like one flood.
fn warn_of_a_proxy(proxy: Option<IpAddr>) {
    static SAID: Once = Once::new();
    if let Some(proxy) = proxy {
        SAID.call_once(|| {
            warn!(
                %proxy,
                "a proxy says whom it forwards for, and none is trusted: everybody has its address, and what goes \
                 beyond one person's rate is not billed; pass --trusted-hops"
            );
        });
    }
}

/// An address, with or without brackets and port.
fn parse(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let address = entry.parse::<IpAddr>().ok();
    let address = address.or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip()));
    let address = address.or_else(|| entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok());
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&str], trusted_hops: usize, expected: &str) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let peer = Some("198.51.100.1:4000".parse().unwrap());
        let address = client_address(peer, &headers, trusted_hops).unwrap().to_string();
        assert_eq!(address, expected, "{lines:?} {trusted_hops}");
    }

    #[test]
    fn a_proxy_of_our_own_network_is_told_from_people() {
        let mut headers = HeaderMap::new();
        let proxy = |peer: &str, headers: &HeaderMap| is_proxy(peer.parse().unwrap(), headers);
        assert!(!proxy("127.0.0.1", &headers));
        headers.append(FORWARDED_FOR, HeaderValue::from_static("203.0.113.9"));
        for ours in ["127.0.0.1", "10.1.2.3", "192.168.0.1", "::1", "fd00::1", "fe80::1"] {
            assert!(proxy(ours, &headers), "{ours}");
        }
        assert!(!proxy("198.51.100.1", &headers) && !proxy("2001:db8::1", &headers));
    }

    #[test]
    fn address_is_counted_from_the_right() {
        let forged = "1.1.1.1, 203.0.113.9, 192.0.2.7";
        check(&[forged], 0, "198.51.100.1");
        check(&[forged], 1, "192.0.2.7");
        check(&[forged], 2, "203.0.113.9");
        check(&[forged], 3, "1.1.1.1");
        check(&[forged], 4, "198.51.100.1");
        check(&["1.1.1.1,203.0.113.9", "192.0.2.7"], 1, "192.0.2.7");
        check(&["1.1.1.1,203.0.113.9", "192.0.2.7"], 2, "203.0.113.9");
        check(&["é, 192.0.2.7"], 1, "192.0.2.7");
        check(&[], 1, "198.51.100.1");
    }

    #[test]
    fn entry_may_have_brackets_and_port_and_must_be_an_address() {
        check(&["192.0.2.7:1234"], 1, "192.0.2.7");
        check(&["[2001:DB8::1]:1234"], 1, "2001:db8::1");
        check(&["[2001:db8::1]"], 1, "2001:db8::1");
        check(&["::ffff:192.0.2.7"], 1, "192.0.2.7");
        for entry in ["unknown", "", ",", "_hidden", "192.0.2.256", "é", "for=192.0.2.7"] {
            check(&[entry], 1, "198.51.100.1");
        }
    }
}
