//! Bundles of evidence: one file that an auditor checks on a laptop. `docs/evidence.md` describes the format so that
//! others can write a verifier of their own.
//!
//! - [`zip`]: the container; [`contents`]: its list of contents; [`names`]: of its files;
//! - [`table`]: tables as CSV in one form; [`columns`]: which tables there are;
//! - [`proof`]: trees of which some leaves are shown; [`advertisers`]: which rows are somebody's, hour by hour;
//! - [`canonical`] and [`time`]: JSON and times in one form;
//! - [`assembly`]: writing a bundle. [`crate::verify`] reads it.

pub mod advertisers;
pub mod assembly;
pub mod canonical;
pub mod columns;
pub mod contents;
pub mod names;
pub mod proof;
pub mod table;
pub mod time;
pub mod zip;

pub use assembly::Assembly;
pub use contents::Contents;
pub use names::README_TEXT as README;
