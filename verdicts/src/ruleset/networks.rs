//! Lists of networks read from files.

use std::{net::IpAddr, path::Path};

use clicktrail_log::invariant;

use super::{
    address::{Address, V4_PREFIX_BITS, bits, masked},
    error::Error,
    list_head::ListHead,
};

/// More entries than this are no list of networks. It bounds what a file makes the judge hold: 40 bytes an entry.
const NETWORKS_MAX: usize = 1 << 22;

/// What is looked up by the first sixteen bits of an address of version 4; the others lie behind them.
const V4_INDEX_SHIFT: u32 = 16;
const V4_INDEX_ENTRIES: u128 = 1 << 16;
/// The mapped address of version 4 that is all zeros, without the bits that are not looked at.
const V4_INDEX_BASE: u128 = 0xffff << 16;
/// Fewer stretches are searched as fast without an index, whose quarter of a mebibyte would not pay.
const V4_INDEX_STARTS_MIN: usize = 256;

/// A list of addresses and networks, one a line. `#` begins a comment.
#[derive(Debug)]
pub(crate) struct AddressList {
    /// Evidence names the list and the line, never the address, because that is personal.
    head: ListHead,
    /// Where each stretch begins that has the same narrowest network: ascending, from 0, the whole space.
    starts: Vec<u128>,
    /// The line of that network; 0 where there is none.
    lines: Vec<u32>,
    /// For each value of the first sixteen bits of an address of version 4: how many stretches begin before it. One
    /// more entry is for what follows version 4. So a search is among a few stretches, not among all. Empty if all are
    /// few.
    v4: Vec<u32>,
    networks: usize,
}

/// A network of the file: first and last address, and its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    first: u128,
    last: u128,
    line: u32,
}

impl AddressList {
    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let refuse = |line, problem| Error::List { path: path.to_owned(), line, problem };
        let text = str::from_utf8(bytes).map_err(|_| refuse(1, "the file is not UTF-8 text".to_owned()))?;
        let mut networks: Vec<Network> = Vec::new();
        for (line, number) in text.lines().zip(1_u32..) {
            let entry = line.split('#').next().unwrap_or_default().trim();
            if entry.is_empty() {
                continue;
            }
            if networks.len() == NETWORKS_MAX {
                return Err(refuse(number as usize, format!("more than {NETWORKS_MAX} networks")));
            }
            let (first, length) = network(entry).map_err(|problem| refuse(number as usize, problem))?;
            let last = first | !masked(u128::MAX, length);
            networks.push(Network { first, last, line: number });
        }
        // The wider before the narrower with the same beginning; of the same network, the first line names it.
        networks.sort_by_key(|network| (network.first, std::cmp::Reverse(network.last), network.line));
        networks.dedup_by_key(|network| (network.first, network.last));
        let (starts, lines) = stretches(&networks);
        let v4 = v4_index(&starts);
        Ok(Self { head: ListHead::parse(path, text), starts, lines, v4, networks: networks.len() })
    }

    /// The line of the narrowest network that holds `address`. Of one of version 6 that carries one of version 4 it is
    /// that of the carried one; a list may still name the carriers, as in `2002::/16`.
    pub(crate) fn line_of(&self, address: Address) -> Option<u32> {
        let carried = address.carried();
        let found = self.line_of_bits(carried.bits());
        if carried == address { found } else { found.or_else(|| self.line_of_bits(address.bits())) }
    }

    fn line_of_bits(&self, bits: u128) -> Option<u32> {
        let (from, to) = self.stretches_around(bits);
        let at = from + self.starts[from..to].partition_point(|start| *start <= bits);
        let line = *self.lines.get(at.checked_sub(1)?)?;
        (line != 0).then_some(line)
    }

    /// Between which stretches those lie that may hold an address.
    fn stretches_around(&self, bits: u128) -> (usize, usize) {
        let first = usize::try_from((bits >> V4_INDEX_SHIFT) ^ V4_INDEX_BASE).unwrap_or(usize::MAX);
        match (self.v4.get(first), self.v4.get(first.saturating_add(1))) {
            (Some(from), Some(to)) => (*from as usize, *to as usize),
            (None, _) | (_, None) => (0, self.starts.len()),
        }
    }

    /// What its head says about it.
    pub(crate) fn head(&self) -> &ListHead {
        &self.head
    }

    /// The name of the list.
    pub(crate) fn name(&self) -> &str {
        &self.head.name
    }

    /// How many addresses and networks it holds.
    pub(crate) fn networks(&self) -> usize {
        self.networks
    }
}

/// The index of version 4 for stretches that begin at `starts`.
fn v4_index(starts: &[u128]) -> Vec<u32> {
    if starts.len() < V4_INDEX_STARTS_MIN {
        return Vec::new();
    }
    let before = |first: u128| starts.partition_point(|start| *start < (V4_INDEX_BASE + first) << V4_INDEX_SHIFT);
    let index = (0..=V4_INDEX_ENTRIES).map(|first| u32::try_from(before(first)).expect("under 2^24 stretches"));
    index.collect()
}

/// Cuts the space into stretches with one narrowest network each. Networks lie within each other or apart, never
/// across, so those that hold the present address are a stack.
fn stretches(networks: &[Network]) -> (Vec<u128>, Vec<u32>) {
    let (mut starts, mut lines) = (vec![0], vec![0]);
    let mut open: Vec<Network> = Vec::new();
    let mut cut = |start: u128, line: u32| {
        if starts.last() == Some(&start) {
            *lines.last_mut().expect("as many as starts") = line;
        } else {
            starts.push(start);
            lines.push(line);
        }
    };
    let close = |open: &mut Vec<Network>, up_to: Option<u128>, cut: &mut dyn FnMut(u128, u32)| {
        while let Some(top) = open.pop_if(|top| up_to.is_none_or(|first| top.last < first)) {
            if let Some(next) = top.last.checked_add(1) {
                cut(next, open.last().map_or(0, |below| below.line));
            }
        }
    };
    for network in networks {
        close(&mut open, Some(network.first), &mut cut);
        invariant!(I5, open.last().is_none_or(|top| network.last <= top.last), "networks cross each other");
        cut(network.first, network.line);
        open.push(*network);
    }
    close(&mut open, None, &mut cut);
    (starts, lines)
}

/// `192.0.2.1` or `2001:db8::/32`, as bits and the length of the prefix.
fn network(entry: &str) -> Result<(u128, u32), String> {
    let (address, length) = entry.split_once('/').map_or((entry, None), |(address, length)| (address, Some(length)));
    let ip: IpAddr = address.parse().map_err(|_| format!("{entry:?} is neither an address nor a network"))?;
    let (before, width) = match ip {
        IpAddr::V4(_) => (V4_PREFIX_BITS, 32),
        IpAddr::V6(_) => (0, 128),
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
    if masked(bits(ip), length) != bits(ip) {
        return Err(format!("{entry:?} has bits set behind its prefix: which network is meant?"));
    }
    Ok((bits(ip), length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
            ("203.0.113.8", Some(2)),
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
    fn carried_address_is_looked_up_before_its_carrier() {
        let list = list("203.0.113.0/24\n2002::/16\n64:ff9b::198.51.100.0/120").unwrap();
        for (address, line) in [
            ("64:ff9b::203.0.113.9", Some(1)),
            ("2002:cb00:7109::1", Some(1)),
            ("2001:0:c633:6401:8000:63bf:34ff:8ef8", Some(1)),
            ("2002:c000:0201::1", Some(2)),
            ("192.0.2.1", None),
            ("64:ff9b::198.51.100.3", Some(3)),
            ("198.51.100.3", None),
            ("64:ff9b::192.0.2.1", None),
        ] {
            assert_eq!(list.line_of(Address::parse(address).unwrap()), line, "{address}");
        }
    }

    #[test]
    fn ends_of_the_space_are_looked_up_too() {
        let list = list("8000::/1\n255.255.255.255\nffff:ffff:ffff:ffff::/64\n0.0.0.0/1\n0.0.0.0/1").unwrap();
        for (address, line) in [
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(3)),
            ("ffff:ffff:ffff:fffe::", Some(1)),
            ("7fff::", None),
            ("::1", None),
            ("255.255.255.255", Some(2)),
            ("255.255.255.254", None),
            ("127.255.255.255", Some(4)),
        ] {
            assert_eq!(list.line_of(Address::parse(address).unwrap()), line, "{address}");
        }
        assert_eq!(list.networks(), 4);
    }

    proptest! {
        #[test]
        fn look_up_is_that_of_asking_every_network(
            drawn in proptest::collection::vec((0_u32..64, 26_u32..=32), 0..24),
            asked in proptest::collection::vec(0_u32..80, 1..20),
        ) {
            let mask = |length: u32| u32::MAX.checked_shl(32 - length).unwrap_or(0);
            let networks: Vec<(u32, u32)> = drawn.iter().map(|(low, length)| (low & mask(*length), *length)).collect();
            let text: String = networks.iter().map(|(first, length)| format!("0.0.0.{first}/{length}\n")).collect();
            let list = list(&text).unwrap();
            for address in asked {
                let holds = |(first, length): &(u32, u32)| (address ^ first) & mask(*length) == 0;
                // The longest prefix; of equals, the first line.
                let held = networks.iter().zip(1_u32..).filter(|(network, _)| holds(network));
                let narrowest = held.min_by_key(|((_, length), line)| (std::cmp::Reverse(*length), *line));
                let expected = narrowest.map(|(_, line)| line);
                let address = Address::parse(&format!("0.0.0.{address}")).unwrap();
                prop_assert_eq!(list.line_of(address), expected);
            }
        }
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

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn index_of_version_4_finds_what_searching_everything_finds(
            networks in prop::collection::vec((any::<u32>(), 10_u32..=32), 300..600),
            version_6 in prop::collection::vec((any::<u128>(), 16_u32..=64), 0..50),
            others in prop::collection::vec(any::<u32>(), 100),
        ) {
            let text = |address: IpAddr, length: u32| format!("{address}/{length}\n");
            let masked_v4 = |(bits, length): (u32, u32)| (bits & (u32::MAX << (32 - length)), length);
            let v4: Vec<(u32, u32)> = networks.into_iter().map(masked_v4).collect();
            let mut lines: String = v4.iter().map(|(bits, length)| text(IpAddr::V4((*bits).into()), *length)).collect();
            for (bits, length) in version_6 {
                lines.push_str(&text(IpAddr::V6(masked(bits | 1 << 127, length).into()), length));
            }
            let indexed = list(&lines).unwrap();
            prop_assert!(!indexed.v4.is_empty());
            let whole = AddressList { v4: Vec::new(), ..list(&lines).unwrap() };
            let ends = v4.iter().flat_map(|(bits, length)| {
                let last = bits | u32::MAX.checked_shr(*length).unwrap_or(0);
                [*bits, last, bits.wrapping_sub(1), last.wrapping_add(1)]
            });
            for bits in ends.chain(others).chain([0, 1, u32::MAX]) {
                let address = Address::parse(&IpAddr::V4(bits.into()).to_string()).unwrap();
                prop_assert_eq!(indexed.line_of(address), whole.line_of(address), "{}", bits);
            }
            for text in ["::1", "2001:db8::1", "ffff::", "::fffe:ffff:ffff", "::1:0:0:0", "8000::1"] {
                let address = Address::parse(text).unwrap();
                prop_assert_eq!(indexed.line_of(address), whole.line_of(address), "{}", text);
            }
        }
    }
}
