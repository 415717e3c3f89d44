//! `bundle.json`: what a bundle is about, and which files it has. One line of JSON in one form, as documents are.

use serde::{Deserialize, Serialize};

use super::{
    canonical::{self, Unread},
    time::{Hour, Instant},
};
use crate::hash::Hash;

/// What a bundle says it is.
pub const FORMAT: &str = "clicktrail evidence 1";

/// The list of contents. The order of the fields is their order in the text: frozen with version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// [`FORMAT`].
    pub format: String,
    /// What it is about.
    pub subject: Subject,
    /// Hours of clicks whose manifests are there, both inclusive.
    pub clicks: Hours,
    /// Hours of verdicts; `None` if nothing was ever ruled.
    pub verdicts: Option<Hours>,
    /// Hours in which its documents were logged, in order; empty for a bundle without documents, or while those hours
    /// are not sealed.
    pub issued: Vec<Hour>,
    /// Why there are personal columns; `None` if there are none.
    pub personal: Option<Personal>,
    /// All other files, by name.
    pub files: Vec<File>,
}

/// What a bundle is about. Each kind has its own fields; the others are null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Which kind.
    pub kind: Kind,
    /// Whose events they are. Of every kind.
    pub advertiser_id: String,
    /// Of [`Kind::Invoice`]: the document that was asked for, as in `INV-00000012`.
    pub document: Option<String>,
    /// Of [`Kind::Invoice`]: only the events of these campaigns are there, in order; `None`: all.
    pub campaigns: Option<Vec<String>>,
    /// Of [`Kind::Events`]: event times from here on.
    pub from: Option<Instant>,
    /// Of [`Kind::Events`]: to before here.
    pub to: Option<Instant>,
    /// Of [`Kind::Event`]: where it stands in the log.
    pub position: Option<i64>,
}

/// Kinds of subjects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An invoice and the notes that correct it.
    Invoice,
    /// All events of an advertiser in a range of time.
    Events,
    /// One event.
    Event,
}

/// Consecutive hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// The first.
    pub from: Hour,
    /// The last.
    pub to_inclusive: Hour,
}

impl Hours {
    /// Each of them, in order.
    pub fn iter(self) -> impl Iterator<Item = Hour> {
        (self.from.0..=self.to_inclusive.0).map(Hour)
    }
}

/// Why personal columns were handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Personal {
    /// The id of the case.
    pub case: String,
}

/// A file of the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes.
    pub sha256: Hash,
}

impl Contents {
    /// The text.
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::write(self)
    }

    /// Reads a text.
    ///
    /// # Errors
    /// [`Unread`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Unread> {
        let contents: Self = canonical::read(bytes, FORMAT)?;
        contents.check().map_err(Unread::Contradiction)?;
        Ok(contents)
    }

    fn check(&self) -> Result<(), &'static str> {
        let subject = &self.subject;
        let has = (
            subject.document.is_some(),
            subject.campaigns.is_some(),
            subject.from.is_some() && subject.to.is_some(),
            subject.from.is_some() || subject.to.is_some(),
            subject.position.is_some(),
        );
        let fits = match subject.kind {
            Kind::Invoice => matches!(has, (true, _, false, false, false)),
            Kind::Events => matches!(has, (false, false, true, true, false)),
            Kind::Event => matches!(has, (false, false, false, false, true)),
        };
        if !fits {
            return Err("its subject does not have the fields of its kind");
        }
        if subject.campaigns.as_ref().is_some_and(|all| all.is_empty() || !all.is_sorted_by(|one, next| one < next)) {
            return Err("its campaigns are none, or not in order");
        }
        if subject.from >= subject.to && subject.from.is_some() {
            return Err("its range of time is empty");
        }
        let ranges = [Some(self.clicks), self.verdicts];
        if ranges.into_iter().flatten().any(|hours| hours.from > hours.to_inclusive) {
            return Err("a range of hours is empty");
        }
        let in_order = self.issued.is_sorted_by(|one, next| one < next)
            && self.files.is_sorted_by(|one, next| one.name < next.name);
        match in_order {
            true => Ok(()),
            false => Err("hours or files are out of order, or one is there twice"),
        }
    }
}
