//! What a document is stored as: its canonical JSON, its lines, and its pages, each as bytes that depend on it alone.

use std::fmt;

use bytes::Bytes;
use clicktrail_invoices::{csv, document::Document, table};
use clicktrail_log::{archive::keys::invoices::Form, frame::Digest};

use crate::error::Error;

/// Who sets pages and writes the XML that customers' systems read.
pub trait Paper: fmt::Debug + Send + Sync {
    /// The forms of a document beside its JSON and its lines, and what a person should know of them. Without a clock:
    /// the same document and template give the same bytes.
    ///
    /// # Errors
    /// What of the document cannot be set, by name.
    fn forms(&self, document: &Document, template: Option<&[u8]>) -> Result<Forms, Error>;

    /// What sets the pages, as documents pin it: another one may give other bytes of a PDF.
    fn renderer(&self) -> &str;

    /// The template that new documents are set from.
    fn chosen(&self) -> Option<Digest>;

    /// The template that a digest names, if it ships with the program or is the chosen one.
    fn template(&self, digest: &Digest) -> Option<Bytes>;
}

/// Forms with their bytes, and what a person should know of them.
pub type Forms = (Vec<(Form, Bytes)>, Vec<String>);

/// A document in all its forms, the JSON first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The document.
    pub document: Document,
    /// The bytes of each form, in the order of the forms.
    pub forms: Vec<(Form, Bytes)>,
    /// What a person should know of them.
    pub remarks: Vec<String>,
}

impl Made {
    /// Makes every form of a document.
    ///
    /// # Errors
    /// What of the document cannot be written, by name.
    pub fn of(document: Document, paper: &dyn Paper, template: Option<&[u8]>) -> Result<Self, Error> {
        let mut forms = vec![
            (Form::Json, Bytes::from(document.canonical())),
            (Form::Csv, Bytes::from(csv::lines(&document)?)),
            (Form::Parquet, Bytes::from(table::lines(&document)?)),
        ];
        let (others, remarks) = paper.forms(&document, template)?;
        forms.extend(others);
        forms.sort_by_key(|(form, _)| *form);
        Ok(Self { document, forms, remarks })
    }

    /// The digest of the canonical JSON.
    pub fn digest(&self) -> Digest {
        self.document.digest()
    }
}
