//! Rounds of damaged input: each is drawn from a seed, written down, read, and measured.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
};

use clicktrail_evidence::made_up::Random;

use crate::{apart, mutate};

/// Rounds of a trial, if the environment says nothing.
const ROUNDS: u64 = 400;
/// What any input may cost in memory, whatever its size: libraries fill tables of their own, and the system gives
/// memory in large pieces.
const FIXED_BYTES: u64 = 24 << 20;
/// What each byte of it may cost.
const BYTES_PER_BYTE: u64 = 64;

/// A test of one parser.
#[derive(Debug)]
pub struct Trial {
    test: &'static str,
    examples: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
    slowness: u64,
    bytes_per_byte: u64,
}

impl Trial {
    /// The trial of a test by its path: see [`crate::test!`].
    pub fn of(path: &'static str) -> Self {
        let test = path.split_once("::").map_or(path, |(_, test)| test);
        Self { test, examples: Vec::new(), words: Vec::new(), slowness: 1, bytes_per_byte: BYTES_PER_BYTE }
    }

    /// Adds a valid example.
    #[must_use]
    pub fn example(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.examples.push(bytes.into());
        self
    }

    /// Adds valid examples.
    #[must_use]
    pub fn examples<B: Into<Vec<u8>>>(mut self, examples: impl IntoIterator<Item = B>) -> Self {
        self.examples.extend(examples.into_iter().map(Into::into));
        self
    }

    /// Adds words of the format, which are put in by chance.
    #[must_use]
    pub fn words(mut self, words: &[&str]) -> Self {
        self.words.extend(words.iter().map(|word| word.as_bytes().to_vec()));
        self
    }

    /// One round where other trials have so many: reading takes long.
    #[must_use]
    pub fn slow(mut self, factor: u64) -> Self {
        self.slowness = factor;
        self
    }

    /// How many bytes of memory each byte of input may take, where it is more than usual: the input is compressed.
    #[must_use]
    pub fn bytes_per_byte(mut self, bytes: u64) -> Self {
        self.bytes_per_byte = bytes;
        self
    }

    /// Gives the examples to `read` as they are, then damaged. `read` fails the test by a panic.
    ///
    /// # Panics
    /// If `read` did, or took too much of anything.
    pub fn run(self, read: impl Fn(&[u8])) {
        assert!(!self.examples.is_empty(), "{} has nothing to damage", self.test);
        let (examples, words) = (self.examples.clone(), self.words.clone());
        self.run_drawn(|random| mutate::of_examples(random, &examples, &words), read);
    }

    /// The same with input that `draw` makes: damage below a digest, which is then made to fit.
    ///
    /// # Panics
    /// As [`Trial::run`].
    pub fn run_drawn(self, draw: impl Fn(&mut Random) -> Vec<u8>, read: impl Fn(&[u8])) {
        let Some(place) = apart::place() else { return apart::run(self.test) };
        let first = apart::number("CLICKTRAIL_TEST_SEED").unwrap_or(1);
        let rounds = apart::number("CLICKTRAIL_TEST_ROUNDS").unwrap_or_else(|| (ROUNDS / self.slowness).max(1));
        let mut peak = None;
        for example in &self.examples {
            read(example);
            peak = apart::peak_bytes();
        }
        for seed in (first..).take(usize::try_from(rounds).expect("rounds fit a machine word")) {
            let input = draw(&mut Random::new(seed));
            fs::write(&place, &input).expect("the input can be written down");
            let read = catch_unwind(AssertUnwindSafe(|| read(&input)));
            let after = apart::peak_bytes();
            let taken = after.zip(peak).map_or(0, |(after, before)| after.saturating_sub(before));
            let may = FIXED_BYTES + self.bytes_per_byte * input.len() as u64;
            let test = self.test;
            let again = format!(
                "CLICKTRAIL_TEST_SEED={seed} CLICKTRAIL_TEST_ROUNDS=1 reads {test} this again: {}",
                apart::shown(&input)
            );
            assert!(read.is_ok(), "a panic; {again}");
            assert!(taken <= may, "{taken} bytes of memory, more than {may}; {again}");
            peak = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;

    /// Runs a trial with a planted fault: the process apart must end, and what it says must name what happened.
    #[track_caller]
    fn fails(trial: Trial, read: impl Fn(&[u8]), said: &str) {
        if apart::place().is_some() {
            return trial.run(read);
        }
        let failed = catch_unwind(AssertUnwindSafe(|| trial.run(read))).expect_err("the fault was not found");
        let message = failed.downcast_ref::<String>().expect("a message with values");
        assert!(message.contains(said), "{message}");
        assert!(message.contains("the last input:"), "{message}");
    }

    #[test]
    fn panic_is_told_with_the_seed_that_repeats_it() {
        let trial = Trial::of(test!(panic_is_told_with_the_seed_that_repeats_it)).example("[1,2]");
        fails(trial, |bytes| assert!(bytes.is_ascii()), "CLICKTRAIL_TEST_ROUNDS=1 reads");
    }

    #[test]
    fn stack_that_overflows_ends_its_own_process_alone() {
        fn depth(bytes: &[u8]) -> usize {
            let padding = std::hint::black_box([0_u8; 512]);
            match bytes {
                [b'[', rest @ ..] => usize::from(padding[0]) + depth(rest) + 1,
                _ => 0,
            }
        }
        let trial = Trial::of(test!(stack_that_overflows_ends_its_own_process_alone)).example("[[1]]").words(&["["]);
        let read = |bytes: &[u8]| {
            let deepest = bytes.iter().position(|byte| *byte == b'[').map_or(0, |at| depth(&bytes[at..]));
            assert!(deepest <= bytes.len());
        };
        fails(trial, read, "signal");
    }

    #[test]
    fn memory_that_a_length_claims_is_told() {
        let trial = Trial::of(test!(memory_that_a_length_claims_is_told)).example(vec![0, 0, 0, 9, 7]);
        let read = |bytes: &[u8]| {
            let Some(length) = bytes.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes)) else { return };
            let claimed: Vec<u8> = Vec::with_capacity(length as usize);
            assert!(std::hint::black_box(claimed).is_empty());
        };
        fails(trial, read, "bytes of memory, more than");
    }

    #[test]
    fn reader_that_takes_everything_passes() {
        Trial::of(test!(reader_that_takes_everything_passes)).example("x").run(|bytes| drop(bytes.to_vec()));
    }
}
