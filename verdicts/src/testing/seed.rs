//! Random input that can be had again.

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Generates values from the seed in `CLICKTRAIL_TEST_SEED`, or 0. Prints the seed, which a failed test shows.
pub(crate) fn seeded() -> TestRunner {
    let seed = std::env::var("CLICKTRAIL_TEST_SEED").ok();
    let seed: u64 = seed.map_or(0, |text| text.parse().expect("CLICKTRAIL_TEST_SEED is a number"));
    println!("CLICKTRAIL_TEST_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}
