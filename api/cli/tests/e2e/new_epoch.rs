//! A log that was lost, or of which an older copy is left: nobody goes on with it, and a new epoch loses and doubles
//! nothing more.

use std::{collections::BTreeMap, fs, path::Path, process::Command, sync::Arc, time::Duration};

use clicktrail_catalog::{Catalog, Sqlite};
use clicktrail_live::sealing::Archiver;
use clicktrail_log::{
    log::Stream,
    time::{Clock, ManualClock, SystemClock, Timestamp},
};
use clicktrail_projections::session;
use clicktrail_verdicts::reader::VerdictReader;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    installation::Installation,
    invoices::{LATE, PERIOD, click, draft_and_approve, issue, week},
    invoicing::import,
    loader::{self, AD, Loader},
    nats_server::NatsServer,
    recount::{sum, until_all_is_logged},
    server::Server,
};

const LOAD: Duration = Duration::from_millis(500);

async fn load(loader: &Loader, server: &Server<'_>) {
    let stop = CancellationToken::new();
    let clients = loader.start(&server.url(), &stop);
    tokio::time::sleep(LOAD).await;
    stop.cancel();
    loader::ended(clients).await;
}

/// What was acknowledged by now.
fn acknowledged(loader: &Loader) -> Vec<String> {
    loader.look(|record| record.acknowledged.keys().cloned().collect())
}

/// Everything that was ever logged and can be read: positions by event id.
#[track_caller]
fn history(installation: &Installation) -> BTreeMap<String, Vec<String>> {
    let cat = installation.run(&["log", "cat"]).exits(0).stdout();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in cat.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        found.entry(text("event_id")).or_default().push(text("position"));
    }
    found
}

/// What is kept is there once, what was lost is not, and all of it that is a click is counted, once.
#[track_caller]
fn check(installation: &Installation, kept: &[String], lost: &[String]) {
    let found = history(installation);
    for id in kept {
        assert_eq!(found.get(id).map(Vec::len), Some(1), "{id}");
    }
    assert!(lost.iter().all(|id| !found.contains_key(id)), "what was lost is not there");
    let mut positions: Vec<&String> = found.values().flatten().collect();
    let all = positions.len();
    positions.sort_unstable();
    positions.dedup();
    assert_eq!(positions.len(), all, "no address was given out twice");
    let cat = installation.run(&["log", "cat"]).stdout();
    let clicks = cat.lines().filter(|line| line.contains("\"kind\":\"click\"")).count();
    let counted = installation.ask(&["counters", "--complete"]);
    assert_eq!(usize::try_from(sum(&counted, "clicks")).unwrap(), clicks, "{counted}");
}

/// Nobody starts or writes, and each refusal names the way on.
#[track_caller]
fn is_refused(installation: &Installation) {
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["rejected", "retry"]] {
        let refused = installation.run(command).exits(1);
        assert!(refused.stderr().contains("clicktrail log new-epoch"), "{refused}");
    }
}

/// The manifest keeps what was lost, and nothing else is wrong with the archive.
#[track_caller]
fn only_the_loss_is_a_problem(installation: &Installation) {
    let verified = installation.run(&["log", "verify", "--deep", "--output", "json"]).exits(2).json();
    let reasons = verified["problems"].as_array().unwrap().iter().map(|problem| problem["reason"].as_str().unwrap());
    let reasons: Vec<&str> = reasons.collect();
    assert!(!reasons.is_empty() && reasons.iter().all(|reason| reason.contains("begins anew")), "{verified}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn older_copy_of_the_embedded_log_goes_on_in_a_new_epoch() {
    let installation = Installation::embedded();
    installation.register_ads(&[AD]);
    let loader = Loader::default();
    let server = Server::start(&installation);
    load(&loader, &server).await;
    server.stop(&[]);
    let (kept, older) = (acknowledged(&loader), installation.copied());
    let server = Server::start(&installation);
    load(&loader, &server).await;
    server.stop(&[]);
    let lost: Vec<String> = acknowledged(&loader).into_iter().filter(|id| !kept.contains(id)).collect();
    put_back(&older.data(), &installation.data(), "clicks.sqlite");
    put_back(&older.data(), &installation.data(), "verdicts.sqlite");
    is_refused(&installation);

    let begun = installation.ask(&["log", "new-epoch", "--reason", "the disk died", "--actor", "ann"]);
    let epochs: Vec<_> = begun.as_array().unwrap().iter().map(|one| (&one["stream"], &one["epoch"])).collect();
    assert!(epochs.contains(&(&json!("clicks"), &json!(2))), "{begun}");
    assert!(begun.as_array().unwrap().iter().any(|one| one["lost_frames"].as_u64() > Some(0)), "{begun}");
    check(&installation, &kept, &lost);
    let again = installation.run(&["log", "new-epoch"]).exits(0);
    assert!(again.stderr().contains("no epoch was begun"), "{again}");
    let trail = installation.ask(&["audit", "log", "--action", "log_new_epoch"]);
    assert!(trail[0]["detail"].as_str().unwrap().contains("lost") && trail[0]["actor"] == "ann", "{trail}");

    let server = Server::start(&installation);
    load(&loader, &server).await;
    server.stop(&[]);
    let kept: Vec<String> = acknowledged(&loader).into_iter().filter(|id| !lost.contains(id)).collect();
    check(&installation, &kept, &lost);
    only_the_loss_is_a_problem(&installation);
    let told = loader.look(|record| record.acknowledged.values().flatten().cloned().collect::<Vec<_>>());
    assert!(told.iter().any(|position| position.starts_with("2.")), "new addresses are of the new epoch");
    // A catalog that is made from nothing says the same.
    let before = installation.ask(&["counters"]);
    installation.run(&["catalog", "rebuild"]);
    assert_eq!(installation.ask(&["counters"]), before);
    // The older copy once more: it is refused again.
    put_back(&older.data(), &installation.data(), "clicks.sqlite");
    is_refused(&installation);
}

/// All logs are gone; what was sealed goes on.
#[test]
fn archive_whose_logs_are_gone_goes_on_with_bills_and_replays_across_the_boundary() {
    let installation = week();
    draft_and_approve(&installation, PERIOD, LATE[1]);
    let issued = issue(&installation, PERIOD);
    let before = history(&installation);
    for log in Stream::ALL {
        for end in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(installation.data().join(format!("{log}.sqlite{end}")));
        }
    }
    is_refused(&installation);
    installation.run(&["log", "new-epoch"]).exits(0);
    let later = Timestamp::parse_rfc3339("2026-03-11T09:00:00Z").unwrap();
    let later: Vec<Value> =
        (0..40).map(|minute| click("anew", minute, later.plus_micros(minute * 60_000_000))).collect();
    import(&installation, "later", &later);
    let ids = later.iter().map(|click| click["event_id"].as_str().unwrap().to_owned());
    let kept: Vec<String> = before.keys().cloned().chain(ids).collect();
    check(&installation, &kept, &[]);
    only_the_loss_is_a_problem(&installation);
    let position = before.values().next().unwrap()[0].clone();
    installation.run(&["verdicts", "show", &position]).exits(0);
    let ruling = ["verdicts", "add", &position, "--category", "sivt", "--reason", "a ring", "--actor", "ann"];
    installation.run(&ruling).exits(0);
    let built = installation.ask(&["replay", "build", "--stale"]);
    let id = built["generation"].as_str().unwrap();
    installation.run(&["replay", "promote", id, "--max-delta", "any", "--notes", LATE[0], LATE[1]]).exits(0);
    installation.ask(&["invoice", "approve", "--period", PERIOD]);
    assert_eq!(issue(&installation, PERIOD).len(), 1, "a note");
    for document in &issued {
        installation.run(&["invoice", "regenerate", document, "--from-raw"]).exits(0);
    }
}

/// As `until_all_is_logged`, in a log that does not begin with the first frame.
async fn until_are_logged(installation: &Installation, all: &[String]) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let found = history(installation);
        if all.iter().all(|id| found.contains_key(id)) {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "acknowledged events did not reach the log");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broker_that_went_back_to_an_older_store_goes_on_in_a_new_epoch() {
    let mut broker = NatsServer::start();
    let installation = Installation::on_broker(&broker);
    installation.register_ads(&[AD]);
    let loader = Loader::default();
    let server = Server::start(&installation);
    load(&loader, &server).await;
    until_all_is_logged(&installation, &loader).await;
    server.stop(&[]);
    let kept = acknowledged(&loader);
    broker.stop();
    let older = tempfile::tempdir().unwrap();
    copy(&broker.store(), older.path());
    broker.restart();
    let server = Server::start(&installation);
    load(&loader, &server).await;
    until_all_is_logged(&installation, &loader).await;
    server.stop(&[]);
    let lost: Vec<String> = acknowledged(&loader).into_iter().filter(|id| !kept.contains(id)).collect();
    broker.stop();
    fs::remove_dir_all(broker.store()).unwrap();
    copy(&older.path().join("store"), broker.store().parent().unwrap());
    broker.restart();
    is_refused(&installation);
    installation.run(&["log", "new-epoch"]).exits(0);
    check(&installation, &kept, &lost);
    let server = Server::start(&installation);
    load(&loader, &server).await;
    let all: Vec<String> = acknowledged(&loader).into_iter().filter(|id| !lost.contains(id)).collect();
    until_are_logged(&installation, &all).await;
    server.stop(&[]);
    check(&installation, &all, &lost);
    only_the_loss_is_a_problem(&installation);
}

/// An archiver whose clock is a day ahead seals the hours of a night that is still to come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hours_that_a_clock_ahead_sealed_are_taken_back_and_sealing_goes_on() {
    let installation = Installation::embedded();
    installation.register_ads(&[AD]);
    let loader = Loader::default();
    let server = Server::start(&installation);
    load(&loader, &server).await;
    server.stop(&[]);
    let (path, limits) = (installation.data().join("catalog.sqlite"), session::Limits::default());
    let catalog: Arc<dyn Catalog> = Arc::new(Sqlite::open(&path).await.unwrap());
    let verdicts = installation.log(Stream::Verdicts).await;
    let history = VerdictReader::new(Arc::clone(&verdicts), installation.archive());
    let ahead = SystemClock.now().plus_micros(26 * 3_600_000_000);
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(ahead));
    let clicks = installation.log(Stream::Clicks).await;
    let archiver = Archiver::new(clicks, installation.archive(), catalog, clock, limits);
    let mut archiver = archiver.behind_judge(verdicts, history);
    let mut sealed = 0;
    while archiver.seal_next(ahead).await.unwrap().is_some() {
        sealed += 1;
    }
    while archiver.seal_next_verdicts(ahead).await.unwrap() {}
    assert!(sealed > 20, "{sealed}");
    drop(archiver);
    let reopened = installation.ask(&["log", "reopen"]);
    assert!(reopened[0]["hours"].as_u64() > Some(20) && reopened[0]["stream"] == "clicks", "{reopened}");
    let hours = installation.ask(&["log", "hours"]);
    assert!(hours.as_array().unwrap().len() <= 2, "what is over, and the hour that was cut short: {hours}");
    let server = Server::start(&installation);
    load(&loader, &server).await;
    server.stop(&[]);
    check(&installation, &acknowledged(&loader), &[]);
    installation.run(&["log", "verify", "--deep"]).exits(0);
    assert_eq!(installation.ask(&["log", "reopen"])[0]["hours"], 0);
}

fn copy(from: &Path, into: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(into).status().unwrap().success());
}

/// Replaces a log by another state of it.
fn put_back(from: &Path, into: &Path, log: &str) {
    for end in ["", "-wal", "-shm"] {
        let name = format!("{log}{end}");
        let _ = fs::remove_file(into.join(&name));
        if from.join(&name).exists() {
            fs::copy(from.join(&name), into.join(&name)).unwrap();
        }
    }
}
