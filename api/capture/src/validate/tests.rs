use clicktrail_log::ad::{Ad, Pause};

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
    check(r#"{"kind":"click","ad_id":"known","price":2,"currency":"EUR"}"#, Ok("adv/camp 2000000 EUR"));
    check(r#"{"kind":"impression","ad_id":"known"}"#, Ok("adv/camp 0 EUR"));
    check(r#"{"kind":"probe","ad_id":"known"}"#, Ok("adv/camp 0 EUR"));
    check(r#"{"kind":"conversion","ad_id":"known","currency":"USD","value":3}"#, Ok("adv/camp 0 USD"));
}

#[test]
fn complete_event_needs_no_registry() {
    let whole = r#""advertiser_id":"x","campaign_id":"y","currency":"USD""#;
    check(&format!(r#"{{"kind":"click","ad_id":"new",{whole},"price_micros":5}}"#), Ok("x/y 5 USD"));
    check(&format!(r#"{{"kind":"impression","ad_id":"new",{whole}}}"#), Ok("x/y 0 USD"));
    let missing_price = Err(("missing_field", "field `price_micros` is missing"));
    check(&format!(r#"{{"kind":"click","ad_id":"new",{whole}}}"#), missing_price);
    let missing_currency = Err(("missing_field", "field `currency` is missing"));
    check(r#"{"kind":"impression","ad_id":"new","advertiser_id":"x","campaign_id":"y"}"#, missing_currency);
}

#[test]
fn registered_ad_is_billed_to_its_own_advertiser_whatever_the_event_names() {
    for kind in ["click", "impression", "conversion", "probe", "prefetch"] {
        let whole = |advertiser: &str, campaign: &str, currency: &str| {
            let text = format!(
                r#"{{"kind":"{kind}","ad_id":"known","advertiser_id":"{advertiser}","campaign_id":"{campaign}",
                    "currency":"{currency}","price_micros":5}}"#
            );
            outcome_with(&text, &Limits::default()).map_err(|(code, _)| code)
        };
        assert_eq!(whole("adv", "camp", "EUR"), Ok("adv/camp 5 EUR".into()), "{kind}");
        assert_eq!(whole("x", "camp", "EUR"), Err("ad_mismatch"), "{kind}");
        assert_eq!(whole("adv", "y", "EUR"), Err("ad_mismatch"), "{kind}");
        assert_eq!(whole("x", "y", "USD"), Err("ad_mismatch"), "{kind}");
        let other_currency = if kind == "click" { Err("currency_mismatch") } else { Ok("adv/camp 5 USD".into()) };
        assert_eq!(whole("adv", "camp", "USD"), other_currency, "{kind}");
    }
}

#[test]
fn click_in_a_pause_of_its_ad_is_rejected_by_its_own_time() {
    let time = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
    let pause =
        |from: &str, until: Option<&str>| Pause { ad_id: "known".into(), from: time(from), until: until.map(time) };
    let pauses = [pause("2026-11-22T10:00:00Z", Some("2026-11-22T11:00:00Z")), pause("2026-11-22T13:00:00Z", None)];
    let ads = Ads::new([ads().get("known").unwrap().clone()], pauses);
    let limits = Limits::default();
    let context = Context { captured_at: time(NOW), ads: &ads, limits: &limits };
    let code = |kind: &str, at: &str, whole: &str| {
        let text = format!(r#"{{"kind":"{kind}","ad_id":"known","event_time":"2026-11-22T{at}Z"{whole}}}"#);
        event(named(parse::draft(text.leak().as_bytes()).unwrap()), &context).map(drop).map_err(|reason| reason.code())
    };
    let whole = r#","advertiser_id":"adv","campaign_id":"camp","currency":"EUR","price_micros":5"#;
    for (at, expected) in [
        ("09:59:59.999999", Ok(())),
        ("10:00:00", Err("ad_paused")),
        ("10:59:59.999999", Err("ad_paused")),
        ("11:00:00", Ok(())),
        ("12:59:59", Ok(())),
        ("13:00:00", Err("ad_paused")),
        ("14:00:00", Err("ad_paused")),
    ] {
        assert_eq!(code("click", at, ""), expected, "{at}");
        assert_eq!(code("click", at, whole), expected, "{at}");
        for kind in ["impression", "conversion", "probe", "prefetch"] {
            assert_eq!(code(kind, at, ""), Ok(()), "{kind} at {at}: it bills nobody");
        }
    }
}

#[test]
fn registry_never_mixes_two_owners_or_currencies() {
    check(r#"{"kind":"click","ad_id":"new"}"#, Err(("unknown_ad", "ad `new` is not registered")));
    check(r#"{"kind":"click","ad_id":"new","advertiser_id":"x"}"#, Err(("unknown_ad", "ad `new` is not registered")));
    let other_advertiser = Err(("ad_mismatch", "ad `known` belongs to another advertiser than the event says"));
    check(r#"{"kind":"click","ad_id":"known","advertiser_id":"x"}"#, other_advertiser);
    let other_campaign = Err(("ad_mismatch", "ad `known` belongs to another campaign than the event says"));
    check(r#"{"kind":"click","ad_id":"known","campaign_id":"x"}"#, other_campaign);
    let other_currency = Err(("currency_mismatch", "the click gives currency USD, and the ad is priced in EUR"));
    check(r#"{"kind":"click","ad_id":"known","currency":"USD"}"#, other_currency);
}

#[test]
fn missing_fields_are_named() {
    check(r#"{"ad_id":"known"}"#, Err(("missing_field", "field `kind` is missing")));
    check(r#"{"kind":"click"}"#, Err(("missing_field", "field `ad_id` is missing")));
    check(r#"{"kind":"click","ad_id":""}"#, Err(("invalid_id", "field `ad_id` is empty")));
}

/// The stored value of a column, and what `extra` says of it: `why/bytes`.
fn stored(member: &str, column: &str) -> (Option<String>, Option<String>) {
    let event = event_of(&format!(r#"{{"kind":"conversion","ad_id":"known",{member}}}"#));
    let value = match column {
        "event_id" => Some(&event.event_id),
        "publisher_id" => event.publisher_id.as_ref(),
        "placement_id" => event.placement_id.as_ref(),
        "user_id" => event.user_id.as_ref(),
        "session_id" => event.session_id.as_ref(),
        "ip" => event.ip.as_ref(),
        "user_agent" => event.user_agent.as_ref(),
        "page_url" => event.page_url.as_ref(),
        "city" => event.city.as_ref(),
        "click_event_id" => event.click_event_id.as_ref(),
        other => panic!("{other}"),
    };
    let note = told(&event)[column].clone();
    let note = note.is_object().then(|| format!("{}/{}", note["why"].as_str().unwrap(), note["bytes"]));
    (value.map(|text| text.clone().into_owned()), note)
}

/// What an event's `extra` says was set aside.
fn told(event: &Event<'_>) -> serde_json::Value {
    let extra = event.extra.as_deref().unwrap_or("{}");
    serde_json::from_str::<serde_json::Value>(extra).unwrap()[crate::aside::MEMBER].clone()
}

#[test]
fn ids_that_a_bill_needs_are_refused_when_they_cannot_be_ids() {
    for field in ["advertiser_id", "campaign_id", "ad_id"] {
        let check = |value: &str, code| {
            let text = format!(r#"{{"kind":"click","{field}":"{value}"}}"#);
            assert_eq!(outcome_with(&text, &Limits::default()).unwrap_err().0, code, "{text}");
        };
        check("", "invalid_id");
        check("a\\nb", "invalid_id");
        check("a\\u0000b", "nul_character");
        check(&"x".repeat(129), "too_long");
    }
}

#[test]
fn odd_optional_ids_are_cut_and_stay_different() {
    for field in ["event_id", "publisher_id", "placement_id", "user_id", "session_id", "click_event_id"] {
        let check = |value: String, note: Option<&str>| {
            let (id, found) = stored(&format!(r#""{field}":"{value}""#), field);
            assert_eq!(found.as_deref(), note, "{field} {value}");
            let id = id.unwrap();
            assert!(id.chars().count() <= ID_CHARS_MAX && !id.chars().any(char::is_control), "{id}");
            assert_eq!(id.contains('~'), note.is_some(), "{id}");
            id
        };
        check("x".repeat(128), None);
        check("é".repeat(128), None);
        check("ключ 1".into(), None);
        let long = [check("x".repeat(129), Some("too_long/129")), check("x".repeat(130), Some("too_long/130"))];
        assert_ne!(long[0], long[1]);
        assert_eq!(long[0], check("x".repeat(129), Some("too_long/129")), "the same id is the same again");
        check("é".repeat(5_000), Some("too_long/10000"));
        let odd = [r"a\nb", r"a\u007fb", r"a\u0000b"].map(|id| check(id.into(), Some("control_character/3")));
        assert!(odd[0] != odd[1] && odd[1] != odd[2], "{odd:?}");
        check(r"a\u0085b".into(), Some("control_character/4"));
        let empty = stored(&format!(r#""{field}":"""#), field);
        assert_eq!(empty, ((field == "event_id").then(|| "given".to_owned()), None), "{field}");
    }
}

#[test]
fn texts_are_cut_at_their_limits() {
    for (field, max) in [("user_agent", 4096), ("page_url", 8192), ("city", 128)] {
        assert_eq!(stored(&format!(r#""{field}":"{}""#, "x".repeat(max)), field).1, None);
        let (text, note) = stored(&format!(r#""{field}":"{}""#, "x".repeat(max + 1)), field);
        assert_eq!((text.unwrap().len(), note), (max, Some(format!("too_long/{}", max + 1))));
        let (text, note) = stored(&format!(r#""{field}":"a\u0000""#), field);
        assert_eq!((&text.unwrap()[..5], note.as_deref()), ("a\u{fffd}~", Some("control_character/2")));
        assert_eq!(stored(&format!(r#""{field}":"a\tb""#), field), (Some("a\tb".into()), None));
    }
    assert_eq!(event_of(r#"{"kind":"click","ad_id":"known","city":"","user_agent":"","ip":""}"#).city, None);
}

#[test]
fn nothing_of_a_personal_value_is_told_but_its_length() {
    let odd = "x".repeat(10_000);
    let event = event_of(&format!(
        r#"{{"kind":"click","ad_id":"known","session_id":"{odd}","ip":"secret.example","user_agent":"{odd}","page_url":"{odd}"}}"#
    ));
    for (column, bytes) in [("session_id", 10_000), ("ip", 14), ("user_agent", 10_000), ("page_url", 10_000)] {
        let why = if column == "ip" { "not_an_address" } else { "too_long" };
        assert_eq!(told(&event)[column], serde_json::json!({"why": why, "bytes": bytes}), "{column}");
    }
}

#[test]
fn unknown_fields_that_do_not_fit_are_named_and_the_others_kept() {
    let long = "x".repeat(20_000);
    let event = event_of(&format!(r#"{{"kind":"click","ad_id":"known","a":1,"blob":"{long}","z":[2]}}"#));
    let extra: serde_json::Value = serde_json::from_str(event.extra.as_deref().unwrap()).unwrap();
    assert_eq!((&extra["a"], &extra["z"], &extra["blob"]), (&1.into(), &serde_json::json!([2]), &().into()));
    let note = &told(&event)["extra"][0];
    assert_eq!((&note["field"], &note["why"], &note["bytes"]), (&"blob".into(), &"too_long".into(), &20_002.into()));
    assert!(event.extra.unwrap().len() < 16_384);
}

#[test]
fn no_limit_lets_an_event_outgrow_a_frame() {
    let limits = Limits {
        extra_bytes_max: usize::MAX,
        user_agent_bytes_max: usize::MAX,
        page_url_bytes_max: usize::MAX,
        ..Limits::default()
    };
    let huge = "x".repeat(2 << 20);
    let text =
        format!(r#"{{"kind":"click","ad_id":"known","new":"{huge}","user_agent":"{huge}","page_url":"{huge}"}}"#);
    let ads = ads();
    let context = Context { captured_at: Timestamp::parse_rfc3339(NOW).unwrap(), ads: &ads, limits: &limits };
    let event = event(named(parse::draft(text.as_bytes()).unwrap()), &context).unwrap();
    assert!(event.text_bytes() <= 512 << 10, "{}", event.text_bytes());
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
fn conversion_fields_are_dropped_from_anything_else() {
    check_code(r#""click_event_id":"c","value":1"#, Ok(()));
    for kind in ["click", "impression", "probe", "prefetch"] {
        let event = event_of(&format!(r#"{{"kind":"{kind}","ad_id":"known","value":1,"click_event_id":"c"}}"#));
        assert_eq!((&event.click_event_id, event.value_micros), (&None, None));
        let told = told(&event);
        assert_eq!(
            (&told["value_micros"]["whole"], &told["click_event_id"]["whole"]),
            (&"1000000".into(), &"c".into())
        );
    }
    for value in [r#""abc""#, "-1", "1e400", "[1]", "1,\"value_micros\":2"] {
        let member = format!(r#""value":{value}"#);
        let event = event_of(&format!(r#"{{{member},"kind":"click","ad_id":"known"}}"#));
        assert_eq!((event.value_micros, &told(&event)["value_micros"]["why"]), (None, &"not_for_kind".into()));
        assert!(
            outcome_with(&format!(r#"{{{member},"kind":"conversion","ad_id":"known"}}"#), &Limits::default()).is_err()
        );
    }
}

#[test]
fn address_is_stored_in_canonical_text() {
    for (given, stored) in [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::1", "::1"),
        ("192.0.2.1:80", "192.0.2.1"),
        (" 192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
    ] {
        let event = event_of(&format!(r#"{{"kind":"click","ad_id":"known","ip":"{given}"}}"#));
        assert_eq!((event.ip.as_deref(), &event.extra), (Some(stored), &None), "{given}");
    }
    for given in ["192.0.2", "192.0.2.256", "192.0.02.1", "localhost", "192.0.2.0/24"] {
        let (address, note) = stored(&format!(r#""ip":"{given}""#), "ip");
        assert_eq!((address, note), (None, Some(format!("not_an_address/{}", given.len()))));
    }
}

#[test]
fn an_agent_that_was_not_said_is_not_one_that_was_missing() {
    let agent = |member: &str| {
        let event = event_of(&format!(r#"{{"kind":"impression","ad_id":"known"{member}}}"#));
        event.user_agent.map(Cow::into_owned)
    };
    assert_eq!([agent(""), agent(r#","user_agent":null"#)], [None, None]);
    assert_eq!(agent(r#","user_agent":"""#).as_deref(), Some("-"));
    assert_eq!(agent(r#","user_agent":"Firefox/143.0""#).as_deref(), Some("Firefox/143.0"));
}
