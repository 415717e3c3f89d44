use std::{io::Write as _, time::Duration};

use axum::body::{Body, Bytes};

use crate::{limits::Limits, testing::Doors};

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

fn click(event_id: &str) -> String {
    format!(r#"{{"event_id":"{event_id}","kind":"click","ad_id":"known"}}"#)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn every_item_has_its_result_in_order() {
    let doors = Doors::open(Limits::default()).await;
    let whole = r#"{"event_id":"c","kind":"conversion","event_time":"2026-11-22T13:59:00Z","ad_id":"known","value":"9.5","ip":"2001:DB8::1","click_event_id":"a","new":1}"#;
    let body = format!("[{}, {{\"kind\":\"click\",\"ad_id\":\"new\"}}, 7, {whole}]", click("a"));
    let answer = doors.post(JSON, "", body).await;
    assert_eq!(answer.results(), ["logged 1.1.0", "rejected unknown_ad", "rejected not_an_object", "logged 1.1.1"]);
    let results = &answer.json()["results"];
    assert_eq!(results[0], serde_json::json!({"status": "logged", "position": "1.1.0", "event_id": "a"}));
    let problem = serde_json::json!({
        "type": "urn:clicktrail:problem:unknown_ad", "title": "unknown ad", "status": 404, "code": "unknown_ad",
        "detail": "ad `new` is not registered",
    });
    assert_eq!(results[1], serde_json::json!({"status": "rejected", "problem": problem}));
    let columns = [
        "event_id",
        "kind",
        "event_time",
        "captured_at",
        "ip",
        "user_agent",
        "price_micros",
        "value_micros",
        "click_event_id",
        "extra",
    ];
    assert_eq!(
        doors.logged(&columns).await,
        [
            "a | click | 2026-11-22T14:00:00.000000Z | 2026-11-22T14:00:00.000000Z |  |  | 250000 |  |  | ",
            r#"c | conversion | 2026-11-22T13:59:00.000000Z | 2026-11-22T14:00:00.000000Z | 2001:db8::1 |  | 0 | 9500000 | a | {"new":1}"#,
        ]
    );
    assert_eq!(
        doors.rejected(&["source", "item", "code", "original"]).await,
        [
            r#"http /v1/events | 1 | unknown_ad | {"kind":"click","ad_id":"new"}"#,
            "http /v1/events | 2 | not_an_object | 7"
        ]
    );
    doors.check_counts((2, 2, 0));
}

#[tokio::test]
async fn one_object_and_no_object_are_batches_too() {
    let doors = Doors::open(Limits::default()).await;
    assert_eq!(doors.post(JSON, "", click("a")).await.results(), ["logged 1.1.0"]);
    assert_eq!(doors.post("application/json; charset=utf-8", "identity", "[]").await.results(), [""; 0]);
    assert_eq!(doors.post(NDJSON, "", "").await.results(), [""; 0]);
    assert_eq!(doors.post(JSON, "", r#"{"kind":"click"}"#).await.results(), ["rejected missing_field"]);
    let minted = doors.post(JSON, "", r#"{"kind":"click","ad_id":"known"}"#).await.json();
    assert_eq!(minted["results"][0]["event_id"].as_str().unwrap().len(), 36);
    doors.check_counts((2, 1, 0));
}

#[tokio::test]
async fn half_a_line_spoils_only_itself() {
    let doors = Doors::open(Limits::default()).await;
    let body = format!(
        "{}\r\n\n \t\n{{\"kind\":\"cli\n{}\n[{}]\n\u{0}\n{}",
        click("a"),
        click("b"),
        click("x"),
        &click("c")[..30]
    );
    let mut body = body.into_bytes();
    body.extend_from_slice(b"\n\xff\n");
    let answer = doors.post(NDJSON, "", body).await;
    assert_eq!(
        answer.results(),
        [
            "logged 1.1.0",
            "rejected invalid_json",
            "logged 1.1.1",
            "rejected not_an_object",
            "rejected invalid_json",
            "rejected invalid_json",
            "rejected invalid_utf8",
        ]
    );
    let items = doors.rejected(&["item", "code"]).await;
    assert_eq!(
        items,
        ["3 | invalid_json", "5 | not_an_object", "6 | invalid_json", "7 | invalid_json", "8 | invalid_utf8"]
    );
    assert_eq!(doors.rejected(&["original"]).await[0], "{\"kind\":\"cli");
    doors.check_counts((2, 5, 0));
}

#[tokio::test]
async fn odd_optional_values_cost_no_event_of_a_batch() {
    let doors = Doors::open(Limits::default()).await;
    let event = |member: &str| format!(r#"{{"kind":"click","ad_id":"known",{member}}}"#).into_bytes();
    let deep = format!(r#""x":{}{}"#, "[".repeat(50), "]".repeat(50));
    let many: Vec<_> = (0..100).map(|field| format!(r#""f{field}":1"#)).collect();
    let mut events: Vec<Vec<u8>> = [
        r#""user_id":12345,"os":11,"city":["x"],"extra":"text","value":"x","click_event_id":"c""#,
        r#""ip":"unknown","country":"a\u0000b","city":"x","city":"y","utm":1,"utm":2"#,
        r#""event_id":["odd"],"user_id":"\ud83d","device_type":{"a":1}"#,
        &deep,
        &many.join(","),
        &format!(
            r#""event_id":"{0}","user_id":"{0}","country":"{0}","blob":"{1}""#,
            "é".repeat(300),
            "x".repeat(20_000)
        ),
    ]
    .map(event)
    .into();
    events.push(b"{\"kind\":\"click\",\"ad_id\":\"known\",\"user_agent\":\"caf\xe9\",\"page_url\":\"\xff\"}".to_vec());
    let rows = events.len();
    for body in [(JSON, [b"[".to_vec(), events.join(&b','), b"]".to_vec()].concat()), (NDJSON, events.join(&b'\n'))] {
        let results = doors.post(body.0, "", body.1).await.results();
        assert!(results.iter().all(|result| result.starts_with("logged")) && results.len() == rows, "{results:?}");
    }
    let logged = doors.logged(&["kind", "price_micros", "user_id", "extra"]).await;
    assert!(logged.iter().all(|row| row.starts_with("click | 250000 | ") && row.contains("_set_aside")), "{logged:?}");
    assert_eq!(logged[..rows], logged[rows..], "both doors of a batch say the same");
    doors.check_counts((2 * rows as u64, 0, 0));
}

#[tokio::test]
async fn batch_cannot_bill_a_registered_ad_to_another_advertiser() {
    let doors = Doors::open(Limits::default()).await;
    let click = |ad_id: &str, advertiser: &str, currency: &str| {
        format!(
            r#"{{"kind":"click","ad_id":"{ad_id}","advertiser_id":"{advertiser}","campaign_id":"camp","price":"9","currency":"{currency}"}}"#
        )
    };
    let clicks = [
        click("known", "adv", "EUR"),
        click("known", "victim", "EUR"),
        click("known", "adv", "USD"),
        click("not registered", "any", "USD"),
    ];
    let results = doors.post(JSON, "", format!("[{}]", clicks.join(","))).await.results();
    assert_eq!(results, ["logged 1.1.0", "rejected ad_mismatch", "rejected currency_mismatch", "logged 1.1.1"]);
    assert_eq!(doors.logged(&["advertiser_id", "currency"]).await, ["adv | EUR", "any | USD"]);
    assert_eq!(doors.rejected(&["code"]).await, ["ad_mismatch", "currency_mismatch"]);
    doors.check_counts((2, 2, 0));
}

#[tokio::test]
async fn compressed_bodies_are_read() {
    let doors = Doors::open(Limits::default()).await;
    let lines: String = (0..1000).map(|event| click(&event.to_string()) + "\n").collect();
    let answer = doors.post(NDJSON, "gzip", gzip(lines.as_bytes())).await;
    assert_eq!(answer.results().len(), 1000);
    let answer = doors.post(NDJSON, "zstd", zstd::encode_all(lines.as_bytes(), 3).unwrap()).await;
    assert_eq!(answer.results()[999], "logged 1.2.999");
    let ids = doors.logged(&["event_id"]).await;
    assert!(ids.iter().take(1000).enumerate().all(|(place, id)| *id == place.to_string()));
    doors.check_counts((2000, 0, 0));
}

#[tokio::test]
async fn unusable_body_is_one_rejected_record() {
    let limits = Limits {
        body_bytes_max: 5000,
        inflated_bytes_max: 50_000,
        items_max: 10,
        original_bytes_max: 100,
        ..Limits::default()
    };
    let doors = Doors::open(limits).await;
    let whole = gzip(click("a").as_bytes());
    let many = format!("[{}]", vec![click("a"); 11].join(","));
    let bomb = gzip(&vec![b' '; 1 << 20]);
    let cases: [(&str, &str, Vec<u8>, &str); 14] = [
        (JSON, "", b"".to_vec(), "400 invalid_json"),
        (JSON, "", b"[{\"kind\":".to_vec(), "400 invalid_json"),
        (JSON, "", format!("[{}, {{bad}}]", click("a")).into_bytes(), "400 invalid_json"),
        (JSON, "", b"{\"kind\":\xff\"}".to_vec(), "400 invalid_utf8"),
        (JSON, "", b"null".to_vec(), "400 not_an_object"),
        (JSON, "", vec![b'['; 5000], "400 invalid_json"),
        (JSON, "", many.clone().into_bytes(), "413 too_many_events"),
        (NDJSON, "", vec![click("a"); 11].join("\n").into_bytes(), "413 too_many_events"),
        (JSON, "", vec![b' '; 5001], "413 body_too_large"),
        (JSON, "gzip", bomb.clone(), "413 body_too_large"),
        (JSON, "gzip", whole[..whole.len() - 1].to_vec(), "400 body_damaged"),
        (JSON, "zstd", whole.clone(), "400 body_damaged"),
        (JSON, "br", whole.clone(), "415 unsupported_encoding"),
        ("text/csv", "", b"a,b".to_vec(), "415 unsupported_media_type"),
    ];
    for (index, (content_type, encoding, body, outcome)) in cases.iter().enumerate() {
        assert_eq!(doors.post(content_type, encoding, body.clone()).await.outcome(), *outcome, "case {index}");
        let code = outcome.split_once(' ').unwrap().1;
        let rejected = doors.rejected(&["code", "item", "original"]).await;
        let original = String::from_utf8_lossy(&body[..body.len().min(100)]).into_owned();
        assert_eq!((rejected.len(), &rejected[index]), (index + 1, &format!("{code} | 0 | {original}")));
    }
    assert_eq!(doors.logged(&["event_id"]).await, [""; 0]);
    doors.check_counts((0, 14, 0));
}

#[tokio::test]
async fn body_that_ends_early_is_kept_as_far_as_it_came() {
    let doors = Doors::open(Limits { body_timeout: Duration::from_millis(50), ..Limits::default() }).await;
    let broken =
        futures::stream::iter([Ok(Bytes::from_static(b"[{\"kind\"")), Err(std::io::Error::other("connection reset"))]);
    let answer = doors.post(JSON, "", Body::from_stream(broken)).await;
    assert_eq!(answer.outcome(), "400 body_incomplete");
    let stuck = futures::StreamExt::chain(
        futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"[7"))]),
        futures::stream::pending(),
    );
    let answer = doors.post(JSON, "", Body::from_stream(stuck)).await;
    assert_eq!(answer.outcome(), "408 body_too_slow");
    assert_eq!(doors.rejected(&["code", "original"]).await, [r#"body_incomplete | [{"kind""#, "body_too_slow | [7"]);
    doors.check_counts((0, 2, 0));
}

#[tokio::test]
async fn events_that_cannot_be_stored_are_told_to_come_back() {
    let doors = Doors::open(Limits::default()).await;
    doors.break_clicks();
    let mixed = format!("[{},7,{}]", click("a"), click("b"));
    let answer = doors.post(JSON, "", mixed).await;
    assert_eq!(answer.results(), ["retry log_unavailable", "rejected not_an_object", "retry log_unavailable"]);
    let answer = doors.post(JSON, "", click("a")).await;
    assert_eq!((answer.outcome().as_str(), answer.header("retry-after")), ("503 shutting_down", "1"));
    doors.check_counts((0, 1, 3));
}

#[tokio::test]
async fn rejected_event_that_cannot_be_stored_is_told_to_come_back() {
    let doors = Doors::open(Limits::default()).await;
    doors.break_rejected();
    let answer = doors.post(JSON, "", format!("[{},7]", click("a"))).await;
    assert_eq!(answer.results(), ["logged 1.1.0", "retry log_unavailable"]);
    assert_eq!(doors.post(JSON, "", "[7]").await.outcome(), "503 shutting_down");
    assert_eq!(doors.post(JSON, "", "[").await.outcome(), "503 shutting_down");
    doors.check_counts((1, 0, 3));
}

#[tokio::test]
async fn bodies_beyond_the_memory_for_bodies_are_told_to_come_back() {
    let doors = Doors::open(Limits { bodies_bytes_max: 200, ..Limits::default() }).await;
    // A body takes room, and its answer.
    assert_eq!(doors.post(JSON, "", vec![b' '; 201]).await.outcome(), "503 busy");
    assert_eq!(doors.post(JSON, "", click("a")).await.results(), ["logged 1.1.0"]);
    doors.check_counts((1, 0, 1));
}

#[tokio::test]
async fn client_that_hangs_up_changes_no_count() {
    let doors = Doors::open(Limits::default()).await;
    for event in 0..200_u64 {
        let request = doors.post(JSON, "", click(&event.to_string()));
        let _ = tokio::time::timeout(Duration::from_micros(event * 10), request).await;
    }
    doors.state.commits.close();
    doors.state.commits.wait().await;
    let logged = doors.logged(&["event_id"]).await.len() as u64;
    doors.check_counts((logged, 0, 0));
}

#[tokio::test]
async fn body_whose_answer_would_not_fit_the_memory_is_refused_before_anything_is_stored() {
    let doors = Doors::open(Limits { bodies_bytes_max: 200_000, ..Limits::default() }).await;
    let short = "x\n".repeat(5_000);
    let packed = gzip(short.as_bytes());
    assert!(packed.len() < 100, "an answer is many times as long as its request");
    assert_eq!(doors.post(NDJSON, "gzip", packed).await.outcome(), "503 busy");
    doors.check_counts((0, 0, 1));
    // What a request holds is free again once its answer was taken.
    for _ in 0..10 {
        assert_eq!(doors.post(NDJSON, "", "x\n".repeat(100)).await.results().len(), 100);
    }
}
