//! Canonical JSON: one text for one value.
//!
//! Fields have a fixed order, there are no spaces, text is UTF-8 and escaped only where JSON demands it, and a newline
//! stands at the end. Numbers that fit 32 bits are numbers; counts, amounts and positions are texts, because readers
//! turn numbers into doubles. There are no floats. A reader writes what it read and compares: a document has no second
//! text.
//!
//! The structs here are what is stored, frozen with version 1. To add a version: give it a format of its own, keep the
//! old structs, and choose by the format that a text names; its fixtures stay.

mod account;
mod amounts;
mod document;
mod stored;
mod text;
mod text_or_null;

use clicktrail_log::frame::Digest;
use stored::{Stored as _, read, write};

use crate::{
    document::{Document, Draft},
    error::Error,
    seller::Seller,
    terms::Terms,
};

/// The canonical text of terms.
pub(crate) fn terms(terms: &Terms) -> Vec<u8> {
    write(&account::Terms::of(terms))
}

/// The terms of a canonical text.
pub(crate) fn read_terms(bytes: &[u8]) -> Result<Terms, Error> {
    read::<account::Terms<'_>>(bytes, terms)
}

/// The canonical text of a seller.
pub(crate) fn seller(seller: &Seller) -> Vec<u8> {
    write(&account::Seller::of(seller))
}

/// The seller of a canonical text.
pub(crate) fn read_seller(bytes: &[u8]) -> Result<Seller, Error> {
    read::<account::Seller<'_>>(bytes, seller)
}

/// The canonical text of a document.
pub(crate) fn document(document: &Document) -> Vec<u8> {
    write(&document::Document::of(document))
}

/// The document of a canonical text.
pub(crate) fn read_document(bytes: &[u8]) -> Result<Document, Error> {
    read::<document::Document<'_>>(bytes, document)
}

/// The canonical text of a draft.
pub(crate) fn draft(draft: &Draft) -> Vec<u8> {
    write(&document::Draft::of(draft))
}

/// The draft of a canonical text.
pub(crate) fn read_draft(bytes: &[u8]) -> Result<Draft, Error> {
    read::<document::Draft<'_>>(bytes, draft)
}

/// The digest of what a draft says.
pub(crate) fn inputs(draft: &Draft) -> Digest {
    Digest::of(&write(&document::Inputs::of(draft)))
}

/// JSON as text.
pub(crate) fn as_text(json: Vec<u8>) -> String {
    String::from_utf8(json).expect("JSON is text")
}

#[cfg(test)]
mod tests;
