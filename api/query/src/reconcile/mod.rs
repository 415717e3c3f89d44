//! A partner's own list of clicks held against ours: which clicks both have, which only one has, why, and what each
//! reason is in money.
//!
//! Pure: a [`Ledger`] takes both sides in any order, [`Ledger::matched`] pairs them one to one, `Matched::reject` is
//! told what the rejected log knows, and [`Matched::report`] gives each click exactly one reason. What both sides ask
//! for differs by exactly what the reasons add up to: that is asserted, not hoped for. `ours` reads our side.
//!
//! - `names` and `side` hold the clicks in few bytes each;
//! - `pairs` and `by_id`, `by_time` say which clicks are the same;
//! - `reason` is what can be said of one click; `report` adds up.

mod both;
mod by_id;
mod by_time;
mod ledger;
mod names;
mod ours;
mod pairs;
mod reason;
mod report;
mod side;
#[cfg(test)]
mod tests;

pub use both::Rejection;
pub use ledger::{Ledger, Matched};
pub use ours::Asked;
pub use reason::{Place, Reason};
pub use report::{Key, Report, Shown, Sum, Total};
pub use side::{BYTES_MAX, Click, Logged, Standing, TooLarge};
