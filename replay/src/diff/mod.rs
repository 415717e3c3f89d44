//! What an hour counts from on two sides, row by row, with the cause: other code, or other verdicts.
//!
//! Equal digests are equal rows, so only hours whose segments differ are read. Where code and verdicts are both others,
//! the missing combination is built: the verdicts of before with the code of after. What lies between before and that
//! is the code's doing, what lies between that and after is the verdicts'.

mod aligned;
mod answer;
mod comparison;
pub mod events;
mod merge;
mod row;
mod side;
pub mod sides;
mod stored;

pub use answer::{Cause, Changed, Diff, Question, RowCounts, Sides};
pub use comparison::Comparison;
pub(crate) use merge::rows;
pub use row::{Layout, RowChange};
pub(crate) use stored::{manifest_of, receipt_of};

#[cfg(test)]
mod tests;
