use clicktrail_log::ad::Ad;

use super::*;
use crate::parse;

const NOW: &str = "2026-11-22T14:00:00Z";

fn ads() -> Ads {
    let ad = |ad_id: &str, price_micros, currency: &str| Ad {
        ad_id: ad_id.into(),
        advertiser_id: "adv".into(),
        campaign_id: "camp".into(),
        target_url: "https://shop.example/".into(),
        price_micros,
        currency: currency.into(),
    };
    [ad("known", 250_000, "EUR")].into_iter().collect()
}

/// The draft with an id, as a door gives one.
fn named(mut draft: Draft<'_>) -> Draft<'_> {
    draft.event_id.get_or_insert(Cow::Borrowed("given"));
    draft
}

/// The event as `advertiser/campaign price currency`, or the code and sentence of its rejection.
fn outcome_with(text: &str, limits: &Limits) -> Result<String, (&'static str, String)> {
    let ads = ads();
    let context = Context { captured_at: Timestamp::parse_rfc3339(NOW).unwrap(), ads: &ads, limits };
    let read = parse::draft(text.as_bytes()).and_then(|draft| event(named(draft), &context));
    let show = |event: Event<'_>| {
        format!("{}/{} {} {}", event.advertiser_id, event.campaign_id, event.price_micros, event.currency)
    };
    read.map(show).map_err(|reason| (reason.code(), reason.to_string()))
}

#[track_caller]
fn check(text: &str, expected: Result<&str, (&'static str, &str)>) {
    let outcome = outcome_with(text, &Limits::default());
    assert_eq!(
        outcome.as_ref().map(String::as_str).map_err(|(code, sentence)| (*code, sentence.as_str())),
        expected,
        "{text}"
    );
}

#[track_caller]
fn check_code(member: &str, expected: Result<(), &str>) {
    let text = format!(r#"{{"kind":"conversion","ad_id":"known",{member}}}"#);
    assert_eq!(outcome_with(&text, &Limits::default()).map(drop).map_err(|(code, _)| code), expected, "{text}");
}

fn event_of(text: &str) -> Event<'static> {
    let ads = Box::leak(Box::new(ads()));
    let limits = Box::leak(Box::default());
    let context = Context { captured_at: Timestamp::parse_rfc3339(NOW).unwrap(), ads, limits };
    event(named(parse::draft(text.to_owned().leak().as_bytes()).unwrap()), &context).unwrap()
}

#[test]
fn registry_fills_what_the_event_leaves_out() {
    check(r#"{"kind":"click","ad_id":"known"}"#, Ok("adv/camp 250000 EUR"));
    check(r#"{"kind":"click","ad_id":"known","advertiser_id":"adv"}"#, Ok("adv/camp 250000 EUR"));
    check(r#"{"kind":"click","ad_id":"known","price":"1.5"}"#, Ok("adv/camp 1500000 EUR"));
    check(r#"{"kind":"click","ad_id":"known","price":0}"#, Ok("adv/camp 0 EUR"));
    check(r#"{"kind":"click","ad_id":"known","price":2,"currency":"USD"}"#, Ok("adv/camp 2000000 USD"));
    check(r#"{"kind":"impression","ad_id":"known"}"#, Ok("adv/camp 0 EUR"));
    check(r#"{"kind":"probe","ad_id":"known"}"#, Ok("adv/camp 0 EUR"));
    check(r#"{"kind":"conversion","ad_id":"known","currency":"USD","value":3}"#, Ok("adv/camp 0 USD"));
}

#[test]
fn complete_event_needs_no_registry() {
    let whole = r#""advertiser_id":"x","campaign_id":"y","currency":"USD""#;
    check(&format!(r#"{{"kind":"click","ad_id":"new",{whole},"price_micros":5}}"#), Ok("x/y 5 USD"));
    check(&format!(r#"{{"kind":"impression","ad_id":"new",{whole}}}"#), Ok("x/y 0 USD"));
    check(&format!(r#"{{"kind":"click","ad_id":"known",{whole},"price_micros":5}}"#), Ok("x/y 5 USD"));
    let missing_price = Err(("missing_field", "field `price_micros` is missing"));
    check(&format!(r#"{{"kind":"click","ad_id":"new",{whole}}}"#), missing_price);
    let missing_currency = Err(("missing_field", "field `currency` is missing"));
    check(r#"{"kind":"impression","ad_id":"new","advertiser_id":"x","campaign_id":"y"}"#, missing_currency);
}

#[test]
fn registry_never_mixes_two_owners_or_currencies() {
    check(r#"{"kind":"click","ad_id":"new"}"#, Err(("unknown_ad", "ad `new` is not registered")));
    check(r#"{"kind":"click","ad_id":"new","advertiser_id":"x"}"#, Err(("unknown_ad", "ad `new` is not registered")));
    let other_advertiser = Err(("ad_mismatch", "ad `known` belongs to another advertiser than the event says"));
    check(r#"{"kind":"click","ad_id":"known","advertiser_id":"x"}"#, other_advertiser);
    let other_campaign = Err(("ad_mismatch", "ad `known` belongs to another campaign than the event says"));
    check(r#"{"kind":"click","ad_id":"known","campaign_id":"x"}"#, other_campaign);
    let other_currency =
        Err(("currency_mismatch", "the event gives currency USD but no price, and the ad is priced in EUR"));
    check(r#"{"kind":"click","ad_id":"known","currency":"USD"}"#, other_currency);
}

#[test]
fn missing_fields_are_named() {
    check(r#"{"ad_id":"known"}"#, Err(("missing_field", "field `kind` is missing")));
    check(r#"{"kind":"click"}"#, Err(("missing_field", "field `ad_id` is missing")));
    check(r#"{"kind":"click","ad_id":""}"#, Err(("invalid_id", "field `ad_id` is empty")));
}

#[test]
fn ids_are_short_and_free_of_control_characters() {
    let long = |character: &str, count| format!(r#""user_id":"{}""#, character.repeat(count));
    check_code(&long("x", 128), Ok(()));
    check_code(&long("x", 129), Err("too_long"));
    check_code(&long("é", 128), Ok(()));
    check_code(&long("é", 129), Err("too_long"));
    for field in ["event_id", "publisher_id", "placement_id", "user_id", "session_id", "click_event_id"] {
        check_code(&format!(r#""{field}":"""#), Err("invalid_id"));
        check_code(&format!(r#""{field}":"a\nb""#), Err("invalid_id"));
        check_code(&format!(r#""{field}":"a\u007fb""#), Err("invalid_id"));
        check_code(&format!(r#""{field}":"a\u0085b""#), Err("invalid_id"));
        check_code(&format!(r#""{field}":"a\u0000b""#), Err("nul_character"));
        check_code(&format!(r#""{field}":"ключ 1""#), Ok(()));
    }
}

#[test]
fn texts_have_limits_and_no_nul() {
    for (field, max) in [("user_agent", 4096), ("page_url", 8192), ("city", 128)] {
        check_code(&format!(r#""{field}":"{}""#, "x".repeat(max)), Ok(()));
        check_code(&format!(r#""{field}":"{}""#, "x".repeat(max + 1)), Err("too_long"));
        check_code(&format!(r#""{field}":"a\u0000""#), Err("nul_character"));
        check_code(&format!(r#""{field}":"a\tb""#), Ok(()));
    }
    check_code(&format!(r#""new":"{}""#, "x".repeat(16_384)), Err("too_long"));
    assert_eq!(event_of(r#"{"kind":"click","ad_id":"known","city":"","user_agent":"","ip":""}"#).city, None);
}

#[test]
fn no_limit_lets_an_event_outgrow_a_frame() {
    let limits = Limits { extra_bytes_max: usize::MAX, ..Limits::default() };
    let with_extra = |bytes| format!(r#"{{"kind":"click","ad_id":"known","new":"{}"}}"#, "x".repeat(bytes));
    assert!(outcome_with(&with_extra(500 << 10), &limits).is_ok());
    assert_eq!(outcome_with(&with_extra(512 << 10), &limits).unwrap_err().0, "event_too_large");
}

#[test]
fn event_time_is_bounded_around_the_captured_time() {
    let time = |text: &str| format!(r#""event_time":"{text}""#);
    check_code(&time("2026-11-22T14:01:00Z"), Ok(()));
    check_code(&time("2026-11-22T14:01:00.000001Z"), Err("time_in_future"));
    check_code(&time("9999-12-31T23:59:59Z"), Err("time_in_future"));
    check_code(&time("2026-11-21T14:00:00Z"), Ok(()));
    check_code(&time("2026-11-21T13:59:59.999999Z"), Err("time_too_old"));
    check_code(&time("0001-01-01T00:00:00Z"), Err("time_too_old"));
    let unbounded = Limits { future_max: None, age_max: None, ..Limits::default() };
    for text in ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"] {
        let text = format!(r#"{{"kind":"click","ad_id":"known",{}}}"#, time(text));
        assert!(outcome_with(&text, &unbounded).is_ok(), "{text}");
    }
}

#[test]
fn missing_time_comes_from_the_capture_and_an_id_from_the_door() {
    let event = event_of(r#"{"kind":"click","ad_id":"known"}"#);
    assert_eq!((event.event_time, &*event.event_id), (event.captured_at, "given"));
    let (ads, limits) = (ads(), Limits::default());
    let context = Context { captured_at: event.captured_at, ads: &ads, limits: &limits };
    let draft = parse::draft(br#"{"kind":"click","ad_id":"known"}"#).unwrap();
    assert_eq!(super::event(draft, &context).unwrap_err(), Reason::MissingField("event_id"));
}

#[test]
fn money_and_currency_are_checked() {
    check_code(r#""value_micros":-1"#, Err("invalid_amount"));
    check_code(r#""price_micros":-1"#, Err("invalid_amount"));
    check_code(r#""value_micros":0"#, Ok(()));
    for (code, expected) in [
        ("USD", Ok(())),
        ("usd", Err("invalid_currency")),
        ("", Err("invalid_currency")),
        ("XXX", Err("invalid_currency")),
        ("DEM", Err("invalid_currency")),
    ] {
        check_code(&format!(r#""currency":"{code}""#), expected);
    }
}

#[test]
fn conversion_fields_belong_to_conversions() {
    check_code(r#""click_event_id":"c","value":1"#, Ok(()));
    let error = Err(("field_not_for_kind", "field `value_micros` is for conversions only"));
    check(r#"{"kind":"click","ad_id":"known","value":1}"#, error);
    let error = Err(("field_not_for_kind", "field `click_event_id` is for conversions only"));
    check(r#"{"kind":"impression","ad_id":"known","click_event_id":"c"}"#, error);
}

#[test]
fn address_is_stored_in_canonical_text() {
    for (given, stored) in [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::1", "::1"),
    ] {
        let event = event_of(&format!(r#"{{"kind":"click","ad_id":"known","ip":"{given}"}}"#));
        assert_eq!(event.ip.as_deref(), Some(stored), "{given}");
    }
    for given in ["192.0.2", "192.0.2.256", "192.0.02.1", "localhost", "fe80::1%eth0", "192.0.2.1:80", " 192.0.2.1"] {
        check_code(&format!(r#""ip":"{given}""#), Err("invalid_ip"));
    }
}
