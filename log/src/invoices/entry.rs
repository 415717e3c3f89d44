//! One issued document as the log keeps it, and what must hold of it before it is written and after it was read.

use std::{fmt, str::FromStr};

use chrono::NaiveDate;

use crate::{frame, frame::Digest, time::Timestamp};

/// The longest text of an entry, in bytes.
pub const TEXT_BYTES_MAX: usize = 1_024;
/// The most files of one document.
pub const ARTEFACTS_MAX: usize = 32;
/// The most digits behind the point that a currency has.
pub const MINOR_DIGITS_MAX: u8 = 4;
/// The largest total, in minor units: what a DECIMAL(38,0) holds.
pub const TOTAL_MINOR_MAX: u128 = 10_u128.pow(38) - 1;

const _: () = assert!(
    (2 * ARTEFACTS_MAX + 8) * 6 * TEXT_BYTES_MAX < frame::PAYLOAD_BYTES_MAX,
    "the largest entry fits a frame, also where JSON writes six bytes for one"
);

/// What kind of document it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocumentKind {
    /// The bill of a period.
    Invoice,
    /// Takes back some of what was billed.
    CreditNote,
    /// Bills what was left out.
    DebitNote,
}

impl DocumentKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Invoice, Self::CreditNote, Self::DebitNote];

    /// `invoice`, `credit_note`, `debit_note`: the word in the column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invoice => "invoice",
            Self::CreditNote => "credit_note",
            Self::DebitNote => "debit_note",
        }
    }

    /// Whether it corrects an invoice, and so names one.
    pub const fn is_note(self) -> bool {
        match self {
            Self::Invoice => false,
            Self::CreditNote | Self::DebitNote => true,
        }
    }
}

impl fmt::Display for DocumentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no kind of document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of invoice, credit_note, debit_note")]
pub struct UnknownKind(String);

impl FromStr for DocumentKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

/// The number of a document: its series, and its place there, from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentNumber {
    /// The series: `INV`.
    pub series: String,
    /// From 1, without a hole.
    pub number: u32,
}

impl fmt::Display for DocumentNumber {
    /// `42 of series INV`: how a customer writes it is the document's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of series {}", self.number, self.series)
    }
}

/// One stored file of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artefact {
    /// What it is: `json`, `pdf`, …
    pub format: String,
    /// Its key in the store.
    pub key: String,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Its exact size.
    pub bytes: u64,
}

/// One issued document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceEntry {
    /// SHA-256 of the document's canonical JSON.
    pub document: Digest,
    /// Its number.
    pub number: DocumentNumber,
    /// What it is.
    pub kind: DocumentKind,
    /// Who pays.
    pub advertiser_id: String,
    /// ISO 4217: three capital letters.
    pub currency: String,
    /// The name of its period: `2026-03`.
    pub period: String,
    /// The IANA zone whose days the period is made of.
    pub zone: String,
    /// The first instant of the period.
    pub period_from: Timestamp,
    /// The first instant after it.
    pub period_to: Timestamp,
    /// The date on the document: `2026-04-01`.
    pub issued_on: String,
    /// When its number was given.
    pub issued_at: Timestamp,
    /// What is to be paid, in the currency's minor units; negative where it is paid back.
    pub total_minor: i128,
    /// How many digits of the total stand behind the point: 2 for EUR, 0 for JPY.
    pub minor_digits: u8,
    /// The invoice that a note corrects; `None` for an invoice.
    pub original: Option<DocumentNumber>,
    /// SHA-256 of the list of segments that it was summed from.
    pub basis: Digest,
    /// Its files, the canonical JSON among them.
    pub artefacts: Vec<Artefact>,
    /// Who issued it.
    pub actor: String,
}

impl InvoiceEntry {
    /// What must hold of every entry. Whoever issues asks before a number is given: afterwards it is too late.
    ///
    /// # Errors
    /// A clause that says which field is wrong, and why.
    pub fn check(&self) -> Result<(), String> {
        let texts = [
            ("series", &self.number.series),
            ("advertiser_id", &self.advertiser_id),
            ("period", &self.period),
            ("zone", &self.zone),
            ("actor", &self.actor),
        ];
        texts.into_iter().try_for_each(|(name, text)| check_text(name, text))?;
        check_number("number", self.number.number)?;
        if self.currency.len() != 3 || !self.currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(format!("currency {:?} is not three capital letters", self.currency));
        }
        if self.minor_digits > MINOR_DIGITS_MAX {
            return Err(format!("minor_digits {} is over {MINOR_DIGITS_MAX}", self.minor_digits));
        }
        if self.total_minor.unsigned_abs() > TOTAL_MINOR_MAX {
            return Err(format!("total_minor {} has more than 38 digits", self.total_minor));
        }
        if self.period_from >= self.period_to {
            return Err(format!("period_from {} is not before period_to {}", self.period_from, self.period_to));
        }
        if !is_date(&self.issued_on) {
            return Err(format!("issued_on {:?} is no date as in 2026-04-01", self.issued_on));
        }
        match (&self.original, self.kind.is_note()) {
            (None, false) => {}
            (Some(original), true) => {
                check_text("original_series", &original.series)?;
                check_number("original_number", original.number)?;
            }
            (Some(original), false) => {
                return Err(format!("original_number: an invoice corrects none, not {original}"));
            }
            (None, true) => return Err(format!("original_number: a {} names the invoice that it corrects", self.kind)),
        }
        self.check_artefacts()
    }

    fn check_artefacts(&self) -> Result<(), String> {
        if self.artefacts.is_empty() || self.artefacts.len() > ARTEFACTS_MAX {
            return Err(format!("artefacts: {} files, not 1 to {ARTEFACTS_MAX}", self.artefacts.len()));
        }
        for (index, artefact) in self.artefacts.iter().enumerate() {
            check_text("artefacts: format", &artefact.format)?;
            check_text("artefacts: key", &artefact.key)?;
            if self.artefacts[..index].iter().any(|before| before.format == artefact.format) {
                return Err(format!("artefacts: two files of format {:?}", artefact.format));
            }
        }
        Ok(())
    }

    /// Digest of what the document itself says: two entries of one document agree in it, whoever wrote them and when.
    pub(super) fn facts(&self) -> Digest {
        let original = self.original.as_ref().map(|original| (&original.series, original.number));
        let facts = serde_json::json!([
            self.document.to_string(),
            self.number.series,
            self.number.number,
            self.kind.as_str(),
            self.advertiser_id,
            self.currency,
            self.period,
            self.zone,
            self.period_from.micros(),
            self.period_to.micros(),
            self.issued_on,
            self.total_minor.to_string(),
            self.minor_digits,
            original,
            self.basis.to_string(),
        ]);
        Digest::of(facts.to_string().as_bytes())
    }
}

fn check_text(name: &str, text: &str) -> Result<(), String> {
    match text.len() {
        0 => Err(format!("{name} is empty")),
        1..=TEXT_BYTES_MAX => Ok(()),
        bytes => Err(format!("{name} has {bytes} bytes, more than {TEXT_BYTES_MAX}")),
    }
}

fn check_number(name: &str, number: u32) -> Result<(), String> {
    if number == 0 { Err(format!("{name} is 0: numbers begin at 1")) } else { Ok(()) }
}

fn is_date(text: &str) -> bool {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok_and(|date| date.format("%Y-%m-%d").to_string() == text)
}
