//! The log of issued documents from outside: sealed by a server, read, verified, and damaged.

use std::{fs, sync::Arc, time::Duration};

use clicktrail_live::sealing::Archiver;
use clicktrail_log::{
    archive::{Archive, keys::ManifestKey, seal},
    embedded::EmbeddedLog,
    frame::{Digest, Writer},
    invoices::{Artefact, DocumentKind, DocumentNumber, InvoiceEntry, schema},
    log::{Log, Stream},
    time::{Clock, Hour, ManualClock, SystemClock, Timestamp},
};
use clicktrail_projections::session;
use clicktrail_replay::issued;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    data_directory::stored, installation::Installation, nats_server::NatsServer, real_log::tree, server::Server,
};

const HOUR: i64 = 3_600_000_000;

/// Invoice `number`, or the credit note for the invoice before it.
fn entry(kind: DocumentKind, number: u32, issued_at: Timestamp) -> InvoiceEntry {
    let named = |series: &str, number| DocumentNumber { series: series.to_owned(), number };
    let series = if kind.is_note() { "CN" } else { "INV" };
    InvoiceEntry {
        document: Digest::of(format!("{series} {number}").as_bytes()),
        number: named(series, number),
        kind,
        advertiser_id: "acme".to_owned(),
        currency: "EUR".to_owned(),
        period: "2026-03".to_owned(),
        zone: "Europe/Berlin".to_owned(),
        period_from: Timestamp::from_micros(0),
        period_to: Timestamp::from_micros(60_000_000),
        issued_on: "2026-04-01".to_owned(),
        issued_at,
        total_minor: if kind.is_note() { -500 } else { 123_456 },
        minor_digits: 2,
        original: kind.is_note().then(|| named("INV", number)),
        basis: Digest::of(b"basis"),
        artefacts: vec![Artefact {
            format: "json".to_owned(),
            key: format!("{series}/{number}.json"),
            digest: Digest::of(b"json"),
            bytes: 4,
        }],
        actor: "ann".to_owned(),
    }
}

async fn append(log: Arc<dyn Log>, archive: &Archive, entries: &[InvoiceEntry]) -> Vec<String> {
    let places = issued::append(&log, archive, entries).await.unwrap();
    places.iter().map(ToString::to_string).collect()
}

/// What `log cat` prints of the stream, a value a row.
fn rows(installation: &Installation) -> Vec<Value> {
    let outcome = installation.run(&["log", "cat", "--stream", "invoices"]).exits(0);
    outcome.stdout().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn issued_documents_are_sealed_by_a_server_read_and_verified() {
    let installation = Installation::embedded();
    fs::create_dir_all(installation.data()).unwrap();
    let path = installation.data().join("invoices.sqlite");
    let before = SystemClock.now().plus_micros(-3 * HOUR);
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(before));
    let log: Arc<dyn Log> = Arc::new(EmbeddedLog::open(&path, Stream::Invoices, clock).await.unwrap());
    let documents = [DocumentKind::Invoice, DocumentKind::CreditNote].map(|kind| entry(kind, 1, before));
    assert_eq!(append(Arc::clone(&log), &installation.archive(), &documents).await, ["1.1.0", "1.1.1"]);
    drop(log);
    let found = rows(&installation);
    assert_eq!(found.len(), 2);
    assert_eq!((&found[0]["position"], &found[1]["position"]), (&json!("1.1.0"), &json!("1.1.1")));
    assert_eq!((&found[0]["total_minor"], &found[1]["total_minor"]), (&json!("123456"), &json!("-500")));
    assert_eq!((&found[0]["original_number"], &found[1]["original_number"]), (&Value::Null, &json!(1)));
    assert_eq!(found[0]["document"], json!(documents[0].document.to_string()));

    let server = Server::start(&installation);
    let last = ManifestKey { stream: Stream::Invoices, hour: Hour::from_i64(SystemClock.now().hour().as_i64() - 1) };
    let last = installation.data().join("archive").join(last.path().as_ref());
    for _ in 0..600 {
        if last.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    server.stop(&[]);
    assert_eq!(rows(&installation), found, "from the archive as from the log");
    let verified = installation.ask(&["log", "verify", "--deep"]);
    assert_eq!((&verified["invoices"]["rows"], &verified["problems"]), (&json!(2), &json!([])));
    let shown = installation.run(&["log", "verify"]).exits(0);
    assert!(shown.stdout().contains("2 issued documents, "), "{shown}");
    let published = installation.ask(&["schema", "show", "invoices"]);
    assert_eq!(published.as_array().unwrap().len(), 19);
    damage_is_named(&installation, before).await;
}

/// One bad byte, and a number that was given to two documents.
async fn damage_is_named(installation: &Installation, logged: Timestamp) {
    let archive = installation.data().join("archive");
    let key = tree(&archive).into_keys().find(|key| key.starts_with("invoices")).unwrap();
    let part = archive.join(&key);
    let whole = fs::read(&part).unwrap();
    let mut spoilt = whole.clone();
    spoilt[whole.len() / 2] ^= 1;
    fs::write(&part, spoilt).unwrap();
    let named = installation.run(&["log", "verify"]).exits(2);
    assert!(named.stdout().contains(key.to_str().unwrap()), "{named}");
    let refused = installation.run(&["log", "cat", "--stream", "invoices"]).exits(4);
    assert!(refused.stderr().contains(key.to_str().unwrap()), "{refused}");
    fs::write(&part, whole).unwrap();
    installation.run(&["log", "verify"]).exits(0);

    let other = InvoiceEntry { document: Digest::ZERO, ..entry(DocumentKind::Invoice, 1, logged) };
    let frames = schema::to_frames(&mut Writer::new(Uuid::from_u128(9), 1), &[other]).unwrap();
    installation.log(Stream::Invoices).await.append(&frames[0]).await.unwrap();
    let named = installation.run(&["log", "verify"]).exits(2);
    assert!(named.stderr().contains("number 1 of series INV was given to two documents"), "{named}");
}

#[test]
fn directory_of_an_earlier_version_gets_the_log_that_it_lacks_and_nothing_else_changes() {
    let installation = stored("data-1");
    let archive = installation.data().join("archive");
    let (path, before) = (installation.data().join("invoices.sqlite"), tree(&archive));
    assert!(!path.exists());
    assert_eq!(rows(&installation), [Value::Null; 0]);
    assert!(!path.exists(), "reading makes nothing");
    installation.run(&["ads", "pause", "unknown"]).exits(1);
    assert!(path.exists());
    let verified = installation.ask(&["log", "verify", "--deep"]);
    assert_eq!((&verified["invoices"]["hours"], &verified["problems"]), (&json!(0), &json!([])));
    assert!(tree(&archive) == before, "the archive is another");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn issued_documents_of_jetstream_and_s3_are_logged_once_sealed_and_verified() {
    let broker = NatsServer::start();
    let installation = Installation::in_production(&broker).await;
    fs::create_dir_all(installation.data()).unwrap();
    let now = SystemClock.now();
    let (archive, log) = (installation.archive(), installation.log(Stream::Invoices).await);
    let one = entry(DocumentKind::Invoice, 1, now);
    assert_eq!(append(Arc::clone(&log), &archive, std::slice::from_ref(&one)).await, ["1.1.0"]);
    assert_eq!(append(Arc::clone(&log), &archive, std::slice::from_ref(&one)).await, ["1.1.0"], "it is there");
    let later = SystemClock.now().hour().end_exclusive().plus_micros(i64::try_from(seal::GRACE.as_micros()).unwrap());
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(later));
    let (clicks, catalog) = (installation.log(Stream::Clicks).await, installation.postgres().await);
    let archiver = Archiver::new(clicks, archive.clone(), catalog, clock, session::Limits::default());
    let mut archiver = archiver.with_invoices(Arc::clone(&log));
    while archiver.seal_next_invoices(later).await.unwrap() {}
    let both = [one, entry(DocumentKind::Invoice, 2, now)];
    assert_eq!(append(Arc::clone(&log), &archive, &both).await, ["1.1.0", "1.2.0"]);
    assert_eq!(rows(&installation).len(), 2);
    let verified = installation.ask(&["log", "verify", "--deep"]);
    assert_eq!((&verified["invoices"]["rows"], &verified["problems"]), (&json!(1), &json!([])));
    installation.remove().await;
}
