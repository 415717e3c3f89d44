//! Making it so again: from a sealed hour to its segment, and what an answer is counted from.
//!
//! - [`segment`] builds an hour's segment from its manifest and its [`rulings`], with a [`receipt`];
//! - [`register`] makes the segment count in place of what was counted live;
//! - [`reader`] reads the frames that no sealed hour holds yet;
//! - [`stale`] lists the hours that a later ruling concerns, and [`as_of`] counts them with it;
//! - [`belongs`] tells logs that the catalog counted from copies that went on by themselves;
//! - [`known`] finds what an import wrote before;
//! - [`rebuild`] makes the catalog again from archive and logs: `open_range` counts what is not sealed, `proven` finds
//!   a judge's mark that was lost;
//! - [`recount`] computes the bill again and holds it against what counts, in [`sums`].

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests wait, measure and take seeds"))]

pub mod as_of;
pub mod belongs;
mod error;
pub mod known;
pub mod metric;
mod open_range;
mod proven;
pub mod reader;
pub mod rebuild;
pub mod receipt;
pub mod recount;
pub mod register;
pub mod rulings;
pub mod segment;
pub mod stale;
pub mod sums;

pub use error::Error;
