//! Folding the click log through a ruleset's detectors: what each event is found to be, from the log up to it.
//!
//! A [`Fold`] is deterministic: the same log gives the same findings, in whatever batches it comes. Nor does it matter
//! where folding begins, if everything logged within the look-back before the first judged event was seen
//! ([`Fold::warm`]). Nothing here reads a clock, and no finding is ever revisited: an event that comes late is judged
//! by what the log holds up to it.
//!
//! A frame from the future, which a clock that was ahead logged, ends no look-back: see `clock` (decision 0085).
//!
//! One thing could break this: a log that went on for hours and then runs backwards by more than [`REWIND_MAX`]. State
//! that such a frame may still see is already forgotten. [`Fold::rewinds`] counts these events.

pub(crate) mod alone;
pub(crate) mod candidates;
pub(crate) mod clock;
mod correction;
mod error;
mod finding;
mod folding;
mod pass;
mod score;
#[cfg(test)]
pub(crate) mod tests;

pub use crate::detector::originals::Originals;
pub use candidates::Candidates;
pub(crate) use clock::REWIND_MAX_MICROS;
pub use clock::{REWIND_MAX, Rewinds};
pub use error::Error;
pub use finding::Finding;
pub use folding::Fold;
pub use score::PRECEDENCE;
