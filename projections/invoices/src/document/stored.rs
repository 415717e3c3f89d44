//! Drafts and documents as their canonical text.

use clicktrail_log::frame::Digest;

use super::parts::{Document, Draft};
use crate::{canonical, error::Error};

impl Draft {
    /// SHA-256 over what makes a new revision: everything that it says. Not over what it was computed from: a segment
    /// that was built again, with the same counts, changes nothing. Nor over what sets its pages.
    pub fn inputs(&self) -> Digest {
        canonical::inputs(self)
    }

    /// The canonical JSON, with a newline at its end.
    pub fn canonical(&self) -> Vec<u8> {
        canonical::draft(self)
    }

    /// Reads canonical JSON.
    ///
    /// # Errors
    /// [`Error::UnknownFormat`], [`Error::NotCanonical`], or what [`check`](Self::check) finds.
    pub fn from_canonical(bytes: &[u8]) -> Result<Self, Error> {
        canonical::read_draft(bytes)
    }
}

impl Document {
    /// The canonical JSON, with a newline at its end: the same bytes for the same document, for ever.
    pub fn canonical(&self) -> Vec<u8> {
        canonical::document(self)
    }

    /// Reads canonical JSON. What would be written of it must be these very bytes.
    ///
    /// # Errors
    /// [`Error::UnknownFormat`], [`Error::NotCanonical`] names the place, or what [`check`](Self::check) finds.
    pub fn from_canonical(bytes: &[u8]) -> Result<Self, Error> {
        canonical::read_document(bytes)
    }

    /// SHA-256 of the canonical JSON.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.canonical())
    }
}
