//! Addresses, and the networks that stand for one household, office or host.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU128,
};

/// Version 4 is mapped into version 6: this many bits stand before its own.
pub(super) const V4_PREFIX_BITS: u32 = 96;
/// What stands in these bits.
const V4_PREFIX: u128 = 0xffff;

/// An address of either family as one number: version 4 is mapped into version 6, so `::ffff:192.0.2.1` is `192.0.2.1`.
/// Never `::`, which is nobody's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Address(NonZeroU128);

impl Address {
    /// Reads an address; `None` for any other text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse::<IpAddr>().ok().and_then(Self::of)
    }

    fn of(address: IpAddr) -> Option<Self> {
        NonZeroU128::new(bits(address)).map(Self)
    }

    /// As the standard library has it.
    pub(crate) fn ip(self) -> IpAddr {
        Ipv6Addr::from_bits(self.0.get()).to_canonical()
    }

    pub(crate) fn bits(self) -> u128 {
        self.0.get()
    }

    /// The first address of the network that `prefixes` cut out around this one: the key of what they do together.
    pub(crate) fn network(self, prefixes: Prefixes) -> Self {
        let length = if self.bits() >> 32 == V4_PREFIX { V4_PREFIX_BITS + prefixes.v4 } else { prefixes.v6 };
        // Only the networks around `::1` begin with `::`, which is no address.
        Self(NonZeroU128::new(masked(self.bits(), length)).unwrap_or(NonZeroU128::MIN))
    }
}

pub(super) fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// The first `length` bits, and zeros behind them.
pub(super) fn masked(bits: u128, length: u32) -> u128 {
    bits & u128::MAX.checked_shl(128 - length).unwrap_or(0)
}

/// How many bits of an address say whose it is. What stands behind them, one subscriber changes at will.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prefixes {
    /// Of version 4: 1 to 32.
    pub(crate) v4: u32,
    /// Of version 6: 1 to 128.
    pub(crate) v6: u32,
}

impl Prefixes {
    /// An address of version 4 is one subscriber or gateway; of version 6, everybody gets a /64 at least.
    pub(crate) const DEFAULT: Self = Self { v4: 32, v6: 64 };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_texts_are_no_addresses() {
        for text in ["", "::", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.4 ", "fe80::1%eth0"] {
            assert_eq!(Address::parse(text), None, "{text:?}");
        }
        assert_eq!(Address::parse("::ffff:192.0.2.1"), Address::parse("192.0.2.1"));
    }

    #[test]
    fn network_of_version_6_is_its_first_64_bits_and_of_version_4_the_address() {
        let same = |one: &str, other: &str, prefixes: Prefixes| {
            Address::parse(one).unwrap().network(prefixes) == Address::parse(other).unwrap().network(prefixes)
        };
        let usual = Prefixes::DEFAULT;
        assert!(same("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", usual));
        assert!(!same("2001:db8:1:2::1", "2001:db8:1:3::1", usual));
        assert!(!same("192.0.2.1", "192.0.2.2", usual));
        assert!(same("192.0.2.1", "::ffff:192.0.2.1", usual));
        assert!(same("::1", "::2", usual) && !same("::1", "192.0.2.1", usual));
        let wide = Prefixes { v4: 24, v6: 48 };
        assert!(same("192.0.2.1", "192.0.2.254", wide) && !same("192.0.2.1", "192.0.3.1", wide));
        assert!(same("2001:db8:1:2::1", "2001:db8:1:3::1", wide));
        assert!(!same("2001:db8::1", "2001:db8::2", Prefixes { v4: 32, v6: 128 }));
    }
}
