use proptest::prelude::*;

use crate::{
    document::{Document, Draft, Kind, Reason},
    error::Error,
    terms::Terms,
    testing::{self, ACME, clicks, invoice, note, usage},
    usage::Counts,
};

fn issued() -> Document {
    let fraud =
        Counts { gross: 140, givt: 12, sivt: 5, duplicate: 2, policy: 1, billable: 120, spend_micros: 54_123_456 };
    let usage = usage(&[
        ("brand", clicks(30_000, 6_000_000_000)),
        ("spring", fraud),
        ("= \"x\", \u{1f980}\t", clicks(1, 5_000)),
    ]);
    invoice(&Terms::from_toml(ACME, "acme.toml").unwrap(), &usage)
}

fn credited() -> Document {
    let found =
        Counts { gross: 140, givt: 12, sivt: 45, duplicate: 2, policy: 1, billable: 80, spend_micros: 36_100_000 };
    let usage = usage(&[
        ("brand", clicks(30_000, 6_000_000_000)),
        ("spring", found),
        ("= \"x\", \u{1f980}\t", clicks(1, 5_000)),
    ]);
    note(&issued(), &usage, Reason::Sivt)
}

/// Documents as version 1 wrote them. They are read for ever, and written again to the byte.
const INVOICE: &[u8] = include_bytes!("../../fixtures/invoice-1.json");
const CREDIT_NOTE: &[u8] = include_bytes!("../../fixtures/credit-note-1.json");

#[test]
fn documents_of_version_1_are_read_and_written_again_to_the_byte() {
    for (bytes, kind) in [(INVOICE, Kind::Invoice), (CREDIT_NOTE, Kind::CreditNote)] {
        let document = Document::from_canonical(bytes).unwrap();
        assert_eq!(document.draft.kind, kind);
        assert_eq!(String::from_utf8(document.canonical()).unwrap(), std::str::from_utf8(bytes).unwrap());
    }
    let invoice = Document::from_canonical(INVOICE).unwrap();
    assert_eq!(invoice.name(), "INV-00000012");
}

#[test]
fn documents_of_today_are_those_of_version_1() {
    assert_eq!(String::from_utf8(issued().canonical()).unwrap(), std::str::from_utf8(INVOICE).unwrap());
    assert_eq!(String::from_utf8(credited().canonical()).unwrap(), std::str::from_utf8(CREDIT_NOTE).unwrap());
}

/// Replaces a part of the invoice, and demands a refusal that says this.
#[track_caller]
fn refused(part: &str, by: &str, says: &str) {
    let text = std::str::from_utf8(INVOICE).unwrap();
    assert!(text.contains(part), "{part}");
    let error = Document::from_canonical(text.replacen(part, by, 1).as_bytes()).unwrap_err().to_string();
    assert!(error.contains(says), "{error}");
}

#[test]
fn document_that_was_changed_is_refused_with_its_place() {
    refused("clicktrail invoice 1", "clicktrail invoice 2", "\"clicktrail invoice 2\" is not known here");
    refused("\"number\":12", "\"number\":13 ", "in \"number\"");
    refused("\"number\":12", "\"number\":0", "number: is 0");
    refused("\"number\":12", "\"number\":\"12\"", "invalid type");
    refused("\"gross\":\"140\"", "\"gross\":\"141\"", "neither billable nor invalid (I7)");
    refused("\"gross\":\"140\"", "\"gross\":\"0140\"", "in \"gross\"");
    refused("\"gross\":\"140\"", "\"gross\":140", "invalid type");
    refused("\"net\":\"126\"", "\"net\":\"127\"", "in \"net\"");
    refused("\"price_is_exact\":false", "\"price_is_exact\":true", "in \"price_is_exact\"");
    refused("\"issued_on\":\"2026-04-02\"", "\"issued_on\":\"2026-04-03\"", "which is not 30 days after");
    refused("\"payment_days\":30", "\"payment_days\":31", "not those that it pins");
    refused("2026-02-28T23:00:00.000000Z", "2026-02-28T23:00:00Z", "in \"from\"");
    refused("2026-02-28T23:00:00.000000Z", "2026-02-28T23:00:30.000000Z", "whole minutes");
    refused("Lindenstraße", "Lindenstra\\u00dfe", "in \"lines\"");
    refused("\"kind\":\"invoice\"", "\"kind\":\"credit_note\"", "a note has no original");
    refused("\"hours\":[]", "\"hours\":[],\"hours\":[]", "duplicate field");
    refused("\"template\":", "\"more\":null,\"template\":", "unknown field");
    let text = std::str::from_utf8(INVOICE).unwrap();
    for bytes in
        [text.trim_end(), "", "{}", "null", "[1]", &format!("{text} "), &format!("{text}\n"), &format!(" {text}")]
    {
        assert!(matches!(Document::from_canonical(bytes.as_bytes()), Err(Error::NotCanonical(_))), "{bytes:.20}");
    }
    assert!(Document::from_canonical(b"\xff").is_err());
    assert!(Document::from_canonical("[".repeat(100_000).as_bytes()).is_err(), "however deep");
}

#[test]
fn every_changed_amount_is_refused() {
    let text = std::str::from_utf8(INVOICE).unwrap();
    let mut changed = 0;
    for name in ["amount", "subtotal", "total", "base", "rounding_micros", "spend_micros", "price"] {
        let begin = format!("\"{name}\":\"");
        let bill = text.find("\"bill\":").unwrap();
        for (at, _) in text.match_indices(&begin).filter(|(at, _)| *at > bill) {
            let digit = text[at + begin.len()..].find(|c: char| c.is_ascii_digit()).unwrap() + at + begin.len();
            let other = if &text[digit..=digit] == "7" { "3" } else { "7" };
            let edited = format!("{}{other}{}", &text[..digit], &text[digit + 1..]);
            assert!(Document::from_canonical(edited.as_bytes()).is_err(), "{name} at {at}");
            changed += 1;
        }
    }
    assert!(changed >= 15, "{changed}");
}

#[test]
fn draft_is_another_revision_when_it_says_something_else() {
    let draft = issued().draft;
    let with = |change: &dyn Fn(&mut Draft)| {
        let mut other = draft.clone();
        change(&mut other);
        other.inputs() != draft.inputs()
    };
    let digest = clicktrail_log::frame::Digest::of(b"other");
    assert!(!with(&|draft| draft.pins.basis = digest), "the same counts from other segments");
    assert!(!with(&|draft| draft.pins.template = None) && !with(&|draft| draft.pins.renderer = None));
    assert!(with(&|draft| draft.bill.lines[0].counts.givt += 1));
    assert!(with(&|draft| draft.terms.reference = None));
    assert!(with(&|draft| draft.seller.name.push('x')));
    assert!(with(&|draft| draft.pins.period.to = draft.pins.period.from));
}

proptest! {
    #[test]
    fn drafts_and_documents_come_back_from_their_canonical_text(
        usage in testing::usages(), correct in testing::usages(), terms in testing::terms(),
    ) {
        let invoice = invoice(&terms, &usage);
        let note = note(&invoice, &correct, Reason::LateEvents);
        for document in [invoice, note] {
            let bytes = document.canonical();
            prop_assert_eq!(&Document::from_canonical(&bytes).unwrap(), &document);
            prop_assert_eq!(&Draft::from_canonical(&document.draft.canonical()).unwrap(), &document.draft);
            let text = String::from_utf8(bytes).unwrap();
            let is_one_line = text.ends_with("}\n") && text.lines().count() == 1;
            prop_assert!(is_one_line);
            prop_assert_eq!(numbers(&serde_json::from_str(&text).unwrap()), None, "no float, no number of 64 bits");
        }
    }

    #[test]
    fn no_bytes_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = INVOICE.to_vec();
        let at = at.index(bytes.len());
        let was = std::mem::replace(&mut bytes[at], byte);
        let is_itself = Document::from_canonical(&bytes).is_ok_and(|document| document.canonical() == bytes);
        prop_assert!(was == byte || is_itself || Document::from_canonical(&bytes).is_err());
    }
}

/// A number that a reader might not take as it is.
fn numbers(value: &serde_json::Value) -> Option<serde_json::Number> {
    use serde_json::Value;
    match value {
        Value::Number(number) => {
            Some(number.clone()).filter(|number| number.as_u64().is_none_or(|it| it > u32::MAX.into()))
        }
        Value::Array(items) => items.iter().find_map(numbers),
        Value::Object(fields) => fields.values().find_map(numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => None,
    }
}
