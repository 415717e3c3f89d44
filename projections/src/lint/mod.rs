//! Refuses SQL that is no projection: each refusal names the place and says what to do instead.
//!
//! - `size`: how long and how deep it may be;
//! - `statement`: one SELECT, of `clicks` and `rulings` alone;
//! - `repeatable`: what could give another answer the next time, and floating point (invariant I12);
//! - `rowwise`: below the sums every event is looked at by itself, once, with the ruling about it;
//! - `additive`: the key's columns are what is grouped by, and every measure is made of counts and sums;
//! - `columns`: names and types of what comes out.
//!
//! The last three are why ticks and hours may be counted by themselves and added up: for any cut of the log, the
//! projection of the whole is the sum of the projections of its pieces (I6, I8).

mod additive;
mod columns;
mod origin;
mod reading;
mod refusal;
mod repeatable;
mod rowwise;
mod size;
mod statement;
#[cfg(test)]
mod tests;

pub(crate) use columns::Expected;
pub(crate) use reading::projection;
pub use repeatable::check;
pub(crate) use size::of_question;
pub(crate) use statement::{CLICKS, RULINGS};
