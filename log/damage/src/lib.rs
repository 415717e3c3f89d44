//! Damaged input, for tests of whatever reads bytes from outside. No room uses this but in its tests.
//!
//! A [`Trial`] takes valid examples, damages them by chance ([`mutate`], [`json`]), and gives the result to a parser,
//! round after round. The parser may refuse what it is given, and must neither panic, overflow its stack, run on
//! without an end, nor take more memory than the input is worth: every trial runs in a process of its own, with limits
//! (`apart`), and what it takes is measured.
//!
//! The same seed gives the same input. `CLICKTRAIL_TEST_SEED=N` begins elsewhere, `CLICKTRAIL_TEST_ROUNDS=N` sets the
//! number of rounds. Each round has a seed of its own, the next number: a failure says which one to begin with, so that
//! one round repeats it.
//!
//! ```text
//! Trial::of(clicktrail_damage::test!(positions_are_read_or_refused)).example("1.42.0").run(|bytes| …);
//! ```

mod apart;
pub mod json;
pub mod mutate;
mod trial;

pub use clicktrail_evidence::made_up::Random;
pub use trial::Trial;

/// The path of a test by its name, as its own binary knows it: what [`Trial::of`] takes.
#[macro_export]
macro_rules! test {
    ($test:ident) => {
        concat!(module_path!(), "::", stringify!($test))
    };
}
