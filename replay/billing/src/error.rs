//! What can go wrong between sealed hours and an invoice.

use clicktrail_catalog as catalog;
use clicktrail_log::archive;
use clicktrail_verdicts::reader;

/// Why a step was not done. Nothing was changed, and every step may be done again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive is out of reach, or something in it is missing or damaged.
    #[error("use the archive")]
    Archive(#[from] archive::Error),
    /// The catalog refused.
    #[error("use the catalog")]
    Catalog(#[from] catalog::Error),
    /// Hours could not be read or computed.
    #[error("use the hours of the period")]
    Replay(#[from] clicktrail_replay::Error),
    /// The verdicts could not be read.
    #[error("read the verdicts")]
    Verdicts(#[from] reader::Error),
    /// The log of issued documents was not read or not written.
    #[error("log what was issued")]
    Issued(#[from] clicktrail_replay::issued::Error),
    /// A projection failed.
    #[error("project an hour")]
    Projection(#[from] clicktrail_projections::Error),
    /// What was counted makes no invoice, or a document is not what this program writes.
    #[error("make an invoice")]
    Invoice(#[from] clicktrail_invoices::Error),
    /// A document has no pages or no XML.
    #[error("render a document")]
    Rendering(#[from] clicktrail_rendering::Error),
    /// The log of issued documents would not take a document's entry: which field, and why.
    #[error("the log of issued documents would refuse it: {0}")]
    Entry(String),
    /// What makes a document broke down on it: what it said.
    #[error("making it broke down: {0}")]
    Panicked(String),
    /// Something that the step needs is not there, or is refused: says what, and what to do.
    #[error("{0}")]
    Incomplete(String),
    /// What was read contradicts itself: a person must act.
    #[error("{0}")]
    Contradiction(String),
}

impl Error {
    /// Whether it is about what a document says, so that others may be made all the same.
    pub fn is_of_document(&self) -> bool {
        match self {
            Self::Invoice(_) | Self::Rendering(_) | Self::Entry(_) | Self::Panicked(_) => true,
            Self::Archive(_)
            | Self::Catalog(_)
            | Self::Replay(_)
            | Self::Verdicts(_)
            | Self::Issued(_)
            | Self::Projection(_)
            | Self::Incomplete(_)
            | Self::Contradiction(_) => false,
        }
    }

    /// Whether something that was to be read is not there, or is not what it was when it was written.
    pub fn is_incomplete(&self) -> bool {
        match self {
            Self::Archive(
                archive::Error::Missing(_) | archive::Error::Damaged { .. } | archive::Error::Manifest { .. },
            )
            | Self::Incomplete(_) => true,
            Self::Replay(error) => error.is_incomplete(),
            Self::Issued(error) => error.is_incomplete(),
            Self::Archive(_)
            | Self::Catalog(_)
            | Self::Verdicts(_)
            | Self::Projection(_)
            | Self::Invoice(_)
            | Self::Rendering(_)
            | Self::Entry(_)
            | Self::Panicked(_)
            | Self::Contradiction(_) => false,
        }
    }

    /// Whether the same call may succeed later without anybody's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Archive(error) | Self::Projection(clicktrail_projections::Error::Archive(error)) => {
                error.is_transient()
            }
            Self::Catalog(error) => error.is_transient(),
            Self::Replay(error) => error.is_transient(),
            Self::Verdicts(error) => error.is_transient(),
            Self::Issued(error) => error.is_transient(),
            Self::Projection(_)
            | Self::Invoice(_)
            | Self::Rendering(_)
            | Self::Entry(_)
            | Self::Panicked(_)
            | Self::Incomplete(_)
            | Self::Contradiction(_) => false,
        }
    }
}
