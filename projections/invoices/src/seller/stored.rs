//! The seller as a file that a person writes, and as its canonical text.

use clicktrail_log::frame::Digest;

use super::parts::Seller;
use crate::{
    canonical,
    error::Error,
    fields::{Fields, Source},
    terms::{date, party_in},
};

impl Seller {
    /// Reads a file that a person wrote. See `examples/accounts/seller.toml`.
    ///
    /// # Errors
    /// [`Error::File`] with `file`, the line and the field.
    pub fn from_toml(text: &str, file: &str) -> Result<Self, Error> {
        let (source, table) = Source::parse(file, text)?;
        let mut fields = Fields::new(source, &table);
        let seller = Self { valid_from: date(&mut fields, "valid_from")?, party: party_in(&mut fields, "seller")? };
        fields.finish()?;
        seller.check().map_err(|error| source.locate(&table, error))?;
        Ok(seller)
    }

    /// The canonical JSON, with a newline at its end.
    pub fn canonical(&self) -> String {
        canonical::as_text(canonical::seller(self))
    }

    /// Reads canonical JSON.
    ///
    /// # Errors
    /// [`Error::UnknownFormat`], [`Error::NotCanonical`], or what [`check`](Self::check) finds.
    pub fn from_canonical(text: &str) -> Result<Self, Error> {
        canonical::read_seller(text.as_bytes())
    }

    /// SHA-256 of the canonical JSON.
    pub fn digest(&self) -> Digest {
        Digest::of(self.canonical().as_bytes())
    }
}
