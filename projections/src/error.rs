//! What can go wrong between a table and its projection.

use clicktrail_log::archive;
use datafusion::{arrow::error::ArrowError, error::DataFusionError, parquet::errors::ParquetError};

/// Why a projection or a query gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An archived object is missing, damaged or out of reach: see its source.
    #[error("read the archive")]
    Archive(#[from] archive::Error),
    /// The engine refused or failed; memory and disk limits included.
    #[error("run the query")]
    Query(#[source] Box<DataFusionError>),
    /// Rows cannot be written as, or read from, a segment.
    #[error("code a segment")]
    Segment(#[from] ParquetError),
    /// SQL that is not deterministic, loses money, or would change something.
    #[error("the SQL is refused: {0}")]
    Refused(String),
    /// What was asked for does not exist: names the argument.
    #[error("{0}")]
    Argument(String),
}

impl Error {
    /// Whether the engine had too little memory for how it went about a query: with more of it, or on one thread, it
    /// may succeed.
    pub fn is_exhausted(&self) -> bool {
        match self {
            Self::Query(error) => matches!(error.find_root(), DataFusionError::ResourcesExhausted(_)),
            Self::Archive(_) | Self::Segment(_) | Self::Refused(_) | Self::Argument(_) => false,
        }
    }
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        // What a function of ours refused comes from below the engine's own sentences.
        if let DataFusionError::External(inner) = error.find_root()
            && let Some(Self::Argument(what)) = inner.downcast_ref::<Self>()
        {
            return Self::Argument(what.clone());
        }
        match error {
            // What a table's own stream reported comes back as it was.
            DataFusionError::External(inner) => match inner.downcast::<archive::Error>() {
                Ok(archive) => Self::Archive(*archive),
                Err(inner) => Self::Query(Box::new(DataFusionError::External(inner))),
            },
            other => Self::Query(Box::new(other)),
        }
    }
}

impl From<ArrowError> for Error {
    fn from(error: ArrowError) -> Self {
        Self::from(DataFusionError::from(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_memory_is_told_from_other_failures() {
        let exhausted = DataFusionError::ResourcesExhausted("a pool".to_owned()).context("merge");
        assert!(Error::from(exhausted).is_exhausted());
        assert!(!Error::from(DataFusionError::Internal("a bug".to_owned())).is_exhausted());
        assert!(!Error::Refused("a function".to_owned()).is_exhausted());
    }
}
