//! Why there is no invoice.

use parquet::errors::ParquetError;

/// Why a value of this room cannot be made. Each variant says what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No currency that an invoice can be in.
    #[error("{0}")]
    Currency(String),
    /// No period, or one that has no whole minutes.
    #[error("{0}")]
    Period(String),
    /// A file that a person wrote is to be changed there.
    #[error("{file}:{line}: {problem}")]
    File {
        /// Its name.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong, beginning with the field.
        problem: String,
    },
    /// A text or a value is not what a document may hold: names the field.
    #[error("{0}")]
    Field(String),
    /// Numbers outside of what is counted here. Nothing was rounded or cut.
    #[error("{0} is too large to be counted")]
    Overflow(String),
    /// What was given does not belong together, or contradicts itself.
    #[error("{0}")]
    Contradiction(String),
    /// A document that is not what this program writes: it was damaged or edited.
    #[error("the document is not canonical: {0}")]
    NotCanonical(String),
    /// A document of another kind or of a later version.
    #[error("the format {found:?} is not known here; known is {known:?}")]
    UnknownFormat {
        /// What it says it is.
        found: String,
        /// What was to be read.
        known: &'static str,
    },
    /// The lines cannot be written as Parquet.
    #[error("write the lines as Parquet")]
    Parquet(#[from] ParquetError),
}

impl Error {
    pub(crate) fn overflow(what: impl Into<String>) -> Self {
        Self::Overflow(what.into())
    }
}
