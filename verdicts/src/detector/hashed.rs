//! Hashing of keys of sixteen bytes: hashes, and addresses.
//!
//! The usual hasher takes as long for sixteen bytes as the rest of a look-up does. This one multiplies
//! their halves together. Secrets of the process go in, so that whoever sends texts cannot choose which ones meet. They
//! decide where in a map a key lies, and nothing that is found.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "where in a map a key lies differs in every process, and nothing that is found does"
)]

use std::hash::{BuildHasher, Hasher, RandomState};

/// Makes hashers that share their secrets.
#[derive(Debug, Clone)]
pub(super) struct Hashed(u64, u64);

impl Default for Hashed {
    fn default() -> Self {
        let secrets = RandomState::new();
        Self(secrets.hash_one(0_u8), secrets.hash_one(1_u8))
    }
}

impl BuildHasher for Hashed {
    type Hasher = Multiplied;

    fn build_hasher(&self) -> Multiplied {
        Multiplied { secrets: [self.0, self.1], hash: 0 }
    }
}

/// Takes in words of sixteen bytes.
#[derive(Debug)]
pub(super) struct Multiplied {
    secrets: [u64; 2],
    hash: u64,
}

impl Hasher for Multiplied {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(size_of::<u128>()) {
            let mut word = [0; size_of::<u128>()];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u128(u128::from_le_bytes(word));
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "both halves are taken")]
    fn write_u128(&mut self, word: u128) {
        let [one, other] = self.secrets;
        let product = u128::from((word as u64) ^ one ^ self.hash) * u128::from(((word >> 64) as u64) ^ other);
        self.hash = (product as u64) ^ ((product >> 64) as u64);
    }

    fn finish(&self) -> u64 {
        self.hash
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_that_differ_in_few_bits_spread() {
        let hashed = Hashed::default();
        let hash = |word: u128| {
            let mut hasher = hashed.build_hasher();
            hasher.write_u128(word);
            hasher.finish()
        };
        let near: Vec<u128> =
            (0..128).map(|bit| 1 << bit).chain(0..10_000).chain((0..10_000).map(|n| n << 64)).collect();
        let distinct: HashSet<u128> = near.iter().copied().collect();
        let hashes: HashSet<u64> = distinct.iter().map(|word| hash(*word)).collect();
        assert_eq!(hashes.len(), distinct.len());
        // Maps look at the low bits and at the high ones.
        for shift in [0, 57] {
            let parts: HashSet<u64> = hashes.iter().map(|hash| hash >> shift & 127).collect();
            assert_eq!(parts.len(), 128, "from bit {shift}");
        }
    }
}
