//! Why there is no evidence.

use clicktrail_evidence::bundle::zip;
use clicktrail_log::{
    archive::{self, transparency},
    log::Stream,
    position::Position,
    time::Hour,
};

/// Why there is no evidence.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive is out of reach, or something in it is missing or damaged.
    #[error("use the archive")]
    Archive(#[from] archive::Error),
    /// The log of logs cannot be read.
    #[error("read the log of logs")]
    Head(#[from] transparency::Error),
    /// The catalog refused.
    #[error("use the catalog")]
    Catalog(#[from] clicktrail_catalog::Error),
    /// A document or its basis cannot be read.
    #[error("read the documents")]
    Billing(#[from] clicktrail_billing::Error),
    /// The bundle cannot be written.
    #[error("write the bundle")]
    Io(#[from] std::io::Error),
    /// The bundle cannot hold all of it.
    #[error("write the bundle")]
    Zip(#[from] zip::Error),
    /// There is nothing of the kind.
    #[error("{0}")]
    NotFound(String),
    /// The hour is sealed, and has no such event.
    #[error("there is no event at {0}")]
    NoEvent(Position),
    /// No hour has it yet.
    #[error("{0} is in no hour that is sealed and signed: run `log sign` once its hour is over")]
    NotSealed(Position),
    /// Nothing was ever signed.
    #[error("no hour was ever signed: make a key (`evidence keygen`), and sign with it (`log sign`)")]
    Unsigned,
    /// An hour is not in the log of logs as far as it is signed.
    #[error("{stream} of {hour} are not signed yet: run `log sign`, and ask again")]
    HourUnsigned {
        /// Of which log.
        stream: Stream,
        /// Which hour.
        hour: Hour,
    },
    /// An hour was sealed by an earlier version.
    #[error("{stream} of {hour} were sealed before there were trees (manifest version {version}) and prove nothing")]
    WithoutTrees {
        /// Of which log.
        stream: Stream,
        /// Which hour.
        hour: Hour,
        /// The version of its manifest.
        version: u32,
    },
    /// Verdicts that the numbers know lie in an hour that is not sealed.
    #[error("verdicts {0} are in an hour that is not signed yet: wait until it is over, run `log sign`, ask again")]
    VerdictsOpen(String),
    /// More hours than a bundle holds.
    #[error("{0} hours are more than a bundle can hold: ask for less time")]
    TooManyHours(usize),
}
