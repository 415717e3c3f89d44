use chrono::NaiveDate;

use super::*;
use crate::{
    bill::bill,
    testing::{clicks, draft, invoice, note, plain, usage},
};

fn date(text: &str) -> NaiveDate {
    crate::period::date(text).unwrap()
}

fn issued() -> Document {
    invoice(&plain("EUR"), &usage(&[("a", clicks(10, 5_000_000))]))
}

#[test]
fn document_is_due_when_its_terms_say() {
    let document = issued();
    assert_eq!((document.issued_on, document.due_on), (date("2026-04-02"), date("2026-05-02")));
    assert_eq!((document.name().as_str(), document.series.as_str()), ("INV-00000012", "INV"));
}

#[test]
fn note_is_credit_or_debit_by_the_sign_of_its_total() {
    let invoice = issued();
    for (billable, kind) in [(9, Kind::CreditNote), (11, Kind::DebitNote)] {
        let correct = usage(&[("a", clicks(billable, i128::from(billable) * 500_000))]);
        let note = note(&invoice, &correct, Reason::Givt);
        assert_eq!((note.draft.kind, note.series.as_str()), (kind, "CN"));
        assert_eq!(note.draft.original.as_ref().unwrap().name(), "INV-00000012");
        let other = if kind == Kind::CreditNote { Kind::DebitNote } else { Kind::CreditNote };
        let error = Draft { kind: other, ..note.draft }.check().unwrap_err().to_string();
        assert!(error.contains(other.as_str()), "{error}");
    }
}

#[track_caller]
fn refused(document: &Document, change: impl Fn(&mut Document), says: &str) {
    let mut changed = document.clone();
    change(&mut changed);
    let error = changed.check().unwrap_err().to_string();
    assert!(error.contains(says), "{error}");
    let again = Document::from_canonical(&changed.canonical()).unwrap_err().to_string();
    assert!(again.contains(says), "{again}");
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let invoice = issued();
    let note = note(&invoice, &usage(&[]), Reason::Cancelled);
    refused(&invoice, |it| it.number = 0, "number: is 0");
    refused(&invoice, |it| it.number = 100_000_000, "number: is 100000000");
    refused(&invoice, |it| it.series = "../x".to_owned(), "series: \"../x\"");
    refused(&invoice, |it| it.due_on = it.issued_on, "which is not 30 days after");
    refused(&invoice, |it| it.draft.advertiser_id = "other".to_owned(), "terms of \"acme\" in a document of \"other\"");
    refused(&invoice, |it| it.draft.pins.terms = it.draft.pins.basis, "not those that it pins");
    refused(&invoice, |it| it.draft.bill.total += 1, "bill.total");
    refused(&invoice, |it| it.draft.bill.subtotal += 1, "bill.subtotal");
    refused(&invoice, |it| it.draft.bill.rounding_micros += 1, "bill.rounding_micros");
    refused(&invoice, |it| it.draft.original = note.draft.original.clone(), "an invoice has no original");
    refused(&invoice, |it| it.draft.hours = note.draft.hours.clone(), "an invoice has no hours");
    refused(&invoice, |it| it.draft.pins.period.to = it.draft.pins.period.from, "no period of whole minutes");
    refused(&note, |it| it.draft.original = None, "a note has no original");
    refused(&note, |it| it.draft.original.as_mut().unwrap().number = 0, "original.number: is 0");
    refused(&note, |it| it.draft.hours.push(it.draft.hours[0].clone()), "out of order");
}

#[test]
fn date_that_no_invoice_can_have_is_refused() {
    let terms = plain("EUR");
    let nothing = bill(&usage(&[]), &terms, terms.currency).unwrap();
    for day in [NaiveDate::MAX, NaiveDate::MIN, date("9999-12-31"), date("1969-12-31")] {
        let error = draft(terms.clone(), nothing.clone()).issued(1, day).unwrap_err().to_string();
        assert!(error.contains("is no date of an invoice"), "{error}");
    }
}
