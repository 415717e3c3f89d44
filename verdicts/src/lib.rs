//! What was later ruled about an event: verdicts, and which of them stands.
//!
//! A verdict marks a click and never changes it. This room holds the types, the log's rows and frames, the archive, and
//! the reading of what stands; detectors, rulesets and the judge are not built yet.
//!
//! - [`verdict`] is one judgement about one position;
//! - [`schema`] its columns, [`reasons`] the text of one of them, [`frames`] what is appended to the verdict log;
//! - [`archive`] is how sealed hours of verdicts are kept;
//! - [`ruling`] decides which verdict stands for a position, [`rulings`] what stands for many;
//! - [`history`] reads all of it, as of any position of the verdict log, from archive and log.

pub mod archive;
pub mod frames;
pub mod history;
pub mod reasons;
pub mod ruling;
pub mod rulings;
pub mod schema;
#[cfg(test)]
mod testing;
pub mod verdict;
