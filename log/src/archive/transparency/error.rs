//! Why the log of logs could not be read, or was not signed.

use clicktrail_evidence::note::NoteError;

use crate::{archive::store, log::Stream, time::Hour};

/// Why the log of logs could not be read, or was not signed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive was not reached, or an object of the log is missing or damaged.
    #[error("the log of logs cannot be read or written")]
    Store(#[from] store::Error),
    /// The keys cannot sign together, or not this.
    #[error("{0}")]
    Keys(String),
    /// The archive's log has another name than the key.
    #[error("the archive's log of logs is {found:?}, and the key is of {given:?}: a log keeps its name")]
    Origin {
        /// Its name.
        found: String,
        /// The key's.
        given: String,
    },
    /// None of the given keys signed what is to be continued.
    #[error("the newest checkpoint, of {size} entries, is not continued: see `Rotate a key` in docs/operations.md")]
    NotOurs {
        /// Its entries.
        size: u64,
        /// Why.
        #[source]
        source: NoteError,
    },
    /// An entry that stands is none that may follow: a person must act, for entries are never taken back.
    #[error("entry {number} of the log of logs cannot be signed: {reason}")]
    Entry {
        /// Its number.
        number: u64,
        /// Why.
        reason: String,
    },
    /// An hour was not logged because it does not read back.
    #[error("{stream} of {hour} are not signed: {reason}")]
    Hour {
        /// The log.
        stream: Stream,
        /// The hour.
        hour: Hour,
        /// The first thing that is wrong.
        reason: String,
    },
    /// Another tree of this size was signed with one of our keys.
    #[error("the log of logs was forked: another tree of {size} entries was signed with one of the given keys")]
    Forked {
        /// Its entries.
        size: u64,
    },
    /// No such checkpoint or entry.
    #[error("{0}")]
    Unknown(String),
}

impl Error {
    /// Whether the same call may succeed later without anybody's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => error.is_transient(),
            Self::Keys(_)
            | Self::Origin { .. }
            | Self::NotOurs { .. }
            | Self::Entry { .. }
            | Self::Hour { .. }
            | Self::Forked { .. }
            | Self::Unknown(_) => false,
        }
    }
}

/// An object that is there and is not what it must be.
pub(super) fn damaged(key: &object_store::path::Path, reason: impl Into<String>) -> Error {
    Error::Store(store::Error::Damaged { key: key.to_string(), reason: reason.into() })
}
