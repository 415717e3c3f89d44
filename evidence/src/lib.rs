//! What a stranger can check on a laptop: trees over what was sealed, the log of these trees, and bundles of evidence
//! with their verifier. No database, no network, no columnar engine: only bytes, hashes and signatures.
//!
//! - [`hash`]: SHA-256 as the trees use it; [`tree`]: RFC 6962 trees, how they grow, what is stored of them, and
//!   proofs;
//! - [`row`]: rows as bytes, [`salt`]: what keeps personal leaves from being guessed, [`verdict`]: leaves of verdicts;
//! - [`advertisers`]: whose rows are where in an hour, as a tree that also adds up;
//! - [`sealed`]: what a manifest says of the trees of its hour;
//! - [`note`]: signed texts and the keys that sign them; [`tlog`]: the log of all sealed hours, its checkpoints, and
//!   the witnesses that sign them too;
//! - [`bundle`]: the one file that an auditor gets, and [`verify`], which checks it;
//! - [`receipt`]: what a sender was promised when an event was captured;
//! - [`made_up`]: evidence about nothing, for tests and benchmarks.

pub mod advertisers;
pub mod bundle;
#[cfg(test)]
mod damaged;
pub mod hash;
pub mod made_up;
pub mod note;
pub mod receipt;
pub mod row;
pub mod salt;
pub mod sealed;
pub mod tlog;
pub mod tree;
pub mod verdict;
pub mod verify;

pub use hash::Hash;
