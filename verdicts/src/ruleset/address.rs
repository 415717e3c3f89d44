//! Addresses, and the networks that stand for one household, office or host.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU128,
};

/// Version 4 is mapped into version 6: this many bits stand before its own.
pub(super) const V4_PREFIX_BITS: u32 = 96;
/// What stands in these bits.
const V4_PREFIX: u128 = 0xffff;

/// Prefixes of 96 bits behind which an address of version 4 stands: translated (NAT64, RFC 6052, and of a network's
/// own, RFC 8215), translated without state (RFC 2765), and "compatible" (RFC 4291, deprecated).
const V4_BEHIND: [u128; 4] = [0x0064_ff9b << 96, 0x0064_ff9b_0001 << 80, 0xffff << 48, 0];
/// 6to4 (RFC 3056): an address of version 4 behind 16 bits.
const SIX_TO_FOUR: u128 = 0x2002;
/// Teredo (RFC 4380): behind 32 bits; the client's address of version 4 is the last 32, inverted.
const TEREDO: u128 = 0x2001_0000;
/// Lower ones (`0.x.x.x`) are nobody's: `::1` carries none.
const V4_MIN: u128 = 1 << 24;

/// An address of either family as one number: version 4 is mapped into version 6, so `::ffff:192.0.2.1` is `192.0.2.1`.
/// Never `::`, which is nobody's address.
///
/// An address of version 6 may only carry one of version 4 (NAT64, 6to4, Teredo). It is judged as that one: whose
/// packets these are, where a list has it, what rates count by. Otherwise a rented server behind a translator would be
/// no data centre, and all of NAT64, which is one network of 64 bits, one visitor. What is logged stays as it came.
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

    /// As the standard library has it; the address of version 4 that it carries, if it carries one.
    pub(crate) fn ip(self) -> IpAddr {
        Ipv6Addr::from_bits(self.carried().bits()).to_canonical()
    }

    /// The address of version 4 that one of version 6 carries; else itself.
    pub(crate) fn carried(self) -> Self {
        let bits = self.bits();
        let (low, middle) = (bits & u128::from(u32::MAX), (bits >> 80) & u128::from(u32::MAX));
        let v4 = if V4_BEHIND.contains(&(bits - low)) {
            low
        } else if bits >> 112 == SIX_TO_FOUR {
            middle
        } else if bits >> 96 == TEREDO {
            low ^ u128::from(u32::MAX)
        } else {
            return self;
        };
        if v4 < V4_MIN {
            return self;
        }
        NonZeroU128::new(V4_PREFIX << 32 | v4).map_or(self, Self)
    }

    pub(crate) fn bits(self) -> u128 {
        self.0.get()
    }

    /// The first address of the network that `prefixes` cut out around this one: the key of what they do together.
    pub(crate) fn network(self, prefixes: Prefixes) -> Self {
        let bits = self.carried().bits();
        let length = if bits >> 32 == V4_PREFIX { V4_PREFIX_BITS + prefixes.v4 } else { prefixes.v6 };
        // Only the networks around `::1` begin with `::`, which is no address.
        Self(NonZeroU128::new(masked(bits, length)).unwrap_or(NonZeroU128::MIN))
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
    fn address_of_version_6_that_carries_one_of_version_4_is_judged_as_that() {
        for carrier in [
            "::ffff:203.0.113.7",
            "::203.0.113.7",
            "::ffff:0:203.0.113.7",
            "64:ff9b::203.0.113.7",
            "64:ff9b::cb00:7107",
            "64:ff9b:1::203.0.113.7",
            "2002:cb00:7107::1",
            "2002:cb00:7107:1:2:3:4:5",
            // The client's address is inverted: 34 ff 8e f8 are cb 00 71 07. The server's, 198.51.100.1, is not asked.
            "2001:0:c633:6401:8000:63bf:34ff:8ef8",
        ] {
            let address = Address::parse(carrier).unwrap();
            assert_eq!(address.ip().to_string(), "203.0.113.7", "{carrier}");
            assert_eq!(address.network(Prefixes::DEFAULT), Address::parse("203.0.113.7").unwrap(), "{carrier}");
        }
        for own in [
            "::1",
            "::ff",
            "64:ff9b::",
            "64:ff9b:1:1::cb00:7107",
            "2001:db8::cb00:7107",
            "2003:cb00:7107::1",
            "2002::1",
        ] {
            assert_eq!(Address::parse(own).unwrap().ip().to_string(), own);
        }
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
