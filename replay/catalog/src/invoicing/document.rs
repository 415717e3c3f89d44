//! Issued documents as plain values.

use clicktrail_log::{position::Position, time::Timestamp};

use super::{
    draft::{DraftRevision, Facts, Kind},
    number::DocumentNumber,
};

/// What was made of a document: canonical JSON, CSV, PDF.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Artefact {
    /// `json`, `csv`, `parquet`, `pdf`, `ubl`, `cii`: once each.
    pub format: String,
    /// Its key in the archive, where it is before the document is issued.
    pub key: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub digest: String,
    /// Its size.
    pub bytes: u64,
}

/// A document before it is issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDocument {
    /// The approved draft that it is made of.
    pub draft: DraftRevision,
    /// The number that it was made with.
    pub number: DocumentNumber,
    /// The day in the account's zone, `YYYY-MM-DD`.
    pub issued_on: String,
    /// The last day to pay, `YYYY-MM-DD`.
    pub due_on: String,
    /// SHA-256 of its canonical JSON, hexadecimal.
    pub digest: String,
    /// What was made of it, all stored already.
    pub artefacts: Vec<Artefact>,
}

/// A document, which never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its number.
    pub number: DocumentNumber,
    /// The draft that it was.
    pub draft: DraftRevision,
    /// Which document of its account and period, from 1.
    pub serial: u32,
    /// What is known of it: what was known of the draft.
    pub facts: Facts,
    /// The day in the account's zone, `YYYY-MM-DD`.
    pub issued_on: String,
    /// The last day to pay, `YYYY-MM-DD`.
    pub due_on: String,
    /// SHA-256 of its canonical JSON, hexadecimal.
    pub digest: String,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// By whom.
    pub issued_by: String,
    /// Where its entry stands in the log of invoices; `None`: there is none yet.
    pub logged: Option<Position>,
}

/// Everything that it takes to have a document again in a catalog that was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentRecord {
    /// The document.
    pub document: Document,
    /// What was made of it, by format.
    pub artefacts: Vec<Artefact>,
}

/// Which documents are asked for: those that fit all that is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DocumentFilter {
    /// Of this series.
    pub series: Option<String>,
    /// Of this period.
    pub period: Option<String>,
    /// Of this account.
    pub advertiser_id: Option<String>,
    /// In this currency.
    pub currency: Option<String>,
    /// Of this kind.
    pub kind: Option<Kind>,
}
