//! Amounts as EN 16931 has them.

use clicktrail_invoices::{Document, Kind};
use en16931::InvoiceAmount;

use crate::error::Error;

/// Decimals of an amount that EN 16931 can write (BR-DEC-01 to BR-DEC-28).
pub(super) const DECIMALS_MAX: u8 = 2;

/// Writes amounts with the document's sign.
pub(super) struct Writer<'a> {
    pub(super) document: &'a Document,
    pub(super) is_turned: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(document: &'a Document) -> Self {
        let is_turned = match document.draft.kind {
            Kind::CreditNote => true,
            Kind::Invoice | Kind::DebitNote => false,
        };
        Self { document, is_turned }
    }

    /// Minor units of the document's currency, with two decimals.
    pub(super) fn amount(&self, minor: i128) -> Result<InvoiceAmount, Error> {
        let decimals = u32::from(DECIMALS_MAX.saturating_sub(self.document.draft.bill.currency.exponent()));
        let signed = if self.is_turned { minor.checked_neg() } else { Some(minor) };
        let hundredths = signed.and_then(|minor| minor.checked_mul(10_i128.pow(decimals)));
        let fitting = hundredths.and_then(|hundredths| i64::try_from(hundredths).ok());
        let too_large = || Error::Document(format!("{minor} is too large for an amount of an invoice"));
        fitting.map(InvoiceAmount::from_minor_units).ok_or_else(too_large)
    }
}
