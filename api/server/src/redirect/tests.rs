use axum::{body::Body, extract::ConnectInfo, http::Request};
use clicktrail_catalog::Catalog as _;
use clicktrail_log::time::Timestamp;

use crate::{
    limits::Limits,
    testing::{Doors, NOW, TARGET, ad},
};

#[tokio::test]
async fn click_is_logged_before_the_way_is_shown() {
    let doors = Doors::open(Limits::default()).await;
    for method in ["GET", "POST"] {
        let answer = doors
            .ask(&format!("{method} /c/known?pub=p&pl=slot%201&uid=u&sid=&eid=e-{method}"), &[("user-agent", "UA")])
            .await;
        assert_eq!(answer.outcome(), "302");
        assert_eq!(answer.header("location"), TARGET);
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.body.is_empty() && !answer.header("x-request-id").is_empty());
    }
    let columns = [
        "event_id",
        "kind",
        "advertiser_id",
        "campaign_id",
        "ad_id",
        "publisher_id",
        "placement_id",
        "user_id",
        "session_id",
        "price_micros",
        "currency",
        "user_agent",
        "extra",
    ];
    let row = |id: &str| format!("{id} | click | adv | camp | known | p | slot 1 | u |  | 250000 | EUR | UA | ");
    assert_eq!(doors.logged(&columns).await, [row("e-GET"), row("e-POST")]);
    doors.check_counts((2, 0, 0));
}

#[tokio::test]
async fn looking_and_fetching_ahead_are_no_clicks() {
    let doors = Doors::open(Limits::default()).await;
    let answer = doors.ask("HEAD /c/known", &[]).await;
    assert_eq!((answer.outcome().as_str(), answer.header("location")), ("302", TARGET));
    for (name, value) in [
        ("sec-purpose", "prefetch"),
        ("Sec-Purpose", "Prefetch;prerender"),
        ("purpose", "prefetch"),
        ("x-moz", "prefetch"),
    ] {
        let answer = doors.ask("GET /c/known", &[(name, value)]).await;
        assert_eq!(answer.outcome(), "503 prefetch_refused", "{name}: {value}");
        assert_eq!(answer.header("location"), "");
    }
    assert_eq!(doors.ask("HEAD /c/known", &[("sec-purpose", "prefetch")]).await.outcome(), "302");
    assert_eq!(doors.ask("GET /c/known", &[("purpose", "preflight")]).await.outcome(), "302");
    let kinds = doors.logged(&["kind", "price_micros"]).await;
    let prefetch = "prefetch | 0";
    assert_eq!(kinds, ["probe | 0", prefetch, prefetch, prefetch, prefetch, "probe | 0", "click | 250000"]);
    doors.check_counts((7, 0, 0));
}

#[tokio::test]
async fn unknown_ad_leads_nowhere_and_can_be_tried_again_later() {
    let doors = Doors::open(Limits::default()).await;
    let answer = doors.ask("GET /c/new?url=https://evil.example/&uid=u", &[("user-agent", "UA")]).await;
    assert_eq!((answer.outcome().as_str(), answer.header("location")), ("404 unknown_ad", ""));
    let rejected = doors.rejected(&["rejected_at", "source", "item", "code", "detail", "original"]).await;
    let (head, original) = rejected[0].rsplit_once(" | ").unwrap();
    assert_eq!(head, "2026-11-22T14:00:00.000000Z | http /c | 0 | unknown_ad | ad `new` is not registered");
    let original: serde_json::Value = serde_json::from_str(original).unwrap();
    assert_eq!(original["event_time"], "2026-11-22T14:00:00.000000Z");
    assert_eq!(original["kind"], "click");
    assert_eq!(original["user_agent"], "UA");
    assert_eq!(original["extra"]["url"], "https://evil.example/");
    doors.check_counts((0, 1, 0));
    doors.catalog.put_ads(&[ad("new")], "test", Timestamp::parse_rfc3339(NOW).unwrap()).await.unwrap();
    assert_eq!(doors.ask("GET /c/new", &[]).await.outcome(), "404 unknown_ad");
    doors.state.registry.refresh().await.unwrap();
    let answer = doors.ask("GET /c/new?url=https://evil.example/", &[]).await;
    assert_eq!(answer.header("location"), TARGET);
    assert_eq!(doors.logged(&["extra"]).await, [r#"{"url":"https://evil.example/"}"#]);
}

#[tokio::test]
async fn odd_paths_and_parameters_never_panic() {
    let doors = Doors::open(Limits::default()).await;
    for (request, outcome) in [
        ("GET /c/a%2Fb%20c", "302"),
        ("POST /c/a%2fb%20c", "302"),
        ("HEAD /c/a%2Fb%20c", "302"),
        ("GET /c/known?x=/a/b", "302"),
        ("GET /c/known?", "302"),
        ("GET /c/known?&&=&a=&a=1&%ff=%ff", "302"),
        ("GET /c/known?uid=%00&x=%00&%00=x", "302"),
        ("GET /c/known?uid=a%0Ab", "302"),
        ("GET /c/known?uid=%ff%fe&eid=%&pub=%zz&sid=%e9", "302"),
        ("GET /c/%00", "400 nul_character"),
        ("GET /c/%ff", "404 unknown_ad"),
        ("HEAD /c/%ff", "404 unknown_ad"),
        ("GET /c/known%3Fx", "404 unknown_ad"),
        ("GET /c/a%252Fb%20c", "404 unknown_ad"),
        ("GET /c", "404 not_found"),
        ("GET /c/", "404 not_found"),
        ("HEAD /c/", "404 not_found"),
        ("GET /c//known", "404 not_found"),
        ("GET /c/known/", "404 not_found"),
        ("GET /c/known/more", "404 not_found"),
        ("PUT /c/known", "405 method_not_allowed"),
        ("GET /v1/events", "405 method_not_allowed"),
        ("GET /nothing", "404 not_found"),
    ] {
        assert_eq!(doors.ask(request, &[]).await.outcome(), outcome, "{request}");
    }
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = doors.ask(&format!("{method} /c/known"), &[]).await;
        assert_eq!((answer.outcome().as_str(), answer.header("allow")), ("405 method_not_allowed", "GET,HEAD,POST"));
    }
    doors.check_counts((9, 5, 0));
}

#[tokio::test]
async fn odd_optional_value_never_costs_a_click() {
    let doors = Doors::open(Limits::default()).await;
    let long = "x".repeat(200);
    for query in [
        format!("uid={long}"),
        format!("pub={long}&pl={long}&sid={long}&eid={long}"),
        "uid=a%0Ab&pub=%00&pl=%1b%5b31m&sid=%7f".into(),
        "uid=%ff%fe".into(),
        format!("gclid=kept&blob={}", "y".repeat(20_000)),
        (0..2_000).map(|field| format!("f{field}=1&")).collect(),
        "_set_aside=forged".into(),
        "_correction=forged".into(),
    ] {
        let answer = doors.ask(&format!("GET /c/known?{query}"), &[("user-agent", &"a".repeat(5_000))]).await;
        assert_eq!((answer.outcome().as_str(), answer.header("location")), ("302", TARGET), "{query}");
    }
    doors.check_counts((8, 0, 0));
    let rows = doors.logged(&["kind", "price_micros", "user_id", "extra"]).await;
    let cut = |whole: &str, kept: &str| format!("{kept}~{}", clicktrail_log::frame::Digest::of(whole.as_bytes()));
    for (row, user) in
        rows.iter().zip([cut(&long, &"x".repeat(63)), String::new(), cut("a\nb", "a\u{fffd}b"), "ÿþ".into()])
    {
        assert!(row.starts_with(&format!("click | 250000 | {user} | {{")), "{row}");
        assert!(row.contains(r#""user_agent":{"why":"too_long","bytes":5000}"#), "{row}");
    }
    assert!(rows[0].contains(r#""user_id":{"why":"too_long","bytes":200,"sha256":"#), "{}", rows[0]);
    assert!(rows[0].contains(&format!(r#""whole":"{long}""#)), "{}", rows[0]);
    assert!(rows[3].contains(r#""user_id":{"why":"not_unicode","bytes":2,"#), "{}", rows[3]);
    assert!(rows[4].contains(r#"{"gclid":"kept","_set_aside""#) && rows[4].len() < 2_000, "{}", rows[4]);
    assert!(rows[6].contains(r#"[{"field":"_set_aside","why":"reserved","bytes":6,"#), "{}", rows[6]);
    assert!(rows[7].contains(r#"[{"field":"_correction","why":"reserved","bytes":6,"#), "{}", rows[7]);
    assert!(rows.iter().all(|row| row.len() < 17_000));
}

#[tokio::test]
async fn click_on_a_paused_ad_leads_to_the_shop_and_bills_nobody() {
    let doors = Doors::open(Limits::default()).await;
    let (ids, now) = (["known".to_owned()], Timestamp::parse_rfc3339(NOW).unwrap());
    let pause = async |pause, at| {
        doors.catalog.pause_ads(&ids, pause, "test", at).await.unwrap();
        doors.state.registry.refresh().await.unwrap();
    };
    pause(true, now.plus_micros(-1)).await;
    for request in ["GET /c/known?uid=u", "POST /c/known"] {
        let answer = doors.ask(request, &[]).await;
        assert_eq!((answer.outcome().as_str(), answer.header("location")), ("302", TARGET));
    }
    assert_eq!(doors.ask("HEAD /c/known", &[]).await.outcome(), "302");
    assert_eq!(doors.ask("GET /i.gif?ad=known", &[]).await.outcome(), "200");
    assert_eq!(doors.logged(&["kind", "price_micros"]).await, ["probe | 0", "impression | 0"]);
    let rejected = doors.rejected(&["code", "detail", "original"]).await;
    assert_eq!(rejected.len(), 2);
    let told = "ad_paused | ad `known` was paused at the time of the click | {";
    assert!(rejected[0].starts_with(told) && rejected[0].contains(r#""user_id":"u""#), "{}", rejected[0]);
    pause(false, now).await;
    assert_eq!(doors.ask("GET /c/known", &[]).await.outcome(), "302");
    assert_eq!(doors.logged(&["kind", "price_micros"]).await[2..], ["click | 250000"]);
    doors.check_counts((3, 2, 0));
}

#[tokio::test]
async fn click_on_a_paused_ad_that_cannot_be_kept_is_told_to_come_back() {
    let doors = Doors::open(Limits::default()).await;
    doors.catalog.pause_ads(&["known".to_owned()], true, "test", Timestamp::from_micros(0)).await.unwrap();
    doors.state.registry.refresh().await.unwrap();
    doors.break_rejected();
    assert_eq!(doors.ask("GET /c/known", &[]).await.outcome(), "503 log_unavailable");
    doors.check_counts((0, 0, 1));
}

#[tokio::test]
async fn same_odd_id_is_the_same_event_again() {
    let doors = Doors::open(Limits::default()).await;
    for query in ["eid=a%0Ab", "eid=a%0Ab", "eid=a%0Db"] {
        assert_eq!(doors.ask(&format!("GET /c/known?{query}"), &[]).await.outcome(), "302");
    }
    let ids = doors.logged(&["event_id"]).await;
    assert!(ids[0] == ids[1] && ids[1] != ids[2], "{ids:?}");
}

#[tokio::test]
async fn ad_id_is_decoded_once() {
    let doors = Doors::open(Limits::default()).await;
    for request in ["GET /c/a%2Fb%20c", "GET /c/a%252Fb", "GET /c/%C3%A9", "GET /c/%ff", "GET /c/{ad_id}", "GET /c/+"] {
        doors.ask(request, &[]).await;
    }
    assert_eq!(doors.logged(&["ad_id"]).await, ["a/b c"]);
    let details = ["a%2Fb", "é", "\u{fffd}", "{ad_id}", "+"].map(|ad_id| format!("ad `{ad_id}` is not registered"));
    assert_eq!(doors.rejected(&["detail"]).await, details);
}

#[tokio::test]
async fn address_agent_and_page_come_from_the_request() {
    let doors = Doors::open(Limits { trusted_hops: 1, ..Limits::default() }).await;
    let visit = |headers: &[(&str, &[u8])]| {
        let mut request = Request::get("/c/known");
        for (name, value) in headers {
            request = request.header(*name, axum::http::HeaderValue::from_bytes(value).unwrap());
        }
        let mut request = request.body(Body::empty()).unwrap();
        request
            .extensions_mut()
            .insert(ConnectInfo("[::ffff:198.51.100.1]:4000".parse::<std::net::SocketAddr>().unwrap()));
        request
    };
    let cut_page = |page: &[u8]| {
        let tail = format!("~{}", clicktrail_log::frame::Digest::of(page));
        format!("{}{tail}", std::str::from_utf8(&page[..8192 - tail.len()]).unwrap())
    };
    let long_page = [b"https://x.example/".as_slice(), &[b'x'; 8192]].concat();
    for headers in [
        &[][..],
        &[
            ("x-forwarded-for", b"1.1.1.1, 192.0.2.7".as_slice()),
            ("user-agent", b"Mozilla"),
            ("referer", b"https://x.example/"),
        ],
        &[("user-agent", b"caf\xe9"), ("referer", &long_page)],
        &[("user-agent", "café".as_bytes())],
    ] {
        assert_eq!(doors.send(visit(headers)).await.outcome(), "302");
    }
    assert_eq!(
        doors.logged(&["ip", "user_agent", "page_url"]).await,
        [
            "198.51.100.1 | - | ",
            "192.0.2.7 | Mozilla | https://x.example/",
            &format!("198.51.100.1 | café | {}", cut_page(&long_page)),
            "198.51.100.1 | café | ",
        ]
    );
}

#[tokio::test]
async fn click_that_cannot_be_stored_is_told_to_come_back() {
    let doors = Doors::open(Limits::default()).await;
    doors.break_clicks();
    doors.break_rejected();
    for (request, outcome) in [
        ("GET /c/known", "503 log_unavailable"),
        ("GET /c/new", "503 log_unavailable"),
        ("GET /c/known", "503 shutting_down"),
    ] {
        let answer = doors.ask(request, &[]).await;
        assert_eq!(answer.outcome(), outcome, "{request}");
        assert_eq!((answer.header("retry-after"), answer.header("location")), ("1", ""));
    }
    doors.check_counts((0, 0, 3));
}

#[tokio::test]
async fn pixel_is_an_impression() {
    let doors = Doors::open(Limits::default()).await;
    let answer = doors.ask("GET /i.gif?ad=known&pub=p&c=1&c=2&b=", &[]).await;
    assert_eq!(
        (answer.outcome().as_str(), answer.header("content-type"), answer.header("cache-control")),
        ("200", "image/gif", "no-store")
    );
    assert_eq!((&answer.body[..6], answer.body.len()), (b"GIF89a".as_slice(), 43));
    assert_eq!(doors.ask("HEAD /i.gif?ad=known", &[]).await.outcome(), "200");
    assert_eq!(doors.ask("GET /i.gif?ad=known", &[("sec-purpose", "prefetch;prerender")]).await.outcome(), "200");
    assert_eq!(doors.ask("GET /i.gif?ad=new", &[]).await.outcome(), "404 unknown_ad");
    assert_eq!(doors.ask("GET /i.gif", &[]).await.outcome(), "400 missing_field");
    let rows = doors.logged(&["kind", "ad_id", "publisher_id", "price_micros", "currency", "extra"]).await;
    assert_eq!(
        rows,
        [
            r#"impression | known | p | 0 | EUR | {"b":"","c":"1"}"#,
            "probe | known |  | 0 | EUR | ",
            "prefetch | known |  | 0 | EUR | "
        ]
    );
    assert_eq!(doors.rejected(&["source", "code"]).await, ["http /i.gif | unknown_ad", "http /i.gif | missing_field"]);
    doors.check_counts((3, 2, 0));
}

#[tokio::test]
async fn health_says_why_not() {
    let doors = Doors::open(Limits::default()).await;
    assert_eq!(doors.ask("GET /livez", &[]).await.json(), serde_json::json!({"status": "live"}));
    assert_eq!(doors.ask("GET /readyz", &[]).await.json(), serde_json::json!({"status": "ready"}));
    doors.state.ready.block("log", "weak durability");
    doors.state.ready.block("catalog", "cannot be reached");
    let answer = doors.ask("GET /readyz", &[]).await;
    assert_eq!(answer.outcome(), "503 not_ready");
    assert_eq!(answer.json()["detail"], "catalog: cannot be reached; log: weak durability");
    doors.state.ready.clear("log");
    doors.state.ready.clear("catalog");
    assert_eq!(doors.ask("GET /readyz", &[]).await.outcome(), "200");
}

#[tokio::test]
async fn metrics_show_the_conservation_terms_and_the_latency() {
    let doors = Doors::open(Limits::default()).await;
    doors.ask("GET /c/known", &[]).await;
    doors.ask("GET /c/new", &[]).await;
    let answer = doors.ask("GET /metrics", &[]).await;
    let text = String::from_utf8(answer.body).unwrap();
    for line in [
        "clicktrail_events_received_total 2",
        "clicktrail_events_logged_total 1",
        "clicktrail_events_rejected_total 1",
        "clicktrail_events_refused_total 0",
        "clicktrail_ack_latency_seconds_count 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    assert!(text.contains("clicktrail_ack_latency_seconds_bucket{le=\"0.005\"}"), "{text}");
}

#[tokio::test]
async fn flood_of_made_up_ads_is_answered_and_kept_in_part_while_clicks_are_kept_whole() {
    let doors = Doors::open(Limits::default()).await;
    let long = "x".repeat(60 << 10);
    for n in 0..140 {
        assert_eq!(doors.ask(&format!("GET /c/new-{n}?{long}"), &[]).await.outcome(), "404 unknown_ad");
    }
    let kept = doors.rejected(&["code"]).await.len();
    assert!((100..140).contains(&kept), "{kept} are kept");
    assert_eq!(doors.ask("GET /c/known", &[]).await.outcome(), "302");
    doors.check_counts((1, u64::try_from(kept).unwrap(), 0));
}
