//! Documents: invoices and notes in their canonical JSON, as `docs/invoices.md` describes it. All fields are known, so
//! that a text can be written again and compared; few of them are used.

use serde::{Deserialize, Serialize};

use super::failure::{Failure, Kind as Fault};
use crate::{
    bundle::{
        canonical,
        time::{Hour, Instant},
    },
    hash::Hash,
};

const FORMAT: &str = "clicktrail invoice 1";
const TERMS_FORMAT: &str = "clicktrail terms 1";
/// The one way of rounding that there is.
const ROUNDING: &str = "half_away_from_zero_per_line";
/// Decimals of a currency at most: prices have as many.
pub(super) const DECIMALS_MAX: u8 = 6;
/// All of it, in hundredths of a percent.
const WHOLE: u32 = 10_000;

/// A document. The order of the fields is that of its text.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    format: String,
    pub(super) kind: Kind,
    pub(super) series: String,
    pub(super) number: u32,
    pub(super) issued_on: String,
    due_on: String,
    pub(super) content: Content,
    pub(super) pins: Pins,
    /// SHA-256 of its text.
    #[serde(skip, default = "nothing")]
    pub(super) digest: Hash,
}

fn nothing() -> Hash {
    Hash::of(b"")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Invoice,
    CreditNote,
    DebitNote,
}

impl Kind {
    /// As the log of issued documents has it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Invoice => "invoice",
            Self::CreditNote => "credit_note",
            Self::DebitNote => "debit_note",
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Content {
    pub(super) advertiser_id: String,
    pub(super) original: Option<Original>,
    pub(super) period: Period,
    seller: Party,
    pub(super) terms: Terms,
    pub(super) bill: Bill,
    pub(super) hours: Vec<HourMoved>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Original {
    pub(super) series: String,
    pub(super) number: u32,
    pub(super) period: String,
    pub(super) issued_on: String,
    pub(super) reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Period {
    pub(super) name: String,
    pub(super) zone: String,
    pub(super) from: Instant,
    pub(super) to: Instant,
    tzdb: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Party {
    name: String,
    address: Address,
    tax_id: Option<String>,
    registration: Option<String>,
    email: Option<String>,
    iban: Option<String>,
    bic: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Address {
    lines: Vec<String>,
    city: String,
    postcode: String,
    country: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Terms {
    format: String,
    pub(super) advertiser_id: String,
    valid_from: String,
    customer: Party,
    pub(super) currency: String,
    pub(super) decimals: u8,
    zone: String,
    cycle: String,
    series: String,
    note_series: String,
    payment_days: u16,
    pub(super) tax: Tax,
    language: String,
    pub(super) discounts: Vec<Discount>,
    pub(super) minimums: Vec<Limit>,
    pub(super) caps: Vec<Limit>,
    reference: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tax {
    pub(super) category: String,
    pub(super) rate_basis_points: u32,
    pub(super) exemption_reason: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Discount {
    pub(super) campaign: Option<String>,
    pub(super) rate_basis_points: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limit {
    pub(super) campaign: Option<String>,
    pub(super) amount: String,
}

/// What is billed, as the document writes it. What is computed again is written so, too, and compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bill {
    pub(super) currency: String,
    pub(super) decimals: u8,
    pub(super) lines: Vec<Line>,
    pub(super) adjustments: Vec<Adjustment>,
    pub(super) subtotal: String,
    pub(super) tax: Vec<TaxLine>,
    pub(super) total: String,
    pub(super) rounding_micros: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub(super) campaign_id: String,
    pub(super) kind: String,
    pub(super) gross: String,
    pub(super) givt: String,
    pub(super) sivt: String,
    pub(super) duplicate: String,
    pub(super) policy: String,
    pub(super) net: String,
    pub(super) total_net: String,
    pub(super) billable: String,
    pub(super) spend_micros: String,
    pub(super) price: String,
    pub(super) price_is_exact: bool,
    pub(super) amount: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Adjustment {
    pub(super) kind: String,
    pub(super) campaign_id: Option<String>,
    pub(super) rate_basis_points: Option<u32>,
    pub(super) amount: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TaxLine {
    pub(super) category: String,
    pub(super) rate_basis_points: u32,
    pub(super) base: String,
    pub(super) amount: String,
    pub(super) exemption_reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HourMoved {
    pub(super) hour: Hour,
    pub(super) counts: Counts,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Counts {
    pub(super) gross: String,
    pub(super) givt: String,
    pub(super) sivt: String,
    pub(super) duplicate: String,
    pub(super) policy: String,
    pub(super) billable: String,
    pub(super) spend_micros: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pins {
    pub(super) basis: Hash,
    pub(super) terms_version: u32,
    pub(super) terms: Hash,
    seller: Hash,
    rounding: String,
    template: Option<Hash>,
    renderer: Option<String>,
}

impl Document {
    /// Reads the text of a document.
    pub(super) fn read(place: &str, bytes: &[u8]) -> Result<Self, Failure> {
        let mut document: Self = canonical::read(bytes, FORMAT).map_err(|error| Failure::of_text(place, &error))?;
        document.digest = Hash::of(bytes);
        document.check(place)?;
        Ok(document)
    }

    /// As documents show their number: `INV-00000012`.
    pub(super) fn name(&self) -> String {
        format!("{}-{:08}", self.series, self.number)
    }

    /// Whether it is the one that a note names.
    pub(super) fn is_original(&self, original: &Original) -> bool {
        self.series == original.series
            && self.number == original.number
            && self.content.period.name == original.period
            && self.issued_on == original.issued_on
    }

    /// Whether it takes back all of an invoice.
    pub(super) fn is_cancellation(&self) -> bool {
        self.content.original.as_ref().is_some_and(|original| original.reason == "cancelled")
    }

    fn check(&self, place: &str) -> Result<(), Failure> {
        let Content { advertiser_id, original, period, terms, bill, .. } = &self.content;
        if terms.format != TERMS_FORMAT || self.pins.rounding != ROUNDING {
            let reason = format!("{:?} or {:?} is not known here", terms.format, self.pins.rounding);
            return Err(Failure::new(Fault::Unreadable, place, reason));
        }
        let wrong = |reason: &str| Err(Failure::integrity(place, reason));
        if terms.advertiser_id != *advertiser_id || original.is_some() == (self.kind == Kind::Invoice) {
            return wrong("its terms are another's, or it is a note of nothing");
        }
        if period.from >= period.to || bill.decimals > DECIMALS_MAX || terms.decimals > DECIMALS_MAX {
            return wrong("its period is empty, or its currency has more decimals than prices");
        }
        let rates = terms.discounts.iter().map(|discount| discount.rate_basis_points);
        if rates.chain([terms.tax.rate_basis_points]).any(|rate| rate > WHOLE) {
            return wrong("a rate of its terms is more than all of it");
        }
        if Hash::of(&canonical::write(terms)) != self.pins.terms {
            return wrong("its terms are not those that it pins");
        }
        Ok(())
    }
}
