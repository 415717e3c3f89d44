//! What was later ruled about an event: verdicts, and which of them stands.
//!
//! A verdict marks a click and never changes it.
//!
//! - [`ruleset`] is the file that says what is looked for and what it weighs;
//! - [`fold`] runs its detectors over the click log, the same way live and on replay;
//! - [`kinds`] says which kinds of events something is about;
//! - [`verdict`] is one judgement about one position;
//! - [`schema`] has its columns, [`reasons`] the text of one of them, [`frames`] what is appended to the verdict log;
//! - [`archive`] says how sealed hours of verdicts are kept;
//! - [`ruling`] decides which verdict stands for a position, [`rulings`] what stands for many;
//! - [`judge`] reads the click log, lets a ruleset fold it, and appends what that finds; [`hand`] is for people who
//!   rule, and [`append`] gets what either says into the log once;
//! - [`coverage`] says which kinds of events were judged at all;
//! - [`reader`] reads all of it, as of any position of the verdict log, from archive and log.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests wait, measure and take seeds"))]

pub mod append;
pub mod archive;
pub mod coverage;
#[cfg(test)]
mod damaged;
mod detector;
pub mod fold;
pub mod frames;
pub mod hand;
pub mod judge;
pub mod kinds;
pub mod reader;
pub mod reasons;
pub mod ruleset;
pub mod ruling;
pub mod rulings;
pub mod schema;
#[cfg(test)]
mod testing;
pub mod verdict;
