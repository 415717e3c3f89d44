//! Terms, sellers, documents, amounts and periods, damaged: each is read or refused with its place, and what is read is
//! written as the same text.

use std::{fs, path::Path};

use clicktrail_damage::{Random, Trial, json, test};

use crate::{Currency, Document, Draft, PeriodName, Seller, Terms};

const TERMS: &str = include_str!("../../../examples/accounts/acme.toml");
const OTHER_TERMS: &str = include_str!("../../../examples/accounts/globex.toml");
const SELLER: &str = include_str!("../../../examples/accounts/seller.toml");

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)).unwrap()
}

#[test]
fn terms_or_seller_of_any_toml_are_read_or_refused_with_file_and_line() {
    let trial = Trial::of(test!(terms_or_seller_of_any_toml_are_read_or_refused_with_file_and_line));
    trial.examples([TERMS, OTHER_TERMS, SELLER]).words(&["[[caps]]\n", "amount = \"", "valid_from = ", "[tax]\n"]).run(
        |bytes| {
            let text = &*String::from_utf8_lossy(bytes);
            match Terms::from_toml(text, "acme.toml") {
                Ok(terms) => assert_eq!(Terms::from_canonical(&terms.canonical()).unwrap(), terms),
                Err(error) => assert!(error.to_string().contains("acme.toml"), "{error}"),
            }
            match Seller::from_toml(text, "seller.toml") {
                Ok(seller) => assert_eq!(Seller::from_canonical(&seller.canonical()).unwrap(), seller),
                Err(error) => assert!(error.to_string().contains("seller.toml"), "{error}"),
            }
        },
    );
}

/// Reads a canonical text as each kind.
fn read(bytes: &[u8]) {
    match Document::from_canonical(bytes) {
        Ok(document) => assert_eq!(document.canonical(), bytes),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Ok(draft) = Draft::from_canonical(bytes) {
        assert_eq!(draft.canonical(), bytes);
    }
    let text = &*String::from_utf8_lossy(bytes);
    if let Ok(terms) = Terms::from_canonical(text) {
        assert_eq!(terms.canonical(), text);
    }
    if let Ok(seller) = Seller::from_canonical(text) {
        assert_eq!(seller.canonical(), text);
    }
}

fn canonical() -> Vec<Vec<u8>> {
    let terms = Terms::from_toml(TERMS, "acme.toml").unwrap().canonical();
    let seller = Seller::from_toml(SELLER, "seller.toml").unwrap().canonical();
    vec![fixture("invoice-1.json"), fixture("credit-note-1.json"), terms.into_bytes(), seller.into_bytes()]
}

#[test]
fn canonical_text_of_any_bytes_is_read_or_refused() {
    Trial::of(test!(canonical_text_of_any_bytes_is_read_or_refused)).examples(canonical()).run(read);
}

#[test]
fn canonical_text_that_says_anything_is_read_or_refused() {
    let texts = canonical();
    let draw = |random: &mut Random| {
        let text = random.of(&texts).clone();
        let before: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let mut after = before.clone();
        json::change(random, &mut after);
        // In place, because fields have an order that a value does not keep.
        let mut text = String::from_utf8(text).unwrap();
        replace(&before, &after, &mut text);
        text.into_bytes()
    };
    Trial::of(test!(canonical_text_that_says_anything_is_read_or_refused)).run_drawn(draw, read);
}

/// Writes the one leaf that differs over the first place of the text that has its old value.
fn replace(before: &serde_json::Value, after: &serde_json::Value, text: &mut String) {
    use serde_json::Value::{Array, Bool, Null, Number, Object, String as Text};
    match (before, after) {
        (Object(before), Object(after)) => {
            for (name, value) in before {
                if let Some(other) = after.get(name) {
                    replace(value, other, text);
                }
            }
        }
        (Array(before), Array(after)) => before.iter().zip(after).for_each(|(one, other)| replace(one, other, text)),
        (Null | Bool(_) | Number(_) | Text(_) | Array(_) | Object(_), _) => {
            if before != after {
                *text = text.replacen(&before.to_string(), &after.to_string(), 1);
            }
        }
    }
}

#[test]
fn amount_currency_or_period_of_any_text_is_read_as_what_it_shows() {
    let trial = Trial::of(test!(amount_currency_or_period_of_any_text_is_read_as_what_it_shows));
    let examples =
        ["2026-03", "2026-W10", "2026-03-15", "2026-W10-3", "2026-03+90m", "2026-03-61m", "EUR", "JPY", "1234.50"];
    trial.examples(examples).words(&["9999-12", "0001-01", "9999-W53", "+9223372036854775807m"]).run(|bytes| {
        let text = &*String::from_utf8_lossy(bytes);
        if let Ok(period) = text.parse::<PeriodName>() {
            assert_eq!(period.to_string(), text);
            let _ = (period.first_day(), period.last_day(), period.day_behind(), period.next(), period.previous());
        }
        if let Ok(currency) = text.parse::<Currency>() {
            assert_eq!(currency.code(), text);
        }
        for code in ["EUR", "JPY", "KWD", "UYW"] {
            let currency = Currency::parse(code).unwrap();
            if let Ok(minor) = currency.amount(text) {
                let shown = crate::money::show(currency, minor);
                assert_eq!(currency.amount(&shown).unwrap(), minor, "{text} is shown as {shown}");
            }
        }
    });
}
