//! Notes: an invoice and all of its notes are the bill of the truth (I10).

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::{
    bill::{Adjustment, Bill, Line, TaxLine, bill},
    document::Kind,
    money::{BasisPoints, Currency},
    terms::{Discount, Minimum, Tax, TaxCategory, Terms},
    testing::{self, clicks, plain, usage},
    usage::Counts,
};

type Sums =
    (BTreeMap<String, (Counts, i128)>, BTreeMap<String, i128>, BTreeMap<String, (i128, i128)>, (i128, i128, i128));

/// Every line, adjustment, tax and sum of bills, added up by a key; zeros left out.
fn sums<'b>(bills: impl IntoIterator<Item = &'b Bill>) -> Sums {
    let mut sums: Sums = Default::default();
    for bill in bills {
        for line in &bill.lines {
            let Line { campaign_id, kind, counts, amount, price: _ } = line;
            let sum = sums.0.entry(format!("{campaign_id} {kind}")).or_default();
            *sum = (sum.0.plus(counts).unwrap(), sum.1 + amount);
        }
        for adjustment in &bill.adjustments {
            let Adjustment { kind, campaign_id, rate, amount } = adjustment;
            *sums.1.entry(format!("{kind} {campaign_id:?} {rate:?}")).or_default() += amount;
        }
        for tax in &bill.tax {
            let TaxLine { category, rate, base, amount, exemption_reason } = tax;
            let sum = sums.2.entry(format!("{category} {rate} {exemption_reason:?}")).or_default();
            *sum = (sum.0 + base, sum.1 + amount);
        }
        let sum = sums.3;
        sums.3 = (sum.0 + bill.subtotal, sum.1 + bill.total, sum.2 + bill.rounding_micros);
    }
    sums.0.retain(|_, (counts, amount)| !counts.is_zero() || *amount != 0);
    sums.1.retain(|_, amount| *amount != 0);
    sums
}

proptest! {
    #[test]
    fn invoice_and_notes_are_the_truth_after_any_corrections(
        first in testing::usages(),
        corrections in prop::collection::vec(testing::usages(), 1..5),
        terms in testing::terms(),
    ) {
        let whole = |usage| bill(usage, &terms, terms.currency).unwrap();
        let mut issued = vec![whole(&first)];
        for correct in &corrections {
            let truth = whole(correct);
            let note = truth.minus(&issued).unwrap();
            note.check().unwrap();
            issued.push(note);
            prop_assert_eq!(sums(&issued), sums([&truth]));
            prop_assert!(truth.minus(&issued).unwrap().is_nothing(), "what was corrected needs no other note");
            prop_assert_eq!(&issued[0].with(&issued[1..]).unwrap(), &truth.minus(&[]).unwrap());
        }
        // Cancelled: everything is taken back, and nothing is left.
        let nothing = issued[0].minus(&issued[..1]).unwrap();
        let cancelling = nothing.minus(&issued).unwrap();
        issued.push(cancelling);
        let (lines, adjustments, taxes, total) = sums(&issued);
        prop_assert!(lines.is_empty() && adjustments.is_empty() && total == (0, 0, 0));
        prop_assert!(taxes.values().all(|tax| *tax == (0, 0)));
    }

    /// A note never takes back more of a line than was billed, so what is left of it is never below zero.
    #[test]
    fn what_is_left_of_a_line_is_never_negative(
        first in testing::usages(), correct in testing::usages(), terms in testing::terms(),
    ) {
        let whole = |usage| bill(usage, &terms, terms.currency).unwrap();
        let issued = whole(&first);
        let note = whole(&correct).minus(std::slice::from_ref(&issued)).unwrap();
        let left = issued.with(&[note]).unwrap();
        prop_assert!(left.lines.iter().all(|line| line.amount >= 0 && line.counts.gross >= 0));
        prop_assert!(left.subtotal >= 0 && left.total >= 0);
        let minimum = terms.minimums.iter().find(|minimum| minimum.campaign.is_none());
        prop_assert!(minimum.is_none_or(|minimum| left.subtotal >= minimum.amount), "no note misses a minimum");
    }
}

fn standard(points: u32) -> Tax {
    Tax { category: TaxCategory::Standard, rate: BasisPoints::new(points).unwrap(), exemption_reason: None }
}

#[test]
fn fraud_found_later_takes_back_its_clicks_and_their_tax() {
    let terms = Terms { tax: standard(1900), ..plain("EUR") };
    let issued =
        bill(&usage(&[("a", clicks(10, 5_000_000)), ("b", clicks(1, 500_000))]), &terms, terms.currency).unwrap();
    let found = Counts { gross: 10, sivt: 4, billable: 6, spend_micros: 3_000_000, ..Counts::default() };
    let correct = bill(&usage(&[("a", found), ("b", clicks(1, 500_000))]), &terms, terms.currency).unwrap();
    let note = correct.minus(&[issued]).unwrap();
    assert_eq!(note.lines.len(), 1, "what did not change is not in it");
    let line = &note.lines[0];
    assert_eq!((line.counts.gross, line.counts.sivt, line.counts.billable, line.amount), (0, 4, -4, -200));
    assert_eq!((line.price.to_string().as_str(), line.price.is_exact), ("0.500000", true));
    assert_eq!((note.subtotal, note.tax[0].amount, note.total), (-200, -38, -238));
    assert_eq!(Kind::of_note(&note), Kind::CreditNote);
}

#[test]
fn note_of_a_bill_below_its_minimum_moves_clicks_and_no_money() {
    let terms = Terms { minimums: vec![Minimum { campaign: None, amount: 10_000 }], ..plain("EUR") };
    let whole = |counts| bill(&usage(&[("a", counts)]), &terms, terms.currency).unwrap();
    let issued = whole(clicks(10, 50_000_000));
    let found = Counts { gross: 10, givt: 2, billable: 8, spend_micros: 40_000_000, ..Counts::default() };
    let note = whole(found).minus(&[issued]).unwrap();
    assert_eq!((note.lines[0].amount, note.adjustments[0].amount, note.total), (-1_000, 1_000, 0));
    assert!(!note.is_nothing() && note.moves_money(), "the line and the minimum changed, the total did not");
    assert_eq!(Kind::of_note(&note), Kind::DebitNote);
}

#[test]
fn note_takes_a_discount_of_the_corrected_whole() {
    let discounts = vec![Discount { campaign: None, rate: BasisPoints::new(3333).unwrap() }];
    let terms = Terms { discounts, ..plain("EUR") };
    let whole = |spend| bill(&usage(&[("a", clicks(1, spend))]), &terms, terms.currency).unwrap();
    // 33.33 % of 0.01 is nothing, of 0.02 one cent: the difference is a cent that no share of the difference gives.
    let note = whole(20_000).minus(&[whole(10_000)]).unwrap();
    assert_eq!((note.lines[0].amount, note.adjustments[0].amount, note.total), (1, -1, 0));
}

#[test]
fn note_in_another_currency_is_refused() {
    let (euros, dollars) = (plain("EUR"), Currency::parse("USD").unwrap());
    let one = usage(&[("a", clicks(1, 1_000_000))]);
    let error = bill(&one, &euros, euros.currency).unwrap().minus(&[bill(&one, &euros, dollars).unwrap()]).unwrap_err();
    assert!(error.to_string().contains("USD") && error.to_string().contains("EUR"), "{error}");
}
