//! Documents by the verifier's own arithmetic. Elsewhere the same documents are written by the room that bills, so that
//! both are compared.

use super::ledger::{Biller, Facts, PARTY, Tally};
use crate::{hash::Hash, verify::billed};

/// Writes documents by the verifier's own arithmetic.
#[derive(Debug, Clone, Copy)]
pub struct OwnBiller;

impl Biller for OwnBiller {
    fn document(&self, facts: &Facts) -> Vec<u8> {
        let bill = billed::bill(facts);
        write(facts, &bill.0, bill.1)
    }
}

fn counts(tally: &Tally) -> String {
    let Tally { gross, givt, sivt, duplicate, policy, billable, spend_micros } = tally;
    format!(
        "{{\"gross\":\"{gross}\",\"givt\":\"{givt}\",\"sivt\":\"{sivt}\",\"duplicate\":\"{duplicate}\",\"policy\":\"{policy}\",\
         \"billable\":\"{billable}\",\"spend_micros\":\"{spend_micros}\"}}"
    )
}

fn write(facts: &Facts, bill: &str, is_below_zero: bool) -> Vec<u8> {
    let is_invoice = facts.issued.is_empty();
    let (kind, series) = match (is_invoice, is_below_zero) {
        (true, _) => ("invoice", "INV"),
        (false, true) => ("credit_note", "CN"),
        (false, false) => ("debit_note", "CN"),
    };
    let reason = if facts.is_cancellation { "cancelled" } else { "sivt" };
    let original = match is_invoice {
        true => "null".to_owned(),
        false => format!(
            "{{\"series\":\"INV\",\"number\":1,\"period\":\"2026-03\",\"issued_on\":\"2026-04-01\",\"reason\":\"{reason}\"}}"
        ),
    };
    let moved = facts.moved.iter().map(|(hour, tally)| format!("{{\"hour\":\"{hour}\",\"counts\":{}}}", counts(tally)));
    let moved: Vec<String> = moved.collect();
    let Facts { number, terms, basis, period: (from, to), .. } = facts;
    let advertiser = crate::made_up::rows::advertiser(0);
    let of_terms = Hash::of(format!("{terms}\n").as_bytes());
    let of_seller = Hash::of(PARTY.as_bytes());
    let text = format!(
        "{{\"format\":\"clicktrail invoice 1\",\"kind\":\"{kind}\",\"series\":\"{series}\",\"number\":{number},\
         \"issued_on\":\"2026-04-01\",\"due_on\":\"2026-05-01\",\"content\":{{\"advertiser_id\":\"{advertiser}\",\
         \"original\":{original},\"period\":{{\"name\":\"2026-03\",\"zone\":\"UTC\",\"from\":\"{from}\",\"to\":\"{to}\",\
         \"tzdb\":\"2025b\"}},\"seller\":{PARTY},\"terms\":{terms},\"bill\":{bill},\"hours\":[{}]}},\"pins\":{{\"basis\":\
         \"{basis}\",\"terms_version\":1,\"terms\":\"{of_terms}\",\"seller\":\"{of_seller}\",\"rounding\":\
         \"half_away_from_zero_per_line\",\"template\":null,\"renderer\":null}}}}\n",
        moved.join(",")
    );
    text.into_bytes()
}
