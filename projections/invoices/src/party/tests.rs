use super::*;

fn party() -> Party {
    let address = Address {
        lines: vec!["1 Main St".to_owned()],
        city: "Springfield".to_owned(),
        postcode: "12345".to_owned(),
        country: "US".to_owned(),
    };
    Party { name: "Acme".to_owned(), address, ..Party::default() }
}

#[track_caller]
fn refused(change: impl Fn(&mut Party), says: &str) {
    let mut changed = party();
    change(&mut changed);
    let error = changed.check().unwrap_err().to_string();
    assert!(error.contains(says), "{error}");
}

#[test]
fn names_of_every_script_are_taken() {
    for name in [
        "Müller & Söhne \"GmbH\" <b>",
        "株式会社アクメ",
        "شركة أكمي",
        "אקמי בע״מ",
        "Ακμή Α.Ε.",
        "अक्मे",
        "🦀 Ltd",
        "O’Brien‑Ltd",
    ] {
        party().check().unwrap();
        let named = Party { name: name.to_owned(), ..party() };
        named.check().unwrap();
    }
}

#[test]
fn text_that_an_invoice_cannot_hold_is_refused_with_its_field() {
    for (text, code) in [
        ("A\0B", "U+0000"),
        ("A\nB", "U+000A"),
        ("\u{1b}[31mA", "U+001B"),
        ("A\u{85}", "U+0085"),
        ("\u{fffe}", "U+FFFE"),
        ("evil \u{202e}txt", "U+202E"),
    ] {
        refused(|party| party.name = text.to_owned(), &format!("name: holds the control character {code}"));
        refused(|party| party.address.lines.push(text.to_owned()), "address.lines: holds");
        refused(|party| party.tax_id = Some(text.to_owned()), "tax_id: holds");
    }
    refused(|party| party.name = "ä".repeat(257), "name: has 514 bytes, and at most 512");
    refused(|party| party.address.lines = vec![String::new(); 7], "more than 6 lines");
    refused(|party| party.tax_id = Some(" ".to_owned()), "tax_id: is empty: leave it out");
    refused(|party| party.email = Some("nobody".to_owned()), "email: is no address");
}

#[test]
fn country_is_one_of_iso_3166() {
    for country in ["DE", "US", "GR", "XI", "1A", ""] {
        let mut at = party();
        at.address.country = country.to_owned();
        at.check().unwrap();
    }
    for country in ["D", "DEU", "de", "EL", "UK", "ZZ", "Germany"] {
        refused(|party| party.address.country = country.to_owned(), "address.country");
    }
}

#[test]
fn account_with_a_wrong_digit_is_refused() {
    for iban in
        ["DE89370400440532013000", "GB82WEST12345698765432", "NO9386011117947", "MT84MALT011000012345MTLCAST001S"]
    {
        let with = Party { iban: Some(iban.to_owned()), ..party() };
        with.check().unwrap();
    }
    for iban in ["DE89370400440532013001", "DE98370400440532013000", "DE89370400440532010300"] {
        refused(|party| party.iban = Some(iban.to_owned()), "iban: its check digits");
    }
    for iban in ["", "DE89", "DE89 3704 0044 0532 0130 00", "de89370400440532013000", "8989370400440532013000"] {
        refused(|party| party.iban = Some(iban.to_owned()), "iban: must be");
    }
    for bic in ["COBADEFF", "COBADEFFXXX"] {
        let with = Party { bic: Some(bic.to_owned()), ..party() };
        with.check().unwrap();
    }
    for bic in ["", "COBADE", "cobadeff", "COBADEFFXX", "COBADEF "] {
        refused(|party| party.bic = Some(bic.to_owned()), "bic: ");
    }
}
