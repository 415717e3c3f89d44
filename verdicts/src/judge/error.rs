//! Why judging stops.

use clicktrail_log::{archive, frame, log, position::Seq, time::Hour};

use crate::{append, fold, reader};

/// Why frames were not judged. The same step may be done again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The click log could not be read.
    #[error("read the click log")]
    Log(#[from] log::Error),
    /// The archive is out of reach, or something in it is missing or damaged.
    #[error("use the archive")]
    Archive(#[from] archive::Error),
    /// A frame cannot be decoded: it is not skipped, a person must act.
    #[error("frame {seq} of the click log cannot be decoded")]
    Frame {
        /// The frame.
        seq: Seq,
        /// Why.
        #[source]
        source: frame::Error,
    },
    /// Rows that are not those of the click log.
    #[error("read the rows of the click log")]
    Rows(#[source] arrow::error::ArrowError),
    /// A rule cannot be applied: the limit of memory is reached, or a column is not what it must be.
    #[error("apply the rules")]
    Fold(#[from] fold::Error),
    /// The verdict log could not be read.
    #[error("read the verdict log")]
    Reader(#[from] reader::Error),
    /// The verdict log did not take the verdicts.
    #[error("append verdicts")]
    Append(#[from] append::Error),
    /// An event so old that its original may lie in an hour that is not sealed yet.
    #[error("an event of frame {seq} may repeat one of {hour}, which is not sealed yet")]
    NotSealed {
        /// The event's frame.
        seq: Seq,
        /// The hour.
        hour: Hour,
    },
    /// Events of the hour, or of the look-back before it, have no personal columns any more.
    #[error(
        "{rows} events that judging {hour} again looks at have no personal columns any more, because these were erased: \
         rules would find less than they did. With --with-erased they keep the rulings that stand, and the others are \
         judged as if these had never named a user, an address or an agent. Nothing was changed"
    )]
    Erased {
        /// The hour that was to be judged.
        hour: Hour,
        /// The events.
        rows: u64,
    },
    /// A worker ended before its time.
    #[error("a worker ended before its time: {0}")]
    Stopped(String),
}

impl Error {
    /// Whether the same call may succeed later without anybody's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Log(error) => error.is_transient(),
            Self::Archive(error) => error.is_transient(),
            Self::Reader(error) => error.is_transient(),
            Self::Append(error) => error.is_transient(),
            Self::NotSealed { .. } => true,
            Self::Frame { .. } | Self::Rows(_) | Self::Fold(_) | Self::Erased { .. } | Self::Stopped(_) => false,
        }
    }
}
