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

/// What kind of reason it is: how a command ends follows from that alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Something that is asked for is not there, or cannot be proved, or an object of the archive is missing.
    Incomplete,
    /// An object of the archive is not what was sealed or signed.
    Damaged,
    /// It did not come to that: what is needed cannot be reached, or the bundle cannot be written.
    Failed,
}

impl Error {
    /// What kind of reason it is.
    pub fn why(&self) -> Why {
        match self {
            Self::NotFound(_)
            | Self::NoEvent(_)
            | Self::NotSealed(_)
            | Self::Unsigned
            | Self::HourUnsigned { .. }
            | Self::WithoutTrees { .. }
            | Self::VerdictsOpen(_)
            | Self::TooManyHours(_) => Why::Incomplete,
            Self::Archive(_) | Self::Head(_) | Self::Catalog(_) | Self::Billing(_) => of_causes(self),
            Self::Io(_) | Self::Zip(_) => Why::Failed,
        }
    }
}

/// By what the archive said, however deep it lies.
fn of_causes(error: &(dyn std::error::Error + 'static)) -> Why {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(of_archive) = cause.downcast_ref::<archive::Error>() {
            return match of_archive {
                archive::Error::Missing(_) => Why::Incomplete,
                archive::Error::Damaged { .. } | archive::Error::Manifest { .. } | archive::Error::Conflict(_) => {
                    Why::Damaged
                }
                archive::Error::Unavailable { .. } | archive::Error::Setup(_) => Why::Failed,
            };
        }
        let of_head = cause.downcast_ref::<transparency::Error>();
        if matches!(of_head, Some(transparency::Error::Entry { .. } | transparency::Error::Forked { .. })) {
            return Why::Damaged;
        }
        next = cause.source();
    }
    Why::Failed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_archive_lacks_is_found_under_whatever_says_so() {
        let missing = || archive::Error::Missing("clicks/x".to_owned());
        let damaged = || archive::Error::Damaged { key: "clicks/x".to_owned(), reason: "it is short".to_owned() };
        for (error, why) in [
            (Error::from(missing()), Why::Incomplete),
            (Error::from(damaged()), Why::Damaged),
            (Error::Billing(clicktrail_billing::Error::Archive(missing())), Why::Incomplete),
            (Error::Head(transparency::Error::Store(damaged())), Why::Damaged),
            (Error::Unsigned, Why::Incomplete),
            (std::io::Error::other("full").into(), Why::Failed),
        ] {
            assert_eq!(error.why(), why, "{error:?}");
        }
    }
}
