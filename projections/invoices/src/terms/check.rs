//! What terms must not hold: text that no invoice can show, and amounts that contradict each other.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Datelike as _;

use super::parts::{TaxCategory, Terms};
use crate::{error::Error, fields::check_text, money::show, period::iana};

/// Bytes of an id of an advertiser or a campaign: 128 characters of four bytes, as events may have.
const ID_BYTES_MAX: usize = 512;
/// Bytes of a reason or a reference.
const NOTE_BYTES_MAX: usize = 1024;
/// Bytes of a series: it is part of numbers and of storage keys.
const SERIES_BYTES_MAX: usize = 16;
/// Ten years: more is a mistake.
pub(super) const PAYMENT_DAYS_MAX: u16 = 3_660;
/// Entries of discounts, minimums and caps, each: terms are part of every document.
const ENTRIES_MAX: usize = 10_000;

impl Terms {
    /// Checks what they hold.
    ///
    /// # Errors
    /// [`Error::Field`] begins with the field that is wrong.
    pub fn check(&self) -> Result<(), Error> {
        check(self)
    }
}

fn check(terms: &Terms) -> Result<(), Error> {
    let wrong = |field: &str, why: String| Err(Error::Field(format!("{field}: {why}")));
    check_id("advertiser_id", &terms.advertiser_id)?;
    terms.customer.check().map_err(|error| below("customer.", error))?;
    iana(&terms.zone).map_err(|error| Error::Field(format!("zone: {error}")))?;
    check_series("series", &terms.series)?;
    check_series("note_series", &terms.note_series)?;
    if !(1..=9999).contains(&terms.valid_from.year()) {
        return wrong("valid_from", format!("{} is not a date: write it as in 2026-01-01", terms.valid_from));
    }
    if terms.payment_days > PAYMENT_DAYS_MAX {
        return wrong("payment_days", format!("is {}, and must be 0 to {PAYMENT_DAYS_MAX}", terms.payment_days));
    }
    let notes = [("reference", &terms.reference), ("tax.exemption_reason", &terms.tax.exemption_reason)];
    for (name, text) in notes {
        let Some(text) = text else { continue };
        check_text(name, text, NOTE_BYTES_MAX)?;
        if text.trim().is_empty() {
            return wrong(name, "is empty: leave it out".to_owned());
        }
    }
    check_tax(terms)?;
    check_entries(terms)?;
    check_amounts(terms)
}

/// An error of a part as one of the whole.
pub(crate) fn below(path: &str, error: Error) -> Error {
    match error {
        Error::Field(problem) => Error::Field(format!("{path}{problem}")),
        other @ (Error::Currency(_)
        | Error::Period(_)
        | Error::File { .. }
        | Error::Overflow(_)
        | Error::Contradiction(_)
        | Error::NotCanonical(_)
        | Error::UnknownFormat { .. }
        | Error::Parquet(_)) => other,
    }
}

fn check_id(name: &str, id: &str) -> Result<(), Error> {
    check_text(name, id, ID_BYTES_MAX)?;
    match id.is_empty() {
        true => Err(Error::Field(format!("{name}: is empty"))),
        false => Ok(()),
    }
}

/// Checks the name of a series of numbers.
pub(crate) fn check_series(name: &str, series: &str) -> Result<(), Error> {
    let is_plain = series.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    let begins = series.starts_with(|c: char| c.is_ascii_alphanumeric());
    match is_plain && begins && series.len() <= SERIES_BYTES_MAX {
        true => Ok(()),
        false => Err(Error::Field(format!(
            "{name}: {series:?} is no series: 1 to {SERIES_BYTES_MAX} ASCII letters, digits, - and _, as in INV"
        ))),
    }
}

fn check_tax(terms: &Terms) -> Result<(), Error> {
    let is_taxed = terms.tax.rate.points() > 0;
    let category = terms.tax.category;
    match (category, is_taxed) {
        (TaxCategory::Standard, true) => match terms.tax.exemption_reason {
            None => Ok(()),
            Some(_) => Err(Error::Field("tax.exemption_reason: category S is not exempt (BR-S-10)".to_owned())),
        },
        (TaxCategory::Standard, false) => Err(Error::Field(
            "tax.rate_basis_points: category S needs a rate above zero; for none, use another category".to_owned(),
        )),
        (TaxCategory::Zero, false) if terms.tax.exemption_reason.is_some() => {
            Err(Error::Field("tax.exemption_reason: category Z is not exempt (BR-Z-10)".to_owned()))
        }
        (
            TaxCategory::Zero
            | TaxCategory::Exempt
            | TaxCategory::ReverseCharge
            | TaxCategory::IntraCommunity
            | TaxCategory::Export
            | TaxCategory::OutOfScope,
            is_taxed,
        ) => match is_taxed {
            true => Err(Error::Field(format!("tax.rate_basis_points: must be 0 in category {category}"))),
            false => Ok(()),
        },
    }
}

/// Every campaign at most once in each list, and amounts that mean something.
fn check_entries(terms: &Terms) -> Result<(), Error> {
    let discounts = terms.discounts.iter().map(|discount| (&discount.campaign, discount.rate.points() > 0));
    let minimums = terms.minimums.iter().map(|minimum| (&minimum.campaign, minimum.amount > 0));
    let caps = terms.caps.iter().map(|cap| (&cap.campaign, cap.amount >= 0));
    check_list("discounts", "rate_basis_points", discounts)?;
    check_list("minimums", "amount", minimums)?;
    check_list("caps", "amount", caps)
}

fn check_list<'t>(
    list: &str,
    value: &str,
    entries: impl ExactSizeIterator<Item = (&'t Option<String>, bool)>,
) -> Result<(), Error> {
    if entries.len() > ENTRIES_MAX {
        return Err(Error::Field(format!("{list}: more than {ENTRIES_MAX} entries")));
    }
    let mut seen = BTreeSet::new();
    for (index, (campaign, means_something)) in entries.enumerate() {
        let path = format!("{list}[{index}]");
        if let Some(campaign) = campaign {
            check_id(&format!("{path}.campaign"), campaign)?;
        }
        if !means_something {
            return Err(Error::Field(format!("{path}.{value}: is too small to mean anything: leave the entry out")));
        }
        if !seen.insert(campaign) {
            let whose = campaign.as_ref().map_or("the account".to_owned(), |campaign| format!("campaign {campaign:?}"));
            return Err(Error::Field(format!("{path}.campaign: {whose} is twice in {list}")));
        }
    }
    Ok(())
}

/// A minimum above a cap cannot be kept. Minimums of campaigns together are below the account's cap, too.
fn check_amounts(terms: &Terms) -> Result<(), Error> {
    let caps: BTreeMap<Option<&str>, i128> =
        terms.caps.iter().map(|cap| (cap.campaign.as_deref(), cap.amount)).collect();
    let shown = |amount| format!("{} {}", show(terms.currency, amount), terms.currency);
    let mut of_campaigns = 0_i128;
    for (index, minimum) in terms.minimums.iter().enumerate() {
        let cap = caps.get(&minimum.campaign.as_deref()).copied();
        if let Some(cap) = cap.filter(|cap| *cap < minimum.amount) {
            return Err(Error::Field(format!(
                "minimums[{index}].amount: {} is above the cap of {}",
                shown(minimum.amount),
                shown(cap)
            )));
        }
        if minimum.campaign.is_some() {
            let sum = of_campaigns.checked_add(minimum.amount);
            of_campaigns = sum.ok_or_else(|| Error::overflow("the sum of all minimums"))?;
        }
    }
    match caps.get(&None) {
        Some(cap) if *cap < of_campaigns => Err(Error::Field(format!(
            "minimums: those of campaigns are {} together, above the account's cap of {}",
            shown(of_campaigns),
            shown(*cap)
        ))),
        Some(_) | None => Ok(()),
    }
}
