use std::borrow::Cow;

use clicktrail_log::{event::Kind, time::Timestamp};

use super::*;
use crate::{
    aside,
    reader::{DEPTH_MAX, UNKNOWN_FIELDS_MAX},
};

const CLICK: &str = r#""kind":"click","ad_id":"a1""#;

#[track_caller]
fn check_rejected(text: impl AsRef<[u8]>, code: &str, sentence: &str) {
    let reason = draft(text.as_ref()).expect_err(&String::from_utf8_lossy(text.as_ref()));
    assert_eq!(
        (reason.code(), reason.to_string().as_str()),
        (code, sentence),
        "{}",
        String::from_utf8_lossy(text.as_ref())
    );
}

#[track_caller]
fn check_field(member: &str, code: &str, sentence: &str) {
    check_rejected(format!("{{{CLICK},{member}}}"), code, sentence);
}

fn click_with(member: &str) -> Draft<'static> {
    draft(format!("{{{CLICK},{member}}}").leak().as_bytes()).expect(member)
}

#[test]
fn every_known_field_lands_in_its_place() {
    let text = r#" { "event_id":"e","kind":"conversion","event_time":"2026-11-22T14:00:00.5+01:00","advertiser_id":"adv",
        "campaign_id":"c","ad_id":"a","publisher_id":"p","placement_id":"pl","user_id":"u","session_id":"s","ip":"192.0.2.1",
        "user_agent":"UA \"x\" é","page_url":"https://x.example/","device_type":"phone","os":"o","browser":"b","country":"DE",
        "city":"Köln","price_micros":7,"currency":"EUR","click_event_id":"k","value":"1.5" } "#;
    let text_of = |value: &'static str| Some(Cow::Borrowed(value));
    let expected = Draft {
        event_id: text_of("e"),
        kind: Some(Kind::Conversion),
        event_time: Timestamp::parse_rfc3339("2026-11-22T13:00:00.5Z"),
        advertiser_id: text_of("adv"),
        campaign_id: text_of("c"),
        ad_id: text_of("a"),
        publisher_id: text_of("p"),
        placement_id: text_of("pl"),
        user_id: text_of("u"),
        session_id: text_of("s"),
        ip: text_of("192.0.2.1"),
        user_agent: text_of("UA \"x\" é"),
        page_url: text_of("https://x.example/"),
        device_type: text_of("phone"),
        os: text_of("o"),
        browser: text_of("b"),
        country: text_of("DE"),
        city: text_of("Köln"),
        price_micros: Some(7),
        currency: text_of("EUR"),
        click_event_id: text_of("k"),
        value_micros: Some(1_500_000),
        ..Draft::default()
    };
    assert_eq!(draft(text.as_bytes()), Ok(expected));
}

#[test]
fn null_is_as_good_as_a_missing_field() {
    let text =
        r#"{"event_id":null,"kind":null,"event_time":null,"ad_id":null,"price":null,"value_micros":null,"extra":null}"#;
    assert_eq!(draft(text.as_bytes()), Ok(Draft::default()));
    assert_eq!(draft(b"{}"), Ok(Draft::default()));
}

#[test]
fn text_without_escapes_is_borrowed() {
    let draft = draft(br#"{"ad_id":"plain","city":"\u00e9"}"#).unwrap();
    assert!(matches!(draft.ad_id, Some(Cow::Borrowed("plain"))));
    assert!(matches!(draft.city, Some(Cow::Owned(city)) if city == "é"));
}

#[test]
fn unknown_fields_are_kept_raw_and_in_order() {
    let extra = |member| click_with(member).extra.map(Cow::into_owned);
    assert_eq!(extra(r#""z":1.10,"a":{"y":[1, 2],"x":null}"#).unwrap(), r#"{"z":1.10,"a":{"y":[1, 2],"x":null}}"#);
    assert_eq!(extra(r#""k\u0065y":"\u00e9\n""#).unwrap(), r#"{"k\u0065y":"\u00e9\n"}"#);
    assert_eq!(extra(r#""z":1,"extra":{"ad_id":2},"y":3"#).unwrap(), r#"{"z":1,"ad_id":2,"y":3}"#);
    assert_eq!(extra(r#""captured_at":1,"Ad_id":2,"":3"#).unwrap(), r#"{"captured_at":1,"Ad_id":2,"":3}"#);
    assert_eq!(
        extra(r#""huge":123456789012345678901234567890e999"#).unwrap(),
        r#"{"huge":123456789012345678901234567890e999}"#
    );
    assert_eq!(extra(r#""extra":{}"#), None);
}

/// What `extra` says was set aside: `column why` or `extra.field why`.
fn told(member: &str) -> (Draft<'static>, Vec<String>) {
    let draft = click_with(member);
    let extra = draft.aside.clone().complete(None, 16_384).unwrap_or_else(|| "{}".into());
    let extra: serde_json::Value = serde_json::from_str(&extra).unwrap();
    let mut told = Vec::new();
    for (column, note) in extra[aside::MEMBER].as_object().into_iter().flatten() {
        for field in note.as_array().into_iter().flatten() {
            told.push(format!("extra.{} {}", field["field"].as_str().unwrap(), field["why"].as_str().unwrap()));
        }
        told.extend(note["why"].as_str().map(|why| format!("{column} {why}")));
    }
    (draft, told)
}

#[track_caller]
fn check_told(member: &str, expected: &[&str]) -> Draft<'static> {
    let (draft, told) = told(member);
    assert_eq!(told, expected, "{member}");
    draft
}

#[test]
fn field_that_a_bill_needs_given_twice_rejects_the_event() {
    check_field(r#""ad_id":"a2""#, "duplicate_key", "field `ad_id` is given twice");
    check_field(r#""\u0061d_id":"a2""#, "duplicate_key", "field `ad_id` is given twice");
    check_field(r#""kind":"click""#, "duplicate_key", "field `kind` is given twice");
    check_field(r#""event_time":1,"event_time":1"#, "duplicate_key", "field `event_time` is given twice");
    check_field(r#""price":1,"price_micros":1"#, "duplicate_key", "field `price_micros` is given twice");
}

#[test]
fn of_any_other_field_given_twice_the_first_counts() {
    let draft = check_told(r#""city":"x","city":"y""#, &["city given_twice"]);
    assert_eq!(draft.city.as_deref(), Some("x"));
    assert_eq!(check_told(r#""city":null,"city":"x""#, &["city given_twice"]).city, None);
    let draft = check_told(r#""event_id":"a","event_id":"b""#, &["event_id given_twice"]);
    assert_eq!(draft.event_id.as_deref(), Some("a"));
    let draft = check_told(r#""new":1,"n\u0065w":2"#, &["extra.new given_twice"]);
    assert_eq!(draft.extra.as_deref(), Some(r#"{"new":1}"#));
    check_told(r#""new":1,"extra":{"new":2}"#, &["extra.new given_twice"]);
    check_told(r#""extra":{},"extra":{}"#, &["extra.extra given_twice"]);
    check_told(r#""value_micros":1,"value":1"#, &["value_micros not_for_kind"]);
}

#[test]
fn scalar_in_place_of_an_optional_text_is_its_characters() {
    for value in ["1", "true", "1e5", "-0.50"] {
        let draft = check_told(&format!(r#""city":{value},"event_id":{value},"user_id":{value}"#), &[]);
        assert_eq!((draft.city.as_deref(), draft.event_id.as_deref()), (Some(value), Some(value)));
    }
    for value in ["[]", "{}", r#"{"a":[1]}"#] {
        let draft =
            check_told(&format!(r#""city":{value},"event_id":{value}"#), &["city not_text", "event_id not_text"]);
        assert_eq!((draft.city, draft.event_id.as_deref()), (None, Some(value)));
    }
    check_told(r#""extra":"{}""#, &["extra.extra not_an_object"]);
    check_told(r#""extra":[1]"#, &["extra.extra not_an_object"]);
}

#[test]
fn text_that_is_not_unicode_costs_no_event_but_where_a_bill_needs_it() {
    let read = |bytes: &[u8]| draft(bytes.to_vec().leak());
    let agent = read(b"{\"ad_id\":\"a\",\"user_agent\":\"caf\xe9\",\"x\":\"\xff\"}").unwrap();
    assert_eq!((agent.user_agent.as_deref(), agent.extra.as_deref()), (Some("café"), Some("{\"x\":\"ÿ\"}")));
    assert!(!agent.aside.is_empty());
    let halves = [r#"{"user_id":"x\ud83d"}"#, r#"{"user_id":"x\ud83e"}"#].map(|text| read(text.as_bytes()).unwrap());
    let ids = halves.map(|draft| draft.user_id.unwrap());
    assert!(ids[0].starts_with("x\u{fffd}~") && ids[0] != ids[1], "{ids:?}");
    let code = |bytes: &[u8]| read(bytes).unwrap_err();
    assert_eq!(code(b"{\"city\":\"\xff\",\"ad_id\":\"a\xff\"}"), Reason::InvalidUtf8 { offset: 22 });
    assert_eq!(code(b"{\"city\":\"\xff\",}"), Reason::InvalidJson { offset: 12, expected: "a text in double quotes" });
    let mut items = Vec::new();
    let body = b"[{\"ad_id\":\"a\",\"city\":\"\xe9\xe8\"},{\"ad_id\":\"\xe9\"},{\"ad_id\":\"b\"}]";
    drafts(body, |raw, item| items.push((raw, item.map(|draft| draft.ad_id.unwrap().into_owned())))).unwrap();
    assert_eq!(items[0], (b"{\"ad_id\":\"a\",\"city\":\"\xe9\xe8\"}".as_slice(), Ok("a".to_owned())));
    assert_eq!(items[1].0, b"{\"ad_id\":\"\xe9\"}");
    assert!(matches!(items[1].1, Err(Reason::InvalidUtf8 { .. })));
    assert_eq!(items[2], (b"{\"ad_id\":\"b\"}".as_slice(), Ok("b".to_owned())));
}

#[test]
fn wrong_type_names_the_field() {
    for value in ["1", "true", "[]", "{}", "1e5"] {
        check_rejected(format!(r#"{{"ad_id":{value}}}"#), "wrong_type", "field `ad_id` must be a text");
    }
    check_field(r#""price_micros":"1""#, "wrong_type", "field `price_micros` must be an integer of millionths");
    check_field(r#""price_micros":1.0"#, "wrong_type", "field `price_micros` must be an integer of millionths");
    check_field(r#""price_micros":1e3"#, "wrong_type", "field `price_micros` must be an integer of millionths");
    check_field(r#""price":[1]"#, "wrong_type", "field `price` must be a decimal text or number");
    let expected = "field `event_time` must be RFC 3339 text or integer milliseconds since 1970";
    check_field(r#""event_time":true"#, "wrong_type", expected);
    check_rejected(r#"{"kind":7}"#, "wrong_type", "field `kind` must be a text");
    check_rejected(
        r#"{"kind":"Click"}"#,
        "invalid_kind",
        "`Click` is not a kind of event: use click, impression, conversion, probe or prefetch",
    );
}

#[test]
fn what_is_no_object_is_no_event() {
    for (text, found) in
        [("1", "a number"), ("\"x\"", "a text"), ("null", "null"), ("true", "true or false"), ("[]", "a list")]
    {
        check_rejected(text, "not_an_object", &format!("an event must be a JSON object, and this is {found}"));
    }
}

#[test]
fn broken_json_names_the_byte() {
    check_rejected("", "invalid_json", "not valid JSON at byte 0: expected a value");
    check_rejected("{", "invalid_json", "not valid JSON at byte 1: expected a text in double quotes");
    check_rejected(r#"{"kind":"cli"#, "invalid_json", "not valid JSON at byte 12: expected the end of the text");
    check_rejected(r#"{"kind":"click""#, "invalid_json", "not valid JSON at byte 15: expected `,` or `}`");
    check_rejected(
        r#"{"kind":"click",}"#,
        "invalid_json",
        "not valid JSON at byte 16: expected a text in double quotes",
    );
    check_rejected(r#"{"price":NaN}"#, "invalid_json", "not valid JSON at byte 9: expected a value");
    check_rejected(r#"{"price":-Infinity}"#, "invalid_json", "not valid JSON at byte 10: expected a digit");
    check_rejected(r#"{"price":01}"#, "invalid_json", "not valid JSON at byte 10: expected `,` or `}`");
    check_rejected(r#"{"new":nope}"#, "invalid_json", "not valid JSON at byte 7: expected a value");
    check_rejected("{} {}", "invalid_json", "not valid JSON at byte 3: expected the end");
    check_rejected(
        "{\"city\":\"a\nb\"}",
        "invalid_json",
        "not valid JSON at byte 10: expected no control character in a text",
    );
    check_rejected(
        "{\"city\":\"a\0b\"}",
        "invalid_json",
        "not valid JSON at byte 10: expected no control character in a text",
    );
    check_rejected("\u{feff}{}", "invalid_json", "not valid JSON at byte 0: expected a value");
    check_rejected(b"{\"ad_id\":\"\xff\"}", "invalid_utf8", "not valid UTF-8 at byte 10");
    check_rejected(b"{\"ad_id\":\"\xed\xa0\x80\"}", "invalid_utf8", "not valid UTF-8 at byte 10");
}

#[test]
fn odd_unknown_fields_are_set_aside() {
    check_told(r#""new":["\u0000"],"n\u0000":1"#, &["extra.new control_character", "extra.n\0 control_character"]);
    check_told(r#""_set_aside":{"ip":"forged"}"#, &["extra._set_aside reserved"]);
    check_told(r#""\u005fcorrection":"forged""#, &["extra._correction reserved"]);
    let nested = |levels: usize| format!(r#""new":{}{}"#, "[".repeat(levels), "]".repeat(levels));
    assert!(check_told(&nested(DEPTH_MAX - 1), &[]).extra.is_some());
    check_told(&nested(DEPTH_MAX), &["extra.new too_deep"]);
    check_told(&nested(100_000), &["extra.new too_deep"]);
    let many: Vec<_> = (0..=UNKNOWN_FIELDS_MAX).map(|field| format!(r#""f{field}":1"#)).collect();
    check_told(&many[1..].join(","), &[]);
    let draft = check_told(&many.join(","), &["extra.f64 too_many"]);
    assert!(draft.extra.unwrap().ends_with(r#","f63":1}"#));
}

#[test]
fn money_is_read_exactly() {
    for (member, expected) in [
        (r#""price":0.1"#, 100_000),
        (r#""price":"0.1""#, 100_000),
        (r#""price":"12.345678""#, 12_345_678),
        (r#""price":1e-06"#, 1),
        (r#""price":0"#, 0),
        (r#""price_micros":9223372036854775807"#, i64::MAX),
    ] {
        assert_eq!(click_with(member).price_micros, Some(expected), "{member}");
    }
    check_field(r#""price":0.0000001"#, "invalid_amount", "field `price` has more than six decimals");
    check_field(r#""price":-0.5"#, "invalid_amount", "field `price` is negative");
    check_field(r#""price":"NaN""#, "invalid_amount", "field `price` is not a decimal amount");
    check_field(r#""price":"""#, "invalid_amount", "field `price` is not a decimal amount");
    check_rejected(r#"{"value":1e400}"#, "invalid_amount", "field `value` is larger than an amount can be");
    check_field(
        r#""price_micros":9223372036854775808"#,
        "invalid_amount",
        "field `price_micros` is larger than an amount can be",
    );
}

#[test]
fn time_is_text_or_milliseconds() {
    let micros = |member| click_with(member).event_time.map(Timestamp::micros);
    assert_eq!(micros(r#""event_time":1700000000123"#), Some(1_700_000_000_123_000));
    assert_eq!(micros(r#""event_time":"2023-11-14T22:13:20.123456Z""#), Some(1_700_000_000_123_456));
    assert_eq!(micros(r#""event_time":"2023-11-15T00:13:20+02:00""#), Some(1_700_000_000_000_000));
    for value in [
        "\"\"",
        "\"now\"",
        "\"2023-11-14\"",
        "\"2023-13-14T00:00:00Z\"",
        "\"2023-11-14T22:13:20\"",
        "1.5",
        "-1",
        "1e12",
        "253402300800000",
        "99999999999999999999",
    ] {
        let reason = draft(format!(r#"{{"event_time":{value}}}"#).leak().as_bytes()).unwrap_err();
        assert_eq!(reason.code(), "invalid_time", "{value}");
    }
}

#[track_caller]
fn check_list(text: &str, expected: &[(&str, Result<&str, &str>)]) {
    let mut items = Vec::new();
    let read = drafts(text.as_bytes(), |raw, item| {
        items.push((std::str::from_utf8(raw).unwrap(), item.map(|draft| draft.ad_id).map_err(|reason| reason.code())))
    });
    assert_eq!(read, Ok(()), "{text}");
    let expected: Vec<_> =
        expected.iter().map(|(raw, item)| (*raw, item.map(|ad_id| Some(Cow::Borrowed(ad_id))))).collect();
    assert_eq!(items, expected);
}

#[test]
fn bad_item_of_a_list_spoils_only_itself() {
    check_list("[]", &[]);
    check_list(" [ ] ", &[]);
    check_list(r#"{"ad_id":"a"}"#, &[(r#"{"ad_id":"a"}"#, Ok("a"))]);
    check_list(
        r#" [ {"ad_id":"a"} , 7, {"ad_id":7,"x":"]}"}, {"ad_id":"b","ad_id":"c"},{"ad_id":"d"}]"#,
        &[
            (r#"{"ad_id":"a"}"#, Ok("a")),
            ("7", Err("not_an_object")),
            (r#"{"ad_id":7,"x":"]}"}"#, Err("wrong_type")),
            (r#"{"ad_id":"b","ad_id":"c"}"#, Err("duplicate_key")),
            (r#"{"ad_id":"d"}"#, Ok("d")),
        ],
    );
}

#[test]
fn state_of_one_item_does_not_leak_into_the_next() {
    let mut items = Vec::new();
    drafts(br#"[{"new":1,"city":3},{"new":2,"city":"x"},{}]"#, |_, item| items.push(item)).unwrap();
    assert_eq!(items[1].as_ref().unwrap().extra.as_deref(), Some(r#"{"new":2}"#));
    assert_eq!(items[2], Ok(Draft::default()));
}

#[test]
fn list_that_is_not_json_is_unusable_as_a_whole() {
    for (text, code) in [
        ("", "invalid_json"),
        ("[", "invalid_json"),
        (r#"[{"ad_id":"a"}"#, "invalid_json"),
        (r#"[{"ad_id":"a"},]"#, "invalid_json"),
        (r#"[{"ad_id":7,"x":nope}]"#, "invalid_json"),
        (r#"[{"ad_id":"a"}] x"#, "invalid_json"),
        (r#"{"ad_id":"a"} {}"#, "invalid_json"),
        ("null", "not_an_object"),
        ("\"text\"", "not_an_object"),
    ] {
        assert_eq!(drafts(text.as_bytes(), |_, _| ()).map_err(|reason| reason.code()), Err(code), "{text}");
    }
}
