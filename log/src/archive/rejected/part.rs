//! What a manifest says of a part of the log of rejected events.

use serde::{Deserialize, Serialize};

use crate::archive::{
    entry::{Entry, File},
    manifest,
};

/// A sealed hour of rejected events.
pub type Manifest = manifest::Manifest<Part>;

/// One part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The first frame in it.
    pub first_seq: u64,
    /// The last frame in it.
    pub last_seq: u64,
    /// Its rows.
    pub rows: u64,
    /// Its one file.
    pub file: File,
}

impl Entry for Part {
    fn frames(&self) -> (u64, u64) {
        (self.first_seq, self.last_seq)
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn files(&self) -> Vec<&File> {
        vec![&self.file]
    }
}
