//! What a document says, from what it pins: an invoice is the bill of its usage; a note is the bill of the correct
//! whole under the terms of the invoice that it corrects, less everything that was issued before it.

use clicktrail_invoices::{
    Bill, Usage, bill,
    document::{Document, Draft, HourMoved, Kind, Reason},
};
use clicktrail_log::{archive::Archive, archive::keys::invoices::Input, frame::Digest};

use crate::{
    basis::Basis,
    counted::{ByAd, Counted},
    error::Error,
};

/// A basis by the digest that a document pins.
///
/// # Errors
/// That it is missing, damaged or none, by name; archive out of reach.
pub async fn basis(archive: &Archive, digest: &Digest) -> Result<Basis, Error> {
    let bytes = archive.input(Input::Basis, digest).await?;
    Basis::from_bytes(&bytes).map_err(|cause| Error::Contradiction(format!("basis {digest}: {cause}")))
}

/// Whether a draft takes back all of an invoice.
pub fn is_cancellation(draft: &Draft) -> bool {
    draft.original.as_ref().is_some_and(|original| original.reason == Reason::Cancelled)
}

/// A bill of nothing, in the currency and with the taxes of another.
///
/// # Errors
/// Of arithmetic.
pub fn nothing(like: &Bill) -> Result<Bill, Error> {
    Ok(like.minus(std::slice::from_ref(like))?)
}

/// The bill of a note: the correct whole less what was issued since the last cancellation. What was issued before
/// that sums to nothing, and its taxes may have been of other categories.
///
/// # Errors
/// Of arithmetic.
pub fn note(whole: &Bill, issued: &[&Document]) -> Result<Bill, Error> {
    let since = issued.iter().rposition(|document| is_cancellation(&document.draft)).map_or(0, |at| at + 1);
    let issued: Vec<Bill> = issued[since..].iter().map(|document| document.draft.bill.clone()).collect();
    Ok(whole.minus(&issued)?)
}

/// The hours of a note as it names them.
///
/// # Errors
/// Of arithmetic.
pub fn hours(moved: &[(clicktrail_log::time::Hour, ByAd)]) -> Result<Vec<HourMoved>, Error> {
    let mut hours = Vec::with_capacity(moved.len());
    for (hour, by_ad) in moved {
        let counts = by_ad.values().try_fold(clicktrail_invoices::Counts::default(), |sum, one| sum.plus(one))?;
        if !counts.is_zero() {
            hours.push(HourMoved { hour: *hour, counts });
        }
    }
    Ok(hours)
}

/// A document's draft computed again from what it pins, with the usage of its basis. `before` are the documents that
/// were issued before it to the same account for the same period, in their order.
///
/// # Errors
/// What is missing or damaged of the bases, by name; of arithmetic.
pub async fn again(
    counted: &Counted<'_>,
    stored: &Draft,
    usage: Option<&Usage>,
    before: &[Document],
) -> Result<Draft, Error> {
    let currency = stored.bill.currency;
    let basis_now = basis(counted.archive, &stored.pins.basis).await?;
    let counted_usage;
    let usage = match usage {
        _ if is_cancellation(stored) => None,
        Some(usage) => Some(usage),
        None => {
            counted_usage = counted.whole(&basis_now).await?;
            Some(&counted_usage)
        }
    };
    if !stored.kind.is_note() {
        let usage = usage.expect("an invoice cancels nothing");
        return Ok(Draft { bill: bill(usage, &stored.terms, currency)?, ..stored.clone() });
    }
    let last = before.last().ok_or_else(|| Error::Contradiction("a note has nothing before it".to_owned()))?;
    let issued: Vec<&Document> = before.iter().collect();
    let (whole, hours) = match usage {
        None => (nothing(&last.draft.bill)?, Vec::new()),
        Some(usage) => {
            let moved = counted.moved(&basis(counted.archive, &last.draft.pins.basis).await?, &basis_now).await?;
            (bill(usage, &stored.terms, currency)?, hours(&moved)?)
        }
    };
    let bill = note(&whole, &issued)?;
    Ok(Draft { kind: Kind::of_note(&bill), bill, hours, ..stored.clone() })
}
