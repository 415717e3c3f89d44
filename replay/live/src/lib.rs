//! The roles that run as long as a server does: replay with an open end.
//!
//! - [`judging`] judges frames as they are logged, and keeps the mark that counting waits for;
//! - [`counting`] folds what is judged into hot partials;
//! - [`sealing`] archives an hour that is over, makes it count from its segment, and trims the log behind it;
//! - [`signing`] logs and signs what was sealed, if there is a key;
//! - [`lags`] measures from outside how far they are behind;
//! - [`verified`] reports how the last check of what counts ended;
//! - [`backfill`] drives all three over past events, whose own times are the clock.
//!
//! Every role is `run(self, shutdown)`: its owner cancels it, and it ends what it has begun.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests wait, measure and take seeds"))]

pub mod backfill;
pub mod counting;
pub mod judging;
pub mod lags;
pub mod metric;
#[cfg(test)]
mod model;
pub mod sealing;
pub mod signing;
#[cfg(test)]
mod simulation;
pub mod verified;
