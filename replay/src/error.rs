//! What can go wrong on the way from the log to what counts.

use clicktrail_catalog::{self as catalog, KnownFrame};
use clicktrail_log::{archive, frame::Digest, log, position::Seq};
use clicktrail_verdicts::{judge, reader};

/// Why a step was not done. Every step may be done again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log could not be read.
    #[error("read the log")]
    Log(#[from] log::Error),
    /// The archive is out of reach, or something in it is missing or damaged.
    #[error("use the archive")]
    Archive(#[from] archive::Error),
    /// An hour could not be sealed.
    #[error("seal an hour")]
    Seal(#[from] archive::seal::Error),
    /// The catalog refused.
    #[error("use the catalog")]
    Catalog(#[from] catalog::Error),
    /// Frames could not be judged.
    #[error("judge frames")]
    Judge(#[from] judge::Error),
    /// The verdicts could not be read.
    #[error("read the verdicts")]
    Verdicts(#[from] reader::Error),
    /// A projection failed.
    #[error("project an hour")]
    Projection(#[from] clicktrail_projections::Error),
    /// Something that the step needs is not there: nothing was changed.
    #[error("{0}")]
    Incomplete(String),
    /// A log holds another frame than the one that the catalog knows: it is a copy that went on by itself, or the
    /// catalog is another's. Nothing was changed.
    #[error(
        "frame {seq} of the log of {stream} is {held}, but the catalog {became} another, {digest}: this log and this \
         catalog do not belong together. Put back the one that is of another copy. If this log is the right one, run \
         `clicktrail catalog rebuild --trust-log`. Nothing was changed",
        seq = known.seq, stream = known.stream, became = known.became, digest = known.digest
    )]
    Foreign {
        /// The frame as the catalog knows it.
        known: KnownFrame,
        /// What the log holds in its place.
        held: Digest,
    },
    /// A frame cannot be decoded: it is not skipped, a person must act.
    #[error("frame {seq} of the log cannot be decoded")]
    Frame {
        /// The frame.
        seq: Seq,
        /// Why.
        #[source]
        source: clicktrail_log::frame::Error,
    },
}

impl Error {
    /// Whether something that was to be read is not there, or is not what it was when it was written.
    pub fn is_incomplete(&self) -> bool {
        match self {
            Self::Log(log::Error::Trimmed { .. } | log::Error::Gap { .. } | log::Error::Corrupt { .. })
            | Self::Archive(
                archive::Error::Missing(_) | archive::Error::Damaged { .. } | archive::Error::Manifest { .. },
            )
            | Self::Incomplete(_)
            | Self::Frame { .. } => true,
            Self::Log(_)
            | Self::Archive(_)
            | Self::Seal(_)
            | Self::Catalog(_)
            | Self::Judge(_)
            | Self::Verdicts(_)
            | Self::Foreign { .. }
            | Self::Projection(_) => false,
        }
    }

    /// Whether the same call may succeed later without anybody's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Log(error) => error.is_transient(),
            Self::Archive(error) | Self::Projection(clicktrail_projections::Error::Archive(error)) => {
                error.is_transient()
            }
            Self::Seal(error) => error.is_transient(),
            Self::Catalog(error) => error.is_transient(),
            Self::Judge(error) => error.is_transient(),
            Self::Verdicts(error) => error.is_transient(),
            Self::Projection(_) | Self::Incomplete(_) | Self::Foreign { .. } | Self::Frame { .. } => false,
        }
    }
}
