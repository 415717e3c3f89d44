//! Rulesets: versioned TOML files that say which detectors look, with which parameters, and what their signals weigh.
//!
//! A ruleset is read once, with every file that it names, and checked to the last field: a misspelt threshold would
//! silently stay at its default, and cost money. Its digest stands on every verdict that it gives.
//!
//! The file has `version = 1`, `name`, `threshold_permille` (an event is invalid when the sum of weights, at most
//! 1,000, is over it; 700 if not given), `look_back_seconds` (7,200 at most), `memory_bytes_max`, and a `[[rule]]`
//! table for each rule: `detector`, `name`, `enabled`, `decides`, `weight_permille`, `category` and the detector's own
//! parameters. A rule with `decides = true` makes an event invalid alone, whatever the weights.
//! `rulesets/default.toml` is the documented example.

pub(crate) mod address;
mod agents;
mod context;
pub(crate) mod detector;
mod error;
mod fields;
pub(crate) mod geo;
pub(crate) mod limits;
mod list_head;
mod literals;
mod looks_at;
pub(crate) mod networks;
mod patterns;
mod profile;
pub(crate) mod robots;
pub(crate) mod rule;
pub(crate) mod set;
mod shipped;
#[cfg(test)]
mod tests;

pub use error::{At, Error};
pub use list_head::ListHead;
pub use rule::Rule;
pub use set::Ruleset;
