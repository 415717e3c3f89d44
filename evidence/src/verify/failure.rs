//! Why a bundle does not verify: what kind of fault, where it is, and what is wrong in words.

use std::fmt;

use serde::Serialize;

use crate::bundle::{canonical::Unread, proof, table, zip};

/// Kinds of faults. Each has an exit code that is part of the contract of both verifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Bytes, hashes, proofs or a signature are not what they must be.
    Integrity,
    /// Something that the proof needs is not there.
    Incomplete,
    /// What was computed again is not what the bundle says.
    Arithmetic,
    /// No key that is trusted signed it.
    Untrusted,
    /// It is no bundle of a known format, or cannot be read at all.
    Unreadable,
    /// What a receipt promised is not what was logged.
    Broken,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Integrity, Self::Incomplete, Self::Arithmetic, Self::Untrusted, Self::Unreadable, Self::Broken];

    /// The exit code. 0 is for a bundle that verifies, 1 for a command that was called wrongly.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Integrity => 2,
            Self::Incomplete => 3,
            Self::Arithmetic => 4,
            Self::Untrusted => 5,
            Self::Unreadable => 6,
            Self::Broken => 7,
        }
    }

    /// In a word, as reports have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Integrity => "integrity",
            Self::Incomplete => "incomplete",
            Self::Arithmetic => "arithmetic",
            Self::Untrusted => "untrusted",
            Self::Unreadable => "unreadable",
            Self::Broken => "promise broken",
        }
    }
}

/// Why a bundle does not verify.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What kind of fault.
    pub kind: Kind,
    /// In which file of the bundle, or of which hour or document.
    pub place: String,
    /// What is wrong.
    pub reason: String,
}

impl Failure {
    /// A fault at a place.
    pub fn new(kind: Kind, place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { kind, place: place.into(), reason: reason.into() }
    }

    /// Bytes, hashes or a proof.
    pub fn integrity(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(Kind::Integrity, place, reason)
    }

    /// Something that is not there.
    pub fn incomplete(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(Kind::Incomplete, place, reason)
    }

    /// Something that was computed otherwise.
    pub fn arithmetic(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(Kind::Arithmetic, place, reason)
    }

    /// What a container reports.
    pub fn of_zip(place: impl Into<String>, error: &zip::Error) -> Self {
        let kind = match error {
            zip::Error::NotAZip | zip::Error::Io(_) => Kind::Unreadable,
            zip::Error::NotCanonical(_) | zip::Error::Damaged(_) | zip::Error::TooLarge(_) => Kind::Integrity,
        };
        Self::new(kind, place, causes(error))
    }

    /// What a table reports.
    pub fn of_table(place: impl Into<String>, error: &table::Error) -> Self {
        let kind = match error {
            table::Error::Io(_) => Kind::Unreadable,
            table::Error::Row { .. } => Kind::Integrity,
        };
        Self::new(kind, place, causes(error))
    }

    /// What a text in one form reports.
    pub fn of_text(place: impl Into<String>, error: &Unread) -> Self {
        let kind = match error {
            Unread::Format(_) => Kind::Unreadable,
            Unread::Malformed(_) | Unread::NotCanonical | Unread::Contradiction(_) => Kind::Integrity,
        };
        Self::new(kind, place, causes(error))
    }

    /// The same, at this place if it does not say where it is.
    #[must_use]
    pub fn or_at(mut self, place: &str) -> Self {
        if self.place.is_empty() {
            place.clone_into(&mut self.place);
        }
        self
    }
}

/// What a proof reports, which does not know its own name.
impl From<proof::Malformed> for Failure {
    fn from(error: proof::Malformed) -> Self {
        Self::integrity("", causes(&error))
    }
}

/// An error with what led to it, in one line.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

impl std::error::Error for Failure {}
