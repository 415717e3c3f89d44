//! What is known of the seller.

use chrono::{Datelike as _, NaiveDate};

use crate::{error::Error, party::Party, terms::below};

/// The seller, from a date on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seller {
    /// Documents that are issued on this date or later name it.
    pub valid_from: NaiveDate,
    /// Who.
    pub party: Party,
}

impl Seller {
    /// What every invoice needs and this seller lacks, each by its field and why. Which tax number it needs, the
    /// customer's tax category says: see [`Terms::missing_with`](crate::Terms::missing_with).
    pub fn missing(&self) -> Vec<String> {
        let mut missing = self.party.missing("seller");
        if self.party.tax_id.is_none() && self.party.registration.is_none() {
            missing
                .push("seller.tax_id or seller.registration (BR-CO-26: one of them identifies who sells)".to_owned());
        }
        missing
    }

    /// Checks what it holds.
    ///
    /// # Errors
    /// [`Error::Field`] begins with the field that is wrong.
    pub fn check(&self) -> Result<(), Error> {
        if !(1..=9999).contains(&self.valid_from.year()) {
            return Err(Error::Field(format!("valid_from: {} is not a date", self.valid_from)));
        }
        self.party.check().map_err(|error| below("seller.", error))
    }
}
