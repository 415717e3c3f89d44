//! Why a question has no answer.

use clicktrail_log::{
    archive::{self, locate},
    position::Position,
};
use clicktrail_verdicts::reader;

use crate::reconcile::TooLarge;

/// Why a question has no answer. Asking changes nothing, so it may be asked again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The catalog refused.
    #[error("use the catalog")]
    Catalog(#[from] clicktrail_catalog::Error),
    /// What stands could not be projected or read.
    #[error(transparent)]
    Replay(#[from] clicktrail_replay::Error),
    /// The engine refused or failed.
    #[error(transparent)]
    Projection(#[from] clicktrail_projections::Error),
    /// The archive is out of reach, or something in it is missing or damaged.
    #[error("use the archive")]
    Archive(#[from] archive::Error),
    /// An event could not be read.
    #[error("read the event")]
    Event(#[from] locate::Error),
    /// The verdicts could not be read.
    #[error("read the verdicts")]
    Verdicts(#[from] reader::Error),
    /// A question as of a verdict that does not exist yet.
    #[error("there is no verdict {verdict} yet: the log of verdicts ends before {end}")]
    NoSuchVerdict {
        /// What was asked for.
        verdict: Position,
        /// One past the last verdict.
        end: Position,
    },
    /// A question as of a click that is not logged yet.
    #[error("there is no click {click} yet: the log of clicks ends before {end}")]
    NoSuchClick {
        /// What was asked for.
        click: Position,
        /// One past the last click.
        end: Position,
    },
    /// Two lists are too large to be held against each other.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// SQL that names events did not name them as it should: says what is wrong with it.
    #[error("{0}")]
    Selection(String),
}

impl Error {
    /// Whether the same question may have an answer later without anybody's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Catalog(error) => error.is_transient(),
            Self::Replay(error) => error.is_transient(),
            Self::Archive(error) | Self::Projection(clicktrail_projections::Error::Archive(error)) => {
                error.is_transient()
            }
            Self::Verdicts(error) => error.is_transient(),
            Self::Projection(_)
            | Self::Event(_)
            | Self::NoSuchVerdict { .. }
            | Self::NoSuchClick { .. }
            | Self::TooLarge(_)
            | Self::Selection(_) => false,
        }
    }
}
