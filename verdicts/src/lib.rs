//! What was later ruled about an event: verdicts, and which of them stands.
//!
//! A verdict marks a click and never changes it. This room holds the types and the precedence so far; detectors,
//! rulesets and the judge are not built yet.
//!
//! - [`verdict`] is one judgement about one position;
//! - [`ruling`] decides which verdict stands for a position.

pub mod ruling;
pub mod verdict;
