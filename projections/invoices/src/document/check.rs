//! Whether the parts of a document belong together: checked before it is written, and when it is read.

use super::parts::{Document, Draft, Kind, due_on};
use crate::{
    error::Error,
    terms::{below, check_series},
};

/// The largest number of a series: keys have eight digits.
const NUMBER_MAX: u32 = 99_999_999;
const MINUTE_MICROS: i64 = 60_000_000;

impl Draft {
    /// Checks that its parts belong together.
    ///
    /// # Errors
    /// [`Error::Contradiction`] names those that do not, [`Error::Field`] a text that no document may hold.
    pub fn check(&self) -> Result<(), Error> {
        draft(self)
    }
}

impl Document {
    /// Checks that its parts belong together.
    ///
    /// # Errors
    /// As [`Draft::check`].
    pub fn check(&self) -> Result<(), Error> {
        document(self)
    }
}

fn draft(draft: &Draft) -> Result<(), Error> {
    draft.terms.check().map_err(|error| below("terms.", error))?;
    draft.seller.check().map_err(|error| below("seller.", error))?;
    draft.bill.check()?;
    period(draft)?;
    terms(draft)?;
    let contradiction = |what: &str| Err(Error::Contradiction(what.to_owned()));
    let total = draft.bill.total;
    match (draft.kind, &draft.original) {
        (Kind::Invoice, Some(_)) => return contradiction("an invoice has no original"),
        (Kind::Invoice, None) if !draft.hours.is_empty() => return contradiction("an invoice has no hours that moved"),
        (Kind::CreditNote | Kind::DebitNote, None) => return contradiction("a note has no original"),
        (Kind::Invoice, None) | (Kind::CreditNote | Kind::DebitNote, Some(_)) => {}
    }
    if draft.kind.is_note() && Kind::of_note(&draft.bill) != draft.kind {
        return contradiction(&format!("a note that changes the total by {total} minor units is no {}", draft.kind));
    }
    if !draft.hours.is_sorted_by(|one, next| one.hour < next.hour) {
        return contradiction("the hours that moved are out of order, or one is twice");
    }
    if let Some(original) = &draft.original {
        check_series("original.series", &original.series)?;
        number("original.number", original.number)?;
    }
    Ok(())
}

fn period(draft: &Draft) -> Result<(), Error> {
    let period = &draft.pins.period;
    let is_whole = [period.from, period.to].iter().all(|at| at.micros().rem_euclid(MINUTE_MICROS) == 0);
    match period.from < period.to && is_whole {
        true => Ok(()),
        false => Err(Error::Contradiction(format!("{period} is no period of whole minutes"))),
    }
}

fn terms(draft: &Draft) -> Result<(), Error> {
    let Draft { terms, pins, bill, advertiser_id, .. } = draft;
    let contradiction = |what: String| Err(Error::Contradiction(what));
    if terms.advertiser_id != *advertiser_id {
        return contradiction(format!("terms of {:?} in a document of {advertiser_id:?}", terms.advertiser_id));
    }
    if terms.digest() != pins.terms {
        return contradiction("its terms are not those that it pins".to_owned());
    }
    if terms.currency.code() == bill.currency.code() && terms.currency != bill.currency {
        return contradiction(format!("{} has two numbers of decimals", bill.currency));
    }
    Ok(())
}

fn document(document: &Document) -> Result<(), Error> {
    draft(&document.draft)?;
    check_series("series", &document.series)?;
    number("number", document.number)?;
    match due_on(&document.draft.terms, document.issued_on)? == document.due_on {
        true => Ok(()),
        false => Err(Error::Contradiction(format!(
            "due on {}, which is not {} days after {}",
            document.due_on, document.draft.terms.payment_days, document.issued_on
        ))),
    }
}

fn number(name: &str, number: u32) -> Result<(), Error> {
    match (1..=NUMBER_MAX).contains(&number) {
        true => Ok(()),
        false => Err(Error::Field(format!("{name}: is {number}, and must be 1 to {NUMBER_MAX}"))),
    }
}
