use proptest::prelude::*;

use super::*;
use crate::{
    money::BasisPoints,
    party::Party,
    seller::Seller,
    testing::{self, ACME, GLOBEX, SELLER},
};

#[test]
fn examples_are_complete_and_come_back_from_their_canonical_text() {
    let seller = Seller::from_toml(SELLER, "seller.toml").unwrap();
    assert_eq!(Seller::from_canonical(&seller.canonical()).unwrap(), seller);
    for (text, file) in [(ACME, "acme.toml"), (GLOBEX, "globex.toml")] {
        let terms = Terms::from_toml(text, file).unwrap();
        assert_eq!(terms.missing_with(&seller), Vec::<String>::new(), "{file}");
        assert_eq!(Terms::from_canonical(&terms.canonical()).unwrap(), terms, "{file}");
    }
    let acme = Terms::from_toml(ACME, "acme.toml").unwrap();
    assert_eq!((acme.discounts.len(), acme.caps[0].amount, acme.minimums[0].amount), (2, 500_000, 10_000));
    assert_eq!(seller.party.iban.as_deref(), Some("DE89370400440532013000"));
}

#[test]
fn canonical_text_of_terms_is_frozen() {
    let terms = Terms::from_toml(GLOBEX, "globex.toml").unwrap();
    assert_eq!(
        terms.canonical(),
        "{\"format\":\"clicktrail terms 1\",\"advertiser_id\":\"globex\",\"valid_from\":\"2026-01-01\",\
         \"customer\":{\"name\":\"Globex Publicidad S.L.\",\"address\":{\"lines\":[\"Calle de Alcalá 45\",\
         \"3.º izquierda\"],\"city\":\"Madrid\",\"postcode\":\"28014\",\"country\":\"ES\"},\
         \"tax_id\":\"ESB12345678\",\"registration\":null,\"email\":null,\"iban\":null,\"bic\":null},\
         \"currency\":\"EUR\",\"decimals\":2,\"zone\":\"Europe/Madrid\",\"cycle\":\"month\",\"series\":\"INV\",\
         \"note_series\":\"CN\",\"payment_days\":14,\"tax\":{\"category\":\"AE\",\"rate_basis_points\":0,\
         \"exemption_reason\":\"Inversión del sujeto pasivo\"},\"language\":\"es\",\"discounts\":[],\"minimums\":[],\
         \"caps\":[],\"reference\":null}\n"
    );
}

#[test]
fn what_an_invoice_lacks_is_said_by_name() {
    let mut terms = Terms::from_toml(GLOBEX, "globex.toml").unwrap();
    let mut seller = Seller::from_toml(SELLER, "seller.toml").unwrap();
    terms.customer = Party { name: "Globex".to_owned(), ..Party::default() };
    terms.tax.exemption_reason = None;
    seller.party.tax_id = None;
    assert_eq!(
        terms.missing_with(&seller),
        [
            "customer.address.country",
            "customer.tax_id (tax category AE needs it)",
            "tax.exemption_reason (tax category AE needs it)",
            "seller.tax_id (tax category AE needs it)",
        ]
    );
    (seller.party.registration, terms.tax.category) = (None, TaxCategory::OutOfScope);
    let missing = terms.missing_with(&seller);
    assert_eq!(missing.len(), 3, "{missing:?}");
    assert!(missing[2].starts_with("seller.tax_id or seller.registration"), "{missing:?}");
}

/// Replaces a part of the example and demands an error at this line that says all of this.
#[track_caller]
fn refused(part: &str, by: &str, line: usize, says: &[&str]) {
    assert_eq!(ACME.matches(part).count(), 1, "{part} is in the example once");
    let error = Terms::from_toml(&ACME.replace(part, by), "acme.toml").unwrap_err().to_string();
    let begin = format!("acme.toml:{line}: ");
    assert!(error.starts_with(&begin) && says.iter().all(|part| error.contains(part)), "{error}");
}

fn line_of(part: &str) -> usize {
    ACME.split(part).next().unwrap().matches('\n').count() + 1
}

#[track_caller]
fn refused_there(part: &str, by: &str, says: &[&str]) {
    refused(part, by, line_of(part), says);
}

#[test]
fn wrong_field_is_refused_with_file_line_and_name() {
    refused_there("currency = \"EUR\"", "currency = \"eur\"", &["currency: ", "\"eur\"", "ISO 4217"]);
    refused_there("currency = \"EUR\"", "currency = \"XAU\"", &["currency: ", "no minor unit"]);
    refused_there("currency = \"EUR\"", "currency = 978", &["currency: must be a text", "integer"]);
    refused_there("\"Europe/Berlin\"", "\"+01:00\"", &["zone: ", "IANA"]);
    refused_there("\"month\"", "\"year\"", &["cycle: ", "use month, week"]);
    refused_there("series = \"INV\"\nnote", "series = \"INV/2\"\nnote", &["series: \"INV/2\"", "ASCII"]);
    refused_there("note_series = \"CN\"", "note_series = \"\"", &["note_series: ", "1 to 16"]);
    refused_there("payment_days = 30", "payment_days = -1", &["payment_days: is -1", "0 to 3660"]);
    refused_there("payment_days = 30", "payment_days = 70000", &["payment_days", "3660"]);
    refused_there("language = \"de\"", "language = \"it\"", &["language: \"it\"", "en, de, fr, es"]);
    refused_there("valid_from = 2026-01-01", "valid_from = 2026-02-30", &[]);
    refused_there("valid_from = 2026-01-01", "valid_from = \"2026-1-1\"", &["valid_from: ", "2026-01-01"]);
    refused_there("valid_from = 2026-01-01", "valid_from = 2026-01-01T00:00:00Z", &["valid_from: "]);
    refused_there("country = \"DE\"", "country = \"Germany\"", &["customer.address.country: \"Germany\""]);
    refused_there("category = \"S\"", "category = \"s\"", &["tax.category: ", "AE"]);
    refused_there("rate_basis_points = 1900", "rate_basis_points = 19.0", &["tax.rate_basis_points: must be", "float"]);
    refused_there("rate_basis_points = 1900", "rate_basis_points = 10001", &["tax.rate_basis_points: is 10001"]);
    refused_there("rate_basis_points = 1900", "rate_basis_points = 0", &["tax.rate_basis_points: category S"]);
    refused_there("amount = \"5000.00\"", "amount = 5000.0", &["caps[0].amount: must be an amount in quotes", "float"]);
    refused_there("amount = \"5000.00\"", "amount = \"5000.001\"", &["caps[0].amount: ", "2 decimals"]);
    refused_there("amount = \"5000.00\"", "amount = -1", &["caps[0].amount: "]);
    refused_there("amount = \"100.00\"", "amount = 0", &["minimums[0].amount: "]);
    refused_there("reference = \"PO-4711\"", "refrence = \"PO-4711\"", &["refrence: is no field here", "reference"]);
    refused_there("reference = \"PO-4711\"", "reference = \"a\\u0007b\"", &["reference: ", "U+0007"]);
    refused_there("postcode = \"10969\"", "postcode = 10969", &["customer.address.postcode: must be a text"]);
    refused("advertiser_id = \"acme\"", "", 1, &["advertiser_id: is missing"]);
    refused("name = \"Acme Werbung GmbH\"\n", "", line_of("[customer]"), &["customer.name: is missing"]);
    refused("[tax]", "[taxes]", 1, &["tax: is missing"]);
}

#[test]
fn entries_that_contradict_each_other_are_refused() {
    let account_cap = "[[caps]]\namount = 99\n\n[[caps]]\ncampaign = \"brand\"";
    refused(
        "[[caps]]\ncampaign = \"brand\"",
        account_cap,
        line_of("[[minimums]]") + 4,
        &["minimums[0].amount: 100.00 EUR is above the cap of 99.00 EUR"],
    );
    let twice = "[[caps]]\ncampaign = \"brand\"\namount = 1\n\n[[caps]]\ncampaign = \"brand\"";
    let error = Terms::from_toml(&ACME.replace("[[caps]]\ncampaign = \"brand\"", twice), "acme.toml").unwrap_err();
    assert!(error.to_string().contains("caps[1].campaign: campaign \"brand\" is twice in caps"), "{error}");
    let both = format!(
        "{ACME}\n[[caps]]\namount = 150\n\n[[minimums]]\ncampaign = \"a\"\namount = 100\n\n[[minimums]]\ncampaign = \
         \"b\"\namount = 51\n"
    );
    let error = Terms::from_toml(&both, "acme.toml").unwrap_err().to_string();
    assert!(error.contains("151.00 EUR together, above the account's cap of 150.00 EUR"), "{error}");
}

#[test]
fn tax_that_its_category_forbids_is_refused() {
    let check = |category, points, reason: Option<&str>| {
        let tax =
            Tax { category, rate: BasisPoints::new(points).unwrap(), exemption_reason: reason.map(str::to_owned) };
        Terms { tax, ..testing::plain("EUR") }.check().is_ok()
    };
    for category in TaxCategory::ALL.iter().copied() {
        let is_standard = category == TaxCategory::Standard;
        assert_eq!(check(category, 1900, None), is_standard, "{category}");
        assert_eq!(check(category, 0, None), !is_standard, "{category}");
        assert_eq!(check(category, 0, Some("why")), category.needs_reason(), "{category}");
    }
}

#[test]
fn canonical_text_that_was_changed_is_refused() {
    let text = Terms::from_toml(ACME, "acme.toml").unwrap().canonical();
    for (part, by, says) in [
        ("terms 1", "terms 2", "\"clicktrail terms 2\" is not known"),
        ("\"amount\":\"100.00\"", "\"amount\":\"100\"", "amount: \"100\" is no amount of EUR with 2 decimals"),
        ("\"amount\":\"100.00\"", "\"amount\":100", "invalid type"),
        ("\"payment_days\":30", "\"payment_days\": 30", "at byte"),
        ("\"payment_days\":30", "\"payment_days\":30.0", "invalid type"),
        ("\"payment_days\":30,", "", "missing field"),
        ("\"language\":\"de\"", "\"language\":\"de\",\"more\":1", "unknown field"),
        ("Lindenstraße", "Lindenstra\\u00dfe", "at byte"),
        ("\"valid_from\":\"2026-01-01\"", "\"valid_from\":\"2026-1-1\"", "in \"valid_from\""),
        ("\"valid_from\":\"2026-01-01\"", "\"valid_from\":\"+10000-01-01\"", "valid_from: +10000-01-01 is not"),
        ("\"zone\":\"Europe/Berlin\"", "\"zone\":\"Europe/Bonn\"", "zone: "),
    ] {
        assert!(text.contains(part), "{part}");
        let error = Terms::from_canonical(&text.replace(part, by)).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    assert!(Terms::from_canonical(text.trim_end()).is_err() && Terms::from_canonical("").is_err());
}

proptest! {
    #[test]
    fn terms_come_back_from_their_canonical_text(terms in testing::terms()) {
        prop_assert_eq!(Terms::from_canonical(&terms.canonical()).unwrap(), terms);
    }

    #[test]
    fn nothing_that_a_person_writes_panics(at in 0..ACME.len(), text in "\\PC{0,12}", cut in 0_usize..40) {
        let begin = (0..=at).rev().find(|at| ACME.is_char_boundary(*at)).unwrap();
        let end = (begin + cut..=ACME.len()).find(|at| ACME.is_char_boundary(*at)).unwrap_or(ACME.len());
        let changed = format!("{}{text}{}", &ACME[..begin], &ACME[end..]);
        if let Err(error) = Terms::from_toml(&changed, "acme.toml") {
            prop_assert!(error.to_string().starts_with("acme.toml:"), "{}", error);
        }
    }
}
