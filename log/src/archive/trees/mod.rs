//! The trees of an hour: what its manifest commits to, row by row.
//!
//! - [`leaves`]: what the rows of a part are in the trees; each kind of archive computes its own;
//! - [`clicks`]: those of clicks, as they are sealed and as they are read back;
//! - [`cells`]: rows of a batch as values, in the order of the encoding;
//! - [`hour`]: all trees of an hour, as they grow part by part, as a file, and as a manifest tells of them;
//! - [`salts`]: the key of an hour, made once and adopted by whoever comes later;
//! - [`check`]: the trees as they are stored, and as the parts give them again;
//! - [`prove`]: ranges of rows, advertisers and verdicts of a sealed hour, proved with what is stored.

pub mod cells;
pub mod check;
pub mod clicks;
pub mod hour;
pub mod leaves;
pub mod prove;
pub mod salts;

pub use hour::HourTrees;
pub use leaves::Leaves;

#[cfg(test)]
mod tests;
