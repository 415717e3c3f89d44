//! What a manifest says of a part and of its files, whichever stream the part is of.

use std::fmt;

pub use clicktrail_evidence::sealed::File;
use serde::{Serialize, de::DeserializeOwned};

/// What a manifest says of one part. Its fields are part of the manifest's bytes, and frozen with its version.
pub trait Entry: Clone + PartialEq + Eq + fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The first and the last frame whose rows it holds.
    fn frames(&self) -> (u64, u64);

    /// Its rows.
    fn rows(&self) -> u64;

    /// Its files: at least one. Problems with its rows are reported under the first.
    fn files(&self) -> Vec<&File>;
}
