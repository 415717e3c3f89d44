//! Reading what was ruled, wherever it lies: sealed hours from the archive, the rest from the verdict log.
//!
//! Every part is compared with its manifest before a row of it counts, and a frame that its writer logged twice counts
//! once. So an answer as of a position of the verdict log is the same whatever was sealed or trimmed meanwhile.

mod checkpoints;
mod error;
mod hours;
mod ruled;
mod sealed_run;
mod standing;
mod tail;
#[cfg(test)]
mod tests;
mod verdict_reader;

pub use error::Error;
pub use ruled::{Outlined, Page, Ruled};
pub use standing::Stood;
pub use verdict_reader::VerdictReader;
