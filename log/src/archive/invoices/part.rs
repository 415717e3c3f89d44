//! What a manifest says of a part of the log of issued documents.

use serde::{Deserialize, Serialize};

use crate::{
    archive::{
        entry::{Entry, File},
        manifest,
    },
    invoices::DocumentNumber,
};

/// A sealed hour of issued documents.
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
    /// The least document in it, by series and number.
    pub document_min: Named,
    /// The greatest.
    pub document_max: Named,
    /// Its one file.
    pub file: File,
}

/// The number of a document, as a manifest has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Its series.
    pub series: String,
    /// From 1.
    pub number: u32,
}

impl From<&DocumentNumber> for Named {
    fn from(number: &DocumentNumber) -> Self {
        Self { series: number.series.clone(), number: number.number }
    }
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
