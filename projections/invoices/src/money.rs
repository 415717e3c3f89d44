//! Amounts of money: whole numbers of a currency's minor unit, and how they are rounded.
//!
//! One rule for every rounding: to the nearest whole, and from the middle away from zero. So a credit is rounded as
//! the charge that it takes back was.

#![warn(clippy::arithmetic_side_effects, clippy::float_arithmetic)]

mod amount;
mod share;

pub(crate) use amount::divide;
pub use amount::{Currency, MICROS, round_micros, show, show_micros};
pub use share::BasisPoints;

#[cfg(test)]
mod tests;
