//! Addresses, and lists of networks read from files.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU128,
    path::{Path, PathBuf},
};

use super::error::Error;

const V4_PREFIX_BITS: u32 = 96;

/// An address of either family as one number: version 4 is mapped into version 6. Never `::`, which is nobody's
/// address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Address(NonZeroU128);

impl Address {
    /// Reads an address; `None` for any other text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse::<IpAddr>().ok().and_then(Self::of)
    }

    fn of(address: IpAddr) -> Option<Self> {
        let bits = match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
            IpAddr::V6(v6) => v6.to_bits(),
        };
        NonZeroU128::new(bits).map(Self)
    }

    /// As the standard library has it.
    pub(crate) fn ip(self) -> IpAddr {
        Ipv6Addr::from_bits(self.0.get()).to_canonical()
    }

    pub(crate) fn bits(self) -> u128 {
        self.0.get()
    }
}

/// A list of addresses and networks, one a line. `#` begins a comment.
#[derive(Debug)]
pub(crate) struct AddressList {
    /// As the ruleset names it. Evidence names the list and the line, never the address, because that is personal.
    path: PathBuf,
    /// The networks and their lines, by length of prefix, the longest first.
    by_length: Vec<(u32, HashMap<u128, u32>)>,
    networks: usize,
}

impl AddressList {
    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let refuse = |line, problem| Error::List { path: path.to_owned(), line, problem };
        let text = str::from_utf8(bytes).map_err(|_| refuse(1, "the file is not UTF-8 text".to_owned()))?;
        let mut found: HashMap<u32, HashMap<u128, u32>> = HashMap::new();
        for (line, number) in text.lines().zip(1_u32..) {
            let entry = line.split('#').next().unwrap_or_default().trim();
            if entry.is_empty() {
                continue;
            }
            let (bits, length) = network(entry).map_err(|problem| refuse(number as usize, problem))?;
            found.entry(length).or_default().entry(bits).or_insert(number);
        }
        let networks = found.values().map(HashMap::len).sum();
        let mut by_length: Vec<_> = found.into_iter().collect();
        by_length.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
        Ok(Self { path: path.to_owned(), by_length, networks })
    }

    /// The line of the narrowest network that holds `address`.
    pub(crate) fn line_of(&self, address: Address) -> Option<u32> {
        self.by_length.iter().find_map(|(length, networks)| networks.get(&masked(address.bits(), *length)).copied())
    }

    /// The name of the list.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// How many addresses and networks it holds.
    pub(crate) fn networks(&self) -> usize {
        self.networks
    }
}

fn masked(bits: u128, length: u32) -> u128 {
    bits & u128::MAX.checked_shl(128 - length).unwrap_or(0)
}

/// `192.0.2.1` or `2001:db8::/32`, as bits and the length of the prefix.
fn network(entry: &str) -> Result<(u128, u32), String> {
    let (address, length) = entry.split_once('/').map_or((entry, None), |(address, length)| (address, Some(length)));
    let ip: IpAddr = address.parse().map_err(|_| format!("{entry:?} is neither an address nor a network"))?;
    let (bits, before, width) = match ip {
        IpAddr::V4(v4) => (v4.to_ipv6_mapped().to_bits(), V4_PREFIX_BITS, 32),
        IpAddr::V6(v6) => (v6.to_bits(), 0, 128),
    };
    let length = match length {
        None => width,
        Some(text) => text
            .parse()
            .ok()
            .filter(|length| (1..=width).contains(length))
            .ok_or_else(|| format!("{entry:?} has no prefix length of 1 to {width}"))?,
    };
    let length = length + before;
    if masked(bits, length) != bits {
        return Err(format!("{entry:?} has bits set behind its prefix: which network is meant?"));
    }
    Ok((bits, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Result<AddressList, Error> {
        AddressList::parse(Path::new("list.txt"), text.as_bytes())
    }

    #[test]
    fn narrowest_network_names_its_line() {
        let list =
            list("# cloud\n203.0.113.0/24\n203.0.113.7 # one of them\n2001:db8::/32\n\n198.51.100.0/31").unwrap();
        for (address, line) in [
            ("203.0.113.0", Some(2)),
            ("203.0.113.255", Some(2)),
            ("203.0.112.255", None),
            ("203.0.114.0", None),
            ("203.0.113.7", Some(3)),
            ("::ffff:203.0.113.7", Some(3)),
            ("2001:db8:ffff::1", Some(4)),
            ("2001:db9::", None),
            ("198.51.100.1", Some(6)),
            ("198.51.100.2", None),
        ] {
            assert_eq!(list.line_of(Address::parse(address).unwrap()), line, "{address}");
        }
        assert_eq!(list.networks(), 4);
    }

    #[test]
    fn other_lines_are_refused_with_their_number() {
        for (text, line) in [
            ("1.2.3.4\nexample.com", "line 2"),
            ("1.2.3.4/33", "line 1"),
            ("1.2.3.4/0", "line 1"),
            ("\n\n1.2.3.4/24", "line 3"),
            ("2001:db8::/129", "line 1"),
        ] {
            let message = list(text).unwrap_err().to_string();
            assert!(message.contains(line) && message.contains("list.txt"), "{text:?}: {message}");
        }
        assert!(AddressList::parse(Path::new("x"), &[0xff, 0xfe]).is_err());
    }

    #[test]
    fn odd_texts_are_no_addresses() {
        for text in ["", "::", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.4 ", "fe80::1%eth0"] {
            assert_eq!(Address::parse(text), None, "{text:?}");
        }
        assert_eq!(Address::parse("::ffff:192.0.2.1"), Address::parse("192.0.2.1"));
    }
}
