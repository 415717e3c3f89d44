//! Bodies of requests and lines of NDJSON, damaged: each is an event, or is rejected with its place.

use clicktrail_damage::{Trial, test};
use clicktrail_log::{schema::EventsBuilder, time::Timestamp};

use crate::{Ads, Context, Draft, Limits, Reason, amount, mend, optional, parse, validate};

const EXAMPLES: [&str; 6] = [
    r#"{"event_id":"e-1","kind":"click","event_time":"2026-11-22T13:59:00+01:00","advertiser_id":"acme","campaign_id":"c","ad_id":"a","price":"0.25","currency":"EUR"}"#,
    r#" [ {"kind":"impression","ad_id":"a","event_time":1763816340123,"ip":"2001:DB8::1","user_agent":"Mozilla/5.0 (\"x\")","new":{"deep":[1,2.5e-3,null,true]}}, {"kind":"conversion","ad_id":"a","value_micros":9500000,"click_event_id":"e-1"} ] "#,
    r#"{"event_id":"\u00e9\ud83d\ude00","kind":"click","ad_id":"a","advertiser_id":"acme","campaign_id":"c","price_micros":250000,"currency":"JPY","extra":{"a":1,"b":"c"},"page_url":"https://x.example/?q=1#z"}"#,
    "{\"kind\":\"probe\",\"ad_id\":\"a\",\"city\":\"K\u{f6}ln\",\"country\":\"DE\",\"device_type\":\"phone\"}\n",
    r#"[[],{},"x",7,{"kind":"prefetch","ad_id":"a","os":null,"browser":"b","user_id":"u","session_id":"s"}]"#,
    "\u{feff}[]",
];
const WORDS: [&str; 8] = [
    "\"price\":",
    "\"value\":1e9,",
    "\"extra\":{",
    "\"kind\":\"click\",",
    "\"event_id\":\"\"",
    "\"ip\":\"::\",",
    "null",
    "1e1000000000",
];

/// What is no event says where, in the bytes that it is of.
fn rejected(reason: &Reason, bytes: &[u8]) {
    assert!(!reason.code().is_empty() && !reason.to_string().is_empty());
    if let Reason::InvalidJson { offset, .. } | Reason::InvalidUtf8 { offset } = reason {
        assert!(*offset <= bytes.len(), "byte {offset} of {}", bytes.len());
    }
}

/// A draft becomes an event of the log, within all limits, or is rejected.
fn validated(draft: Draft<'_>, ads: &Ads) {
    let limits = Limits { future_max: None, age_max: None, ..Limits::default() };
    let captured_at = Timestamp::parse_rfc3339("2026-11-22T14:00:00Z").unwrap();
    match validate::event(draft, &Context { captured_at, ads, limits: &limits }) {
        Ok(event) => {
            assert!(event.price_micros >= 0 && event.value_micros.is_none_or(|value| value >= 0));
            assert!(event.user_agent.as_ref().is_none_or(|agent| agent.len() <= limits.user_agent_bytes_max));
            if let Some(extra) = &event.extra {
                assert!(extra.len() <= limits.extra_bytes_max, "{extra}");
                let extra: serde_json::Value = serde_json::from_str(extra).unwrap();
                assert!(extra.is_object(), "{extra}");
            }
            let mut builder = EventsBuilder::with_capacity(1);
            builder.push(&event);
            assert_eq!(builder.finish().num_rows(), 1);
        }
        Err(reason) => rejected(&reason, &[]),
    }
}

#[test]
fn body_of_any_bytes_is_events_or_is_rejected_with_its_place() {
    let ads = Ads::new([], []);
    let trial = Trial::of(test!(body_of_any_bytes_is_events_or_is_rejected_with_its_place));
    trial.examples(EXAMPLES).words(&WORDS).run(|bytes| {
        let mut items = 0;
        let whole = parse::drafts(bytes, |item, draft| {
            items += 1;
            assert!(item.len() <= bytes.len());
            match draft {
                Ok(draft) => validated(draft, &ads),
                Err(reason) => rejected(&reason, bytes),
            }
        });
        if let Err(reason) = whole {
            rejected(&reason, bytes);
        }
        assert!(items <= bytes.len(), "{items} items");
    });
}

#[test]
fn draft_of_any_line_is_read_again_from_what_it_writes() {
    let trial = Trial::of(test!(draft_of_any_line_is_read_again_from_what_it_writes));
    trial.examples(EXAMPLES).words(&WORDS).run(|bytes| match parse::draft(bytes) {
        Ok(draft) if draft.aside.is_empty() => {
            let written = draft.to_json();
            let again = parse::draft(written.as_bytes()).map(Draft::into_owned);
            assert_eq!(again, Ok(draft.into_owned()), "{written}");
        }
        Ok(draft) => drop(draft.to_json()),
        Err(reason) => rejected(&reason, bytes),
    });
}

#[test]
fn amount_or_address_of_any_text_is_read_as_what_it_shows() {
    let trial = Trial::of(test!(amount_or_address_of_any_text_is_read_as_what_it_shows));
    let examples = ["0.25", "12", "1e-6", "9223372036854.775807", "192.0.2.1:80", "[2001:db8::1%eth0]:443"];
    trial.examples(examples).run(|bytes| {
        let text = &*String::from_utf8_lossy(bytes);
        if let Ok(micros) = amount::micros_of_decimal(text) {
            assert!(micros >= 0);
            let shown = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
            assert_eq!(amount::micros_of_decimal(&shown), Ok(micros));
        }
        if let Some(address) = optional::address(text) {
            assert_eq!(optional::address(&address.to_string()), Some(address));
        }
        assert_eq!(optional::latin1(bytes).chars().count(), bytes.len());
        if let mend::Text::Mended(mended) = mend::text(bytes) {
            assert!(mended.original(mended.text().len()) <= bytes.len());
            assert!(mended.original_of(&(0..mended.text().len())).len() <= bytes.len());
        }
    });
}
