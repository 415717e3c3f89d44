//! The archive of the verdict log: one file a part, sorted by target. The manifests list the targets of each part, so
//! what was ruled about an hour of clicks is found without reading the rest.

mod kind;
mod layout;
mod leaves;
mod part;
mod prove;
mod read_back;
#[cfg(test)]
mod tests;

pub use kind::Verdicts;
pub use part::{Manifest, Part};
pub use prove::{ProvedVerdicts, parts_of, proved_verdicts};
