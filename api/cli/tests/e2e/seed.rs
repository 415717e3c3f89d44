//! Chance that can be had again: whatever a test draws, it draws from a [`Seed`].
//!
//! The seed is `CLICKTRAIL_TEST_SEED`, or else the clock. A test that fails prints it, and the command that takes it
//! back. The same seed gives the same draws; when threads and processes run is up to the machine, so a failure that
//! needs a moment may take several runs.
//!
//! Properties (proptest) draw on their own. A failing case is printed, and kept as a line `cc …` in a file under
//! `proptest-regressions/` beside the `src/` of its room: commit the file, and every later run begins with that case.
//! `PROPTEST_RNG_SEED=N` draws the same cases again; `PROPTEST_CASES=N` draws more of them, where a property sets no
//! number.

use std::{env, ops::Range, thread};

use clicktrail_log::time::{Clock as _, SystemClock};

use crate::server::show;

/// What the seed is taken from.
const VARIABLE: &str = "CLICKTRAIL_TEST_SEED";

/// A stream of draws. Printed if the test fails.
#[derive(Debug)]
pub(crate) struct Seed {
    seed: u64,
    draws: u64,
}

impl Seed {
    /// The seed in the environment, or a new one.
    pub(crate) fn take() -> Self {
        let given = env::var(VARIABLE).ok();
        let number = |text: String| text.parse().unwrap_or_else(|_| panic!("{VARIABLE} is no number: {text}"));
        Self::new(given.map_or_else(|| SystemClock.now().micros().unsigned_abs(), number))
    }

    fn new(seed: u64) -> Self {
        Self { seed, draws: 0 }
    }

    /// One of `range`, which is not empty.
    pub(crate) fn draw(&mut self, range: Range<u64>) -> u64 {
        self.draws += 1;
        range.start + mix(self.seed, self.draws) % (range.end - range.start)
    }

    /// How to draw the same again.
    fn repeat(&self, test: &str) -> String {
        let seed = self.seed;
        format!(
            "{} draws from seed {seed}; again with\n{VARIABLE}={seed} .ci/services run cargo test --release --workspace \
             --test e2e {test}",
            self.draws
        )
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if thread::panicking() {
            show(&self.repeat(thread::current().name().unwrap_or_default()));
        }
    }
}

/// The finalizer of SplitMix64 over the place of a draw.
fn mix(seed: u64, draw: u64) -> u64 {
    let mut bits = seed.wrapping_add(draw.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[test]
fn same_seed_gives_the_same_draws() {
    let draws = |seed: u64| {
        let mut seed = Seed::new(seed);
        (0..100).map(|_| seed.draw(20..300)).collect::<Vec<_>>()
    };
    let drawn = draws(7);
    assert_eq!(drawn, draws(7));
    assert_ne!(drawn, draws(8));
    assert!(drawn.iter().all(|draw| (20..300).contains(draw)));
    // For ever: a seed in an old report still means what it meant.
    assert_eq!(drawn[..5], [267, 184, 286, 23, 214]);
}

#[test]
fn a_failure_says_how_it_is_repeated() {
    let mut seed = Seed::new(42);
    seed.draw(0..2);
    let command = "CLICKTRAIL_TEST_SEED=42 .ci/services run cargo test --release --workspace --test e2e kill::killed";
    assert_eq!(seed.repeat("kill::killed"), format!("1 draws from seed 42; again with\n{command}"));
}
