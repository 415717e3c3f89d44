//! A sealed hour, or the frames of a tick, counted fast: the same SQL as everywhere, over ranges that share no key.
//!
//! - `chunks` and `cursor` read a part forwards, once, and only what is counted;
//! - `ranges` cuts the hour, and `codes` makes of a range what is counted: `ranks` orders texts, `numbers` its keys,
//!   `ruled` knows what was ruled about a row, and `classes` deals rows by that and their kind;
//! - `by_key` takes the SQL's plan apart, and `plan` has the engine count by it, expression by expression (`terms`),
//!   with columns of one value made once (`constants`);
//! - `threads` is what they run on, and `hour` puts what comes out in order;
//! - `pieces` merges an ad that was too large for one range;
//! - `frames` are a range by themselves.
//!
//! What comes out is what [`project`](super::project) gives for the table of the same parts or frames, row for row;
//! texts of an hour as the dictionaries that they are in a range.

mod by_key;
mod chunks;
mod classes;
mod codes;
mod columns;
mod constants;
mod cursor;
mod frames;
mod hour;
mod numbers;
mod pieces;
mod plan;
mod ranges;
mod ranks;
mod ruled;
mod terms;
mod threads;

pub use frames::project_frames;
pub use hour::{Counts, project_hour};

#[cfg(test)]
mod tests;
