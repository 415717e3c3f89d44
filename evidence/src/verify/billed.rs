//! Bills as the verifier would compute them, for made-up evidence.

use std::collections::BTreeMap;

use super::{
    bill::Bill,
    counts::Counts,
    document::{self, Terms},
};
use crate::{
    bundle::canonical,
    made_up::ledger::{Facts, Tally},
};

/// The bill of a document as JSON, and whether its total is below zero.
///
/// # Panics
/// If its usage or terms are not billable.
pub(crate) fn bill(facts: &Facts) -> (String, bool) {
    let terms: Terms = serde_json::from_str(&facts.terms).expect("they were written as terms");
    let counts = |tally: &Tally| {
        let Tally { gross, givt, sivt, duplicate, policy, billable, spend_micros } = *tally;
        Counts { gross, givt, sivt, duplicate, policy, billable, spend_micros }
    };
    let usage: BTreeMap<String, Counts> =
        facts.usage.iter().map(|(campaign, tally)| (campaign.clone(), counts(tally))).collect();
    let documents: Vec<document::Document> =
        facts.issued.iter().map(|text| serde_json::from_slice(text).expect("it was written as a document")).collect();
    let bills: Vec<Bill> =
        documents.iter().map(|document| Bill::read(&document.content.bill).expect("it is one")).collect();
    let since = documents.iter().rposition(document::Document::is_cancellation).map_or(0, |at| at + 1);
    let whole = match (facts.is_cancellation, bills.last()) {
        (true, Some(last)) => last.minus(std::slice::from_ref(last)).expect("small"),
        _ => Bill::of(&usage, &terms, "EUR", 2).expect("it is billable"),
    };
    let bill = whole.minus(&bills[since..]).expect("small");
    let text = canonical::write(&bill.shown().expect("small"));
    (String::from_utf8(text).expect("it is text").trim_end().to_owned(), bill.total < 0)
}
