//! What usage costs: lines, adjustments, taxes, total.

#![warn(clippy::arithmetic_side_effects, clippy::float_arithmetic)]

mod agreed;
mod check;
mod compute;
mod minus;
mod parts;

pub use compute::bill;
pub use parts::{Adjustment, AdjustmentKind, Bill, Line, LineKind, Price, TaxLine};

#[cfg(test)]
mod tests;
