//! Why what was issued cannot be read, or not be logged.

use clicktrail_log::invoices::{append, ledger::Taken};

use crate::error::Error as ReadError;

/// Why it cannot. After a transient one the same call may be made again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log or the archive could not be read.
    #[error("read what was issued")]
    Read(#[from] ReadError),
    /// A number that is to be logged is in the log, and not as it is to be logged. The others were logged.
    #[error("log what was issued")]
    Taken(#[from] Taken),
    /// The log did not take them. Some may have been appended.
    #[error("log what was issued")]
    Append(#[from] append::Error),
}

impl Error {
    /// Whether the same call may succeed later without anybody's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Read(error) => error.is_transient(),
            Self::Append(error) => error.is_transient(),
            Self::Taken(_) => false,
        }
    }

    /// Whether something that was to be read is not there, or is not what it was when it was written.
    pub fn is_incomplete(&self) -> bool {
        match self {
            Self::Read(error) => error.is_incomplete(),
            Self::Taken(_) | Self::Append(_) => false,
        }
    }
}
