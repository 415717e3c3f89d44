//! What follows from the log: pure folds from (an hour's clicks, its rulings) to a table.
//!
//! A projection is its SQL with the columns that come out. It reads no clock and no random source, so the same input
//! and code give the same bytes: that is what makes a replay a proof.
//!
//! - [`projection`] is what any of them is; [`counters`] is the built-in one, and [`counters::query`] answers people's
//!   questions from it;
//! - [`clicks`] makes tables of archived parts and of live frames, so that both are counted by one SQL;
//! - [`segment`] is a projection's output as bytes; [`session`] bounds what a query may use; [`lint`] refuses SQL
//!   that could give another answer the next time, or does not add up; [`select`] answers a person's own SQL;
//! - [`zone`] knows local days and reads the bounds of ranges.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests wait, measure and take seeds"))]

pub mod clicks;
pub mod counters;
#[cfg(test)]
mod damaged;
mod error;
pub mod lint;
pub mod projection;
pub mod segment;
pub mod select;
pub mod session;
pub mod zone;

/// What a fold reads from, so that callers need not name the engine.
pub use datafusion::catalog::TableProvider;
pub use error::Error;
pub use projection::Projection;
