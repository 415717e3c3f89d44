//! Why an hour could not be sealed.

use crate::{archive::store, frame, log, position::Seq, time::Hour};

/// Why an hour could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log could not be read.
    #[error("read the log")]
    Log(#[from] log::Error),
    /// The archive did not take the hour, or holds something else.
    #[error("write the archive")]
    Archive(#[from] store::Error),
    /// A frame of the log cannot be decoded. It is not skipped: a person must act.
    #[error("frame {seq} of the log cannot be decoded")]
    Frame {
        /// The frame.
        seq: Seq,
        /// Why.
        #[source]
        source: frame::Error,
    },
    /// The rows could not be written as Parquet.
    #[error("write a part of {hour}: {reason}")]
    Part {
        /// The hour.
        hour: Hour,
        /// Why.
        reason: String,
    },
    /// The log was created anew, but the archive continues another epoch.
    #[error("the log is in epoch {log}, the archive ends in epoch {archive}")]
    Epoch {
        /// The log's.
        log: u8,
        /// The archive's.
        archive: u8,
    },
}

impl Error {
    /// Whether the same call may succeed later without anybody's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Log(error) => error.is_transient(),
            Self::Archive(error) => error.is_transient(),
            Self::Frame { .. } | Self::Part { .. } | Self::Epoch { .. } => false,
        }
    }
}
