//! Rejected events are archived and trimmed as the other logs are: they are listed, shown, tried again and erased
//! wherever they stand.

use std::{sync::Arc, time::Duration};

use clicktrail_live::sealing::Archiver;
use clicktrail_log::{
    frame::Writer,
    log::{ReadLimit, Stream},
    position::Seq,
    rejected::{Rejected, RejectedBuilder},
    time::{Clock as _, ManualClock, SystemClock},
};
use clicktrail_projections::session;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    installation::Installation,
    nats_server::NatsServer,
    sealed::seal_rejected,
    searching::{look, marked, places},
    server::Server,
};

const DAY: i64 = 24 * 3_600_000_000;
const ADA: &str = "ada-lovelace-0815";
const BOB: &str = "bob-babbage-4711";
const PAGE: &str = "https://example.com/only-here";

/// Sends events that are all rejected: the first can be tried again once its ad is registered.
async fn reject(server: &Server<'_>, users: &[&str]) {
    let event = |user: &&str| {
        json!({"kind": "click", "ad_id": "hats", "event_id": format!("of-{user}"), "user_id": user, "page_url": PAGE,
            "currency": if *user == "somebody" { "EUR" } else { "EURO" }})
    };
    let events: Vec<Value> = users.iter().map(event).collect();
    let answer = reqwest::Client::new().post(format!("{}/v1/events", server.url())).json(&events).send().await.unwrap();
    let told: Value = answer.json().await.unwrap();
    let is_rejected = |result: &Value| result["status"] == json!("rejected");
    assert!(told["results"].as_array().unwrap().iter().all(is_rejected), "{told}");
}

/// The role `archive` at another time.
async fn archiver(installation: &Installation) -> Archiver {
    let (log, catalog) = (installation.log(Stream::Clicks).await, installation.catalog().await);
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let archiver = Archiver::new(log, installation.archive(), catalog, clock, session::Limits::default());
    archiver.with_rejected(installation.log(Stream::Rejected).await)
}

fn listed(installation: &Installation) -> Vec<Value> {
    installation.ask(&["rejected", "list"]).as_array().unwrap().clone()
}

/// What the log itself still holds.
async fn logged(installation: &Installation) -> usize {
    let log = installation.log(Stream::Rejected).await;
    let first = log.info().await.unwrap().first;
    log.read(first, ReadLimit::waiting(Duration::ZERO)).await.unwrap().len()
}

fn erase(user: &str) -> [&str; 8] {
    ["personal", "erase", "--user", user, "--yes", "--reason", "DSR-17", "--output=json"]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejected_events_are_listed_tried_again_and_erased_from_the_archive_as_from_the_log() {
    let installation = Installation::embedded();
    installation.register_ads(&["shoes"]);
    let server = Server::start(&installation);
    reject(&server, &["somebody", ADA, "another"]).await;
    server.stop(&[]);
    // Whoever opens a file as another closes it may not find what lies beside it.
    let open = (installation.log(Stream::Clicks).await, installation.log(Stream::Rejected).await);
    let _catalog = installation.catalog().await;
    let all = listed(&installation);
    assert_eq!(all.len(), 3, "{all:?}");

    // Sealed, they stand in both; trimmed, in the archive alone; then some are in the log again.
    seal_rejected(&installation).await;
    assert_eq!((listed(&installation), logged(&installation).await), (all.clone(), 1));
    let later = SystemClock.now().plus_micros(8 * DAY);
    assert!(archiver(&installation).await.trim(later).await.unwrap());
    assert_eq!((listed(&installation), logged(&installation).await), (all.clone(), 0));
    let position = all[1]["position"].as_str().unwrap();
    assert_eq!(installation.ask(&["rejected", "show", position]), all[1]);
    let printed = installation.run(&["log", "cat", "--stream", "rejected", "--output", "ndjson"]).exits(0).stdout();
    assert_eq!(printed.lines().count(), 3, "{printed}");
    let server = Server::start(&installation);
    reject(&server, &[BOB]).await;
    server.stop(&[]);
    let all = listed(&installation);
    assert_eq!((all.len(), logged(&installation).await), (4, 1));
    installation.run(&["rejected", "show", "1.99.0"]).exits(1);

    // Erasing makes the files anew, and who has them open here cannot open them once more.
    drop(open);
    tokio::time::sleep(Duration::from_millis(500)).await;
    // She is erased at once: her hour is sealed. He waits until his is.
    assert!(!places(&installation, ADA).await.is_empty());
    let done = installation.run(&erase(ADA)).exits(0).json();
    assert_eq!((&done["requests"][0]["rejected"], &done["requests"][0]["done"]), (&json!(1), &json!(true)), "{done}");
    assert_eq!(places(&installation, ADA).await, Vec::<String>::new());
    let open = installation.run(&erase(BOB)).exits(5).json();
    let waits = open["requests"][0]["waits_for"].to_string();
    assert!(waits.contains("rejected events of hours that are not sealed yet"), "{open}");
    seal_rejected(&installation).await;
    assert_eq!(installation.ask(&["personal", "apply"])["requests"][0]["rejected"], json!(1));
    assert_eq!(places(&installation, BOB).await, Vec::<String>::new());
    assert_eq!(logged(&installation).await, 0, "frames of sealed hours left the log, long before a week");
    let left = listed(&installation);
    let known = |entries: &[Value]| entries.iter().map(|entry| entry["position"].clone()).collect::<Vec<_>>();
    assert_eq!(known(&left), known(&all));
    assert_eq!((&left[0], &left[2]), (&all[0], &all[2]));
    for erased in [&left[1], &left[3]] {
        assert_eq!((&erased["detail"], &erased["original"]), (&json!("what arrived was erased"), &json!("")));
    }
    let verified = installation.ask(&["log", "verify", "--deep"]);
    assert_eq!((&verified["rejected"]["erased"], &verified["problems"]), (&json!(2), &json!([])), "{verified}");

    installation.register_ads(&["hats"]);
    let retried = installation.ask(&["rejected", "retry"]);
    assert_eq!((&retried["read"], &retried["logged"], &retried["rejected_again"]), (&json!(4), &json!(1), &json!(3)));
    let retried = installation.ask(&["rejected", "retry"]);
    assert_eq!((&retried["logged"], &retried["logged_before"]), (&json!(0), &json!(1)), "{retried}");

    // What is too old goes, and the log of what was rejected stays.
    let retained = archiver(&installation).await.retain(SystemClock.now().plus_micros(70 * DAY), 0).await.unwrap();
    assert_eq!((retained.rejected.rows, retained.rejected.left_alone), (2, 0), "{retained:?}");
    let with_page = places(&installation, PAGE).await;
    assert!(with_page.iter().all(|place| place.contains("clicks")), "only what was tried again: {with_page:?}");
    assert_eq!(known(&listed(&installation)), known(&all));
    let shown = installation.ask(&["retention", "show"]);
    let purpose = shown.as_array().unwrap().iter().find(|row| row["what"] == "what arrived and was rejected").cloned();
    assert_eq!(purpose.unwrap()["oldest"], Value::Null, "{shown}");
    installation.run(&["log", "verify", "--deep"]).exits(0);
}

/// What programs left that archived no rejected events, and erased by appending them again: each is known by where it
/// stood first, before it is sealed and afterwards.
#[tokio::test]
async fn rejected_log_of_an_earlier_version_that_erased_goes_on() {
    let installation = Installation::embedded();
    installation.register_ads(&["hats"]);
    let (log, now) = (installation.log(Stream::Rejected).await, SystemClock.now());
    let mut builder = RejectedBuilder::with_capacity(1);
    builder.push(&Rejected {
        rejected_at: now,
        source: "http /v1/events".into(),
        item: 0,
        code: "unknown_ad".into(),
        detail: "no ad hats".into(),
        original: br#"{"kind":"click","ad_id":"hats"}"#.into(),
    });
    let rows = builder.finish();
    let mut writer = Writer::new(Uuid::from_u128(5), 1);
    for _ in 0..3 {
        log.append(&writer.seal(&rows, (now, now)).unwrap()).await.unwrap();
    }
    for origin in 1..=3_u8 {
        let mut bytes = *b"ctrej\x01\0\0\0\0\0\0\0\0\0\0";
        bytes[15] = origin;
        let identity = uuid::Builder::from_custom_bytes(bytes).into_uuid();
        let copy = Writer::new(identity, 1).seal(&rows, (now, now)).unwrap();
        log.append(&copy).await.unwrap();
    }
    log.trim(Seq::new(4).unwrap()).await.unwrap();
    log.append(&writer.seal(&rows, (now, now)).unwrap()).await.unwrap();
    let positions = || -> Vec<Value> { listed(&installation).iter().map(|entry| entry["position"].clone()).collect() };
    let known = ["1.1.0", "1.2.0", "1.3.0", "1.7.0"].map(|position| json!(position));
    assert_eq!(positions(), known);
    assert_eq!(installation.ask(&["rejected", "retry"])["logged"], json!(4));
    seal_rejected(&installation).await;
    log.trim(Seq::new(8).unwrap()).await.unwrap();
    assert_eq!(positions(), known);
    assert_eq!(installation.ask(&["rejected", "show", "1.2.0"])["position"], json!("1.2.0"));
    assert_eq!(installation.ask(&["rejected", "retry"])["logged_before"], json!(4));
    assert_eq!(installation.ask(&["log", "verify", "--deep"])["problems"], json!([]));
}

/// A broker has no free pages to be scrubbed: once all that was rejected is sealed, its files go with the frames.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejected_events_leave_a_broker_and_its_files_and_are_read_from_s3() {
    let broker = NatsServer::start();
    let installation = Installation::in_production(&broker).await;
    installation.register_ads(&["shoes"]);
    let server = Server::start(&installation);
    reject(&server, &[ADA, "another"]).await;
    server.stop(&[]);
    let all = listed(&installation);
    let held = look(&installation, ADA).await;
    assert!(!marked(&broker.store(), &held.marks).is_empty(), "{:?}", held.places);
    seal_rejected(&installation).await;
    let erased = installation.run(&erase(ADA)).exits(5).json();
    assert_eq!(erased["requests"][0]["rejected"], json!(1), "{erased}");
    assert_eq!(places(&installation, ADA).await, Vec::<String>::new());
    assert_eq!(logged(&installation).await, 0);
    broker_frees(&broker, &held.marks).await;
    assert_eq!(listed(&installation)[1], all[1]);
    installation.remove().await;
}

/// Waits until no file of the broker holds any of these frames.
pub(crate) async fn broker_frees(broker: &NatsServer, marks: &[(String, Vec<u8>)]) {
    let begin = std::time::Instant::now();
    loop {
        let left = marked(&broker.store(), marks);
        if left.is_empty() {
            return;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{left:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
