//! Why a question about verdicts has no answer.

use clicktrail_log::{
    archive, log,
    position::{Position, Seq},
};

use crate::frames;

/// Verdicts that [`VerdictReader::about`](super::VerdictReader::about) answers with. Beyond the limit nothing is
/// returned but [`Error::TooMany`].
pub(super) const ABOUT_MAX: usize = 1 << 20;

/// Why a question about verdicts has no answer, by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The verdict log could not be read.
    #[error("read the verdict log")]
    Log(#[from] log::Error),
    /// The archive could not be read, or is not what its manifests say.
    #[error("read the archive of verdicts")]
    Archive(#[from] archive::Error),
    /// A frame of the log cannot be read: it is not skipped, a person must act.
    #[error("frame {seq} of the verdict log cannot be read")]
    Frame {
        /// The frame.
        seq: Seq,
        /// Why.
        #[source]
        source: frames::Error,
    },
    /// The verdict log does not reach that far: ask for an earlier position.
    #[error("the verdict log ends at {end}, before {asked}")]
    Ahead {
        /// The position asked for.
        asked: Position,
        /// One past the last verdict.
        end: Position,
    },
    /// Ask about fewer positions.
    #[error("too many verdicts are about these positions: ask about fewer")]
    TooMany,
}

impl Error {
    /// Whether the same call may succeed later without anybody's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Log(error) => error.is_transient(),
            Self::Archive(error) => error.is_transient(),
            Self::Frame { .. } | Self::Ahead { .. } | Self::TooMany => false,
        }
    }
}
