//! Making it so again: from a sealed hour to its segment, and what an answer is counted from.
//!
//! - [`segment`] builds an hour's segment from its manifest and its [`rulings`], with a [`receipt`];
//! - [`register`] makes the segment count in place of what was counted live;
//! - [`reader`] reads the frames that no sealed hour holds yet, [`history`] all that was ever logged;
//! - [`issued`] reads the documents that were issued, each once, and appends to their log what it does not hold;
//! - [`stale`] lists the hours that a later ruling concerns, and [`as_of`] counts them with it; [`projected`] gives any
//!   other projection of what counts;
//! - [`belongs`] tells logs that the catalog counted from copies that went on by themselves;
//! - [`known`] finds what an import wrote before;
//! - [`rebuild`] makes the catalog again from archive and logs: `open_range` counts what is not sealed, `proven` finds
//!   a judge's mark that was lost;
//! - [`promotions`] keeps in the object store what was promoted, and gives it to a catalog that was lost;
//! - [`recount`] computes the bill again and holds it against what counts, in [`sums`];
//! - [`plan`] pins what a build reads, [`mod@unit`] computes one hour of it and compares its `totals`, and [`work`]
//!   shares the units of a build among workers; [`moment`] finds the verdicts that were known at a time, and
//!   `budget` bounds the memory of hours side by side; `text` and `text_or_null` are how positions stand in documents;
//! - [`standing`] is what a generation's hours count from, or did before it;
//! - [`estimate`] says from a sample of hours how much promoting would move;
//! - [`diff`] compares what hours count from, [`gates`] say what keeps a build from counting, [`verify`] computes hours
//!   again with the [`codes`] that made them, and [`gc`] finds what nothing needs;
//! - [`correction`] is what a correction of facts does to the logs, and to the bill.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests wait, measure and take seeds"))]

pub mod as_of;
pub mod belongs;
mod budget;
pub mod codes;
pub mod correction;
#[cfg(test)]
mod damaged;
pub mod diff;
mod error;
pub mod estimate;
pub mod gates;
pub mod gc;
pub mod history;
pub mod issued;
pub mod known;
pub mod metric;
pub mod moment;
mod open_range;
pub mod plan;
pub mod projected;
pub mod promotions;
mod proven;
pub mod reader;
pub mod rebuild;
pub mod receipt;
pub mod recount;
pub mod register;
pub mod rulings;
pub mod segment;
pub mod stale;
pub mod standing;
pub mod sums;
pub mod text;
pub mod text_or_null;
mod totals;
pub mod unit;
pub mod verify;
pub mod work;

pub use error::Error;
