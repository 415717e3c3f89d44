//! Chance that is the same for ever: ChaCha8 from a seed, and integer arithmetic on top.
//!
//! No distributions of a library: those may change what they draw from one version to the next.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

/// A source of choices.
#[derive(Debug, Clone)]
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Any 64 bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// One of `0..end`, each equally likely but for a part in 2^32; 0 if `end` is.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        scale(self.0.next_u32(), end)
    }

    /// One of `from..to`.
    pub(super) fn between(&mut self, from: u32, to: u32) -> u32 {
        from + self.below(to - from)
    }

    /// True so many times in a million.
    pub(super) fn per_million(&mut self, times: u32) -> bool {
        self.below(1_000_000) < times
    }

    /// One of `0..end`, small numbers more often: half of the draws are in the first quarter.
    pub(super) fn skewed(&mut self, end: u32) -> u32 {
        let draw = self.0.next_u32();
        scale(scale(draw, draw), end)
    }
}

/// `value / 2^32` of `end`.
fn scale(value: u32, end: u32) -> u32 {
    u32::try_from((u64::from(value) * u64::from(end)) >> 32).expect("a fraction of a u32")
}

/// Mixes bits (the finalizer of SplitMix64): the traits of a user are a function of the user's number.
pub(super) fn mix(value: u64) -> u64 {
    let mut bits = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// One of `0..end` out of mixed bits.
pub(super) fn pick(bits: u64, end: u32) -> u32 {
    scale(u32::try_from(bits >> 32).expect("the upper half"), end)
}
