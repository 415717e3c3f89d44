//! What was later ruled about an event: verdicts, and which of them stands.
//!
//! A verdict marks a click and never changes it.
//!
//! - [`ruleset`] is the file that says what is looked for and what it weighs;
//! - [`fold`] runs its detectors over the click log, the same way live and on replay;
//! - [`verdict`] is one judgement about one position;
//! - [`ruling`] decides which verdict stands for a position.

mod detector;
pub mod fold;
pub mod ruleset;
pub mod ruling;
pub mod verdict;
