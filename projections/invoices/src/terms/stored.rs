//! Terms as their canonical text.

use clicktrail_log::frame::Digest;

use super::parts::Terms;
use crate::{canonical, error::Error};

impl Terms {
    /// The canonical JSON, with a newline at its end.
    pub fn canonical(&self) -> String {
        canonical::as_text(canonical::terms(self))
    }

    /// Reads canonical JSON.
    ///
    /// # Errors
    /// [`Error::UnknownFormat`], [`Error::NotCanonical`], or what [`check`](Self::check) finds.
    pub fn from_canonical(text: &str) -> Result<Self, Error> {
        canonical::read_terms(text.as_bytes())
    }

    /// SHA-256 of the canonical JSON.
    pub fn digest(&self) -> Digest {
        Digest::of(self.canonical().as_bytes())
    }
}
