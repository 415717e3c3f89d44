//! What drafts and documents are made of.

use chrono::{Datelike as _, Days, NaiveDate};
use clicktrail_log::{frame::Digest, time::Hour};

use crate::{
    bill::Bill,
    error::Error,
    party::Party,
    period::{Period, PeriodName},
    terms::Terms,
    usage::Counts,
    words::words,
};

words! {
    /// What a document is.
    pub enum Kind("kind of document") {
        /// What a period costs.
        Invoice = "invoice",
        /// A correction by which less is owed.
        CreditNote = "credit_note",
        /// A correction by which more is owed, or the same.
        DebitNote = "debit_note",
    }
}

impl Kind {
    /// What a note is: credit if its total is below zero, else debit. Also a note that moves clicks and no money is
    /// one.
    pub const fn of_note(bill: &Bill) -> Self {
        match bill.total < 0 {
            true => Self::CreditNote,
            false => Self::DebitNote,
        }
    }

    /// Whether it corrects another document.
    pub const fn is_note(self) -> bool {
        match self {
            Self::Invoice => false,
            Self::CreditNote | Self::DebitNote => true,
        }
    }
}

words! {
    /// How money was rounded.
    pub enum Rounding("rounding") {
        /// Each line, discount and tax to the minor unit, half away from zero; then summed.
        HalfAwayFromZeroPerLine = "half_away_from_zero_per_line",
    }
}

words! {
    /// Why a note was made.
    pub enum Reason("reason") {
        /// Sophisticated invalid traffic was found later.
        Sivt = "sivt",
        /// General invalid traffic was found later.
        Givt = "givt",
        /// Repeats were found later.
        Duplicate = "duplicate",
        /// A rule of the house or a person took clicks out, or in again.
        Policy = "policy",
        /// The program counted wrongly.
        ProjectionFix = "projection_fix",
        /// Clicks came after the invoice.
        LateEvents = "late_events",
        /// A correction added or changed events.
        Correction = "correction",
        /// To keep a customer.
        Goodwill = "goodwill",
        /// The whole invoice is taken back.
        Cancelled = "cancelled",
    }
}

/// What a bill was computed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pins {
    /// The period, as it was frozen.
    pub period: Period,
    /// SHA-256 of the list of segments that usage was summed from.
    pub basis: Digest,
    /// The version of the terms.
    pub terms_version: u32,
    /// SHA-256 of the terms' canonical JSON.
    pub terms: Digest,
    /// SHA-256 of the seller's canonical JSON.
    pub seller: Digest,
    /// How money was rounded.
    pub rounding: Rounding,
    /// SHA-256 of the template that its pages were set from.
    pub template: Option<Digest>,
    /// What set them, with its version.
    pub renderer: Option<String>,
}

/// The invoice that a note corrects, and why (EN 16931: BG-3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// Its series.
    pub series: String,
    /// Its number (with the series BT-25).
    pub number: u32,
    /// Its period.
    pub period: PeriodName,
    /// Its date (BT-26).
    pub issued_on: NaiveDate,
    /// Why it is corrected.
    pub reason: Reason,
}

impl Original {
    /// Its number as documents show it.
    pub fn name(&self) -> String {
        name(&self.series, self.number)
    }
}

/// An hour of which a note changes counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourMoved {
    /// Which hour of the log.
    pub hour: Hour,
    /// By how much.
    pub counts: Counts,
}

/// A document before it has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What it is.
    pub kind: Kind,
    /// Who is billed.
    pub advertiser_id: String,
    /// Who sells.
    pub seller: Party,
    /// The terms, whole; of a note those of its original.
    pub terms: Terms,
    /// What it was computed from.
    pub pins: Pins,
    /// What is owed, or by how much that changes.
    pub bill: Bill,
    /// Of a note, what it corrects.
    pub original: Option<Original>,
    /// Of a note, the hours that moved, in order.
    pub hours: Vec<HourMoved>,
}

impl Draft {
    /// The series that its number is of.
    pub fn series(&self) -> &str {
        match self.kind.is_note() {
            true => &self.terms.note_series,
            false => &self.terms.series,
        }
    }

    /// The document that it becomes with a number, on a date of the account's zone.
    ///
    /// # Errors
    /// As [`Document::check`].
    pub fn issued(self, number: u32, issued_on: NaiveDate) -> Result<Document, Error> {
        let series = self.series().to_owned();
        let due_on = due_on(&self.terms, issued_on)?;
        let document = Document { draft: self, series, number, issued_on, due_on };
        document.check()?;
        Ok(document)
    }
}

/// A document that was issued. It never changes (I10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What it says.
    pub draft: Draft,
    /// The series of its number.
    pub series: String,
    /// Its number in the series, from 1.
    pub number: u32,
    /// The date in the account's zone (EN 16931: BT-2).
    pub issued_on: NaiveDate,
    /// When it is to be paid (BT-9).
    pub due_on: NaiveDate,
}

impl Document {
    /// Its number as documents show it, `INV-00000012` (BT-1).
    pub fn name(&self) -> String {
        name(&self.series, self.number)
    }
}

/// A number as documents show it, `INV-00000012`.
pub fn name(series: &str, number: u32) -> String {
    format!("{series}-{number:08}")
}

/// When a document of that date is to be paid.
pub(super) fn due_on(terms: &Terms, issued_on: NaiveDate) -> Result<NaiveDate, Error> {
    let is_written = |day: &NaiveDate| (1970..=9999).contains(&day.year());
    let due = issued_on.checked_add_days(Days::new(terms.payment_days.into()));
    due.filter(|due| is_written(&issued_on) && is_written(due)).ok_or_else(|| {
        Error::Contradiction(format!("{issued_on} is no date of an invoice, or the day on which it is due is none"))
    })
}
