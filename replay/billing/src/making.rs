//! What a document is stored as: its canonical JSON, its lines, and its pages, each as bytes that depend on it alone.

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

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
    /// Makes every form of a document. Whatever breaks down on it is an error of this document and of no other.
    ///
    /// # Errors
    /// What of the document cannot be written, by name; [`Error::Panicked`].
    pub fn of(document: Document, paper: &dyn Paper, template: Option<&[u8]>) -> Result<Self, Error> {
        // What broke down is thrown away whole.
        let made = catch_unwind(AssertUnwindSafe(|| Self::unguarded(document, paper, template)));
        made.unwrap_or_else(|what| Err(Error::Panicked(said(what.as_ref()))))
    }

    fn unguarded(document: Document, paper: &dyn Paper, template: Option<&[u8]>) -> Result<Self, Error> {
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

/// What a panic said.
fn said(what: &(dyn Any + Send)) -> String {
    let text = what.downcast_ref::<String>().map(String::as_str).or_else(|| what.downcast_ref::<&str>().copied());
    text.unwrap_or("without a word").to_owned()
}

#[cfg(test)]
mod tests;
