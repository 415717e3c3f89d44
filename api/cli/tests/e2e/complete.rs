//! Every answer knows whether it is complete: after a crash, without its catalog, with a catalog that lost rows, with
//! the broker away; and `log verify --counters` finds what is not as archive and logs give it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clicktrail_log::frame::Digest;
use serde_json::{Value, json};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, SqliteConnection, sqlite::SqliteConnectOptions,
};

use crate::{
    installation::{Installation, Outcome},
    loader::AD,
    nats_server::NatsServer,
    real_log::tree,
    recount::sum,
    server::Server,
};

const COUNTERS: [&str; 5] = ["counters", "--by", "advertiser,campaign,ad", "--granularity", "hour"];

/// Five hours of made-up events, sealed.
pub(crate) fn simulated() -> Installation {
    let installation = Installation::embedded();
    installation.ask(&["simulate", "--events", "2000", "--hours", "5", "--seed", "7"]);
    installation
}

/// The catalog's file behind the program's back: what one database tool does to it.
pub(crate) async fn catalog(installation: &Installation) -> SqliteConnection {
    let path = installation.data().join("catalog.sqlite");
    SqliteConnectOptions::new().filename(path).foreign_keys(false).connect().await.unwrap()
}

async fn execute(installation: &Installation, sql: &str) {
    let mut connection = catalog(installation).await;
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

pub(crate) fn delete_catalog(installation: &Installation) {
    for name in ["catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"] {
        let _ = fs::remove_file(installation.data().join(name));
    }
}

/// Asks for everything, and demands that it is said in one line that something is missing: this.
#[track_caller]
fn lacks(installation: &Installation, what: &str) -> Outcome {
    let said = |outcome: &Outcome| {
        let stderr = outcome.stderr();
        let lines: Vec<&str> = stderr.lines().filter(|line| line.starts_with("incomplete: ")).collect();
        assert!(lines.len() == 1 && lines[0].contains(what), "{what}: {outcome}");
    };
    let answer = installation.run(&COUNTERS).exits(0);
    said(&answer);
    let refused = installation.run(&[&COUNTERS[..], &["--complete"]].concat()).exits(4);
    said(&refused);
    assert_eq!(refused.stdout(), answer.stdout(), "an incomplete answer is printed all the same");
    answer
}

#[track_caller]
fn is_complete(installation: &Installation) -> Outcome {
    let answer = installation.run(&[&COUNTERS[..], &["--complete"]].concat()).exits(0);
    assert!(!answer.stderr().contains("incomplete"), "{answer}");
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_a_crash_left_uncounted_are_said_until_they_are_counted() {
    let installation = Installation::embedded();
    let (client, mut sent) = (reqwest::Client::new(), 0);
    for attempt in 0.. {
        let server = Server::start(&installation);
        let event = |number: u64| {
            json!({
                "event_id": format!("e{attempt}-{number}"), "kind": "impression", "advertiser_id": "acme",
                "campaign_id": "spring", "ad_id": AD, "price_micros": 0, "currency": "EUR",
            })
        };
        let batch: Vec<Value> = (0..3).map(event).collect();
        let answer = client.post(format!("{}/v1/events", server.url())).json(&batch).send().await.unwrap();
        server.kill();
        assert!(answer.status().is_success(), "{answer:?}");
        sent += 3;
        let answer = installation.run(&["counters", "--output", "json"]).exits(0);
        let counted = sum(&answer.json(), "impressions");
        assert_eq!(counted < sent, answer.stderr().contains("not counted yet"), "{counted} of {sent}: {answer}");
        if counted < sent {
            break;
        }
        assert!(attempt < 50, "a server that is killed at once has always counted everything");
    }
    lacks(&installation, "frame logged since 2");
    let with_basis = installation.run(&["counters", "--output", "json", "--basis", "--complete"]).exits(4).json();
    assert_eq!(with_basis["complete"], json!(false));
    assert_eq!(with_basis["basis"]["missing"][0]["code"], json!("frames_uncounted"));
    assert!(with_basis["rows"].is_array(), "{with_basis}");
    assert!(installation.run(&["counters", "--as-of", "latest"]).exits(0).stderr().contains("not counted yet"));
    assert!(installation.run(&["log", "hours"]).exits(0).stderr().contains("not counted yet"));

    // While a server counts, whoever demands a complete answer waits for it.
    let server = Server::start(&installation);
    is_complete(&installation);
    server.stop(&[]);
    let rows = installation.ask(&["counters", "--complete"]);
    assert_eq!(sum(&rows, "impressions"), sent);
    let with_basis = installation.ask(&["counters", "--basis"]);
    assert_eq!((&with_basis["complete"], &with_basis["rows"]), (&json!(true), &rows));
}

#[test]
fn damaged_document_of_what_was_judged_is_named_and_made_again() {
    let installation = simulated();
    installation.run(&["log", "verify"]).exits(0);
    let tiers = installation.run(&["counters", "--tiers"]).exits(0);
    let path = installation.data().join("archive/coverage/clicks.json");
    let whole = fs::read(&path).unwrap();
    let mut changed = whole.clone();
    let place = whole.windows(5).position(|text| text == b"1.1.0").unwrap();
    changed[place + 2] = b'9';
    for damaged in [&whole[..whole.len() / 2], &changed, b""] {
        fs::write(&path, damaged).unwrap();
        let found = installation.run(&["log", "verify"]).exits(2);
        assert!(
            found.stderr().contains("PROBLEM coverage/clicks.json") && found.stderr().contains("rebuild"),
            "{found}"
        );
        assert_eq!(installation.run(&["counters", "--tiers"]).exits(0).stdout(), tiers.stdout(), "from its copy");
        installation.run(&["catalog", "rebuild"]).exits(0);
        assert_eq!(fs::read(&path).unwrap(), whole);
        installation.run(&["log", "verify"]).exits(0);
    }
}

#[test]
fn deleted_catalog_is_said_and_a_rebuild_makes_the_answer_complete() {
    let installation = simulated();
    let before = is_complete(&installation);
    delete_catalog(&installation);
    // Whoever reads has it made from the archive, and leaves none behind.
    let made = is_complete(&installation);
    assert_eq!(made.stdout(), before.stdout());
    assert!(made.stderr().contains("there is no catalog"), "{made}");
    assert!(!installation.data().join("catalog.sqlite").exists());
    // A server would begin with an empty one.
    installation.run(&["serve", "--listen", "127.0.0.1:0"]).exits(1);
    let empty = lacks(&installation, "the archive has sealed hours from 2026-01-01T00 on that are not counted");
    assert_eq!(empty.stdout().lines().count(), 1, "a header without rows: {empty}");
    let refused = installation.run(&["serve", "--listen", "127.0.0.1:0"]).exits(1);
    assert!(refused.stderr().contains("the catalog is empty, but the archive has sealed hours"), "{refused}");
    installation.run(&["log", "verify", "--counters"]).exits(2);
    installation.run(&["catalog", "rebuild"]).exits(0);
    assert_eq!(is_complete(&installation).stdout(), before.stdout());
    installation.run(&["log", "verify", "--counters"]).exits(0);
}

#[test]
fn manifest_that_is_missing_in_the_middle_makes_no_complete_answer() {
    let installation = simulated();
    let whole = is_complete(&installation);
    let archive = installation.data().join("archive/manifests/clicks");
    let middle = tree(&archive).into_keys().find(|path| path.to_string_lossy().contains("2026-01-01T02")).unwrap();
    let path = archive.join(middle);
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let refused = installation.run(&[&COUNTERS[..], &["--complete"]].concat()).exits(4);
    assert!(refused.stderr().contains("the archive does not hold 2026-01-01T02"), "{refused}");
    assert_eq!(refused.stdout(), whole.stdout());
    fs::write(&path, bytes).unwrap();
    is_complete(&installation);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_that_the_catalog_lacks_is_said_and_a_rebuild_brings_it_back() {
    let installation = simulated();
    let whole = is_complete(&installation);
    let hour = |number: i64| format!("(SELECT MIN(hour) FROM hours) + {number}");
    let forget = |number: i64| {
        let tables = ["live_segments", "segments", "reconciliations", "hours"];
        tables.map(|table| format!("DELETE FROM {table} WHERE hour = {};", hour(number))).concat()
    };
    let losses = [
        (
            format!("DELETE FROM live_segments WHERE hour = {}", hour(2)),
            "the catalog has lost the segment of 2026-01-01T02",
        ),
        (forget(2), "between 2026-01-01T01 and 2026-01-01T03"),
        (forget(0), "the archive has sealed hours before 2026-01-01T01 that are not counted"),
        (format!("DELETE FROM hours WHERE hour = {}", hour(4)), "the archive has sealed hours from 2026-01-01T04 on"),
        (
            "UPDATE hours SET manifest_digest = 'x', row_digest = '' WHERE hour = (SELECT MAX(hour) FROM hours)"
                .to_owned(),
            "2026-01-01T04 as it is counted",
        ),
    ];
    for (loss, said) in losses {
        execute(&installation, &loss).await;
        let lacking = lacks(&installation, said);
        installation.run(&["log", "verify", "--counters"]).exits(2);
        if loss.contains("manifest_digest") {
            // The archive does not hold what the catalog says: which of the two is right, a person must say.
            installation.run(&["catalog", "rebuild"]).exits(4);
            delete_catalog(&installation);
        } else {
            assert_ne!(lacking.stdout(), whole.stdout(), "{loss}");
        }
        installation.run(&["catalog", "rebuild"]).exits(0);
        assert_eq!(is_complete(&installation).stdout(), whole.stdout(), "after a rebuild from {loss}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_of_open_frames_that_are_lost_are_named() {
    let installation = Installation::embedded();
    let server = Server::start(&installation);
    for seed in ["1", "2", "3"] {
        let load =
            ["simulate", "--url", &server.url(), "--events", "200", "--hours", "1", "--seed", seed, "--batch", "50"];
        installation.ask(&load);
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }
    server.stop(&[]);
    is_complete(&installation);
    installation.run(&["log", "verify", "--counters"]).exits(4);
    let whole = installation.ask(&COUNTERS);
    execute(&installation, "DELETE FROM hot_partials WHERE first_seq = (SELECT MIN(first_seq) FROM hot_partials)")
        .await;
    lacks(&installation, "the catalog has lost the counts of frames 1 to ");
    installation.run(&["counters", "--as-of", "latest"]).exits(0);
    let verified = installation.run(&["log", "verify", "--counters"]).exits(2);
    assert!(
        verified.stdout().contains("DIFFERENCE open  ") && verified.stdout().contains("DIFFERENCE all  "),
        "{verified}"
    );
    // Nothing is sealed: 4 says so. What is open was counted again all the same.
    installation.run(&["catalog", "rebuild"]).exits(4);
    is_complete(&installation);
    assert_eq!(installation.ask(&COUNTERS), whole);
}

/// The live segment of the hour so many after the first: its file.
async fn live_segment(installation: &Installation, number: i64) -> PathBuf {
    let mut connection = catalog(installation).await;
    let sql = "SELECT segment_key FROM segments WHERE sealed = 1 AND hour = (SELECT MIN(hour) FROM hours) + $1";
    let row = sqlx::query(sql).bind(number).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    installation.data().join("archive").join(row.get::<String, _>(0))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_damaged_or_forged_segment_is_named_by_a_recount() {
    let installation = simulated();
    let sound = installation.run(&["log", "verify", "--counters"]).exits(0);
    assert!(
        sound
            .stdout()
            .contains("5 hours computed again, and what was counted since: what counts is what archive and logs give"),
        "{sound}"
    );
    let before = tree(&installation.data());
    let (victim, other) = (live_segment(&installation, 2).await, live_segment(&installation, 1).await);
    let original = fs::read(&victim).unwrap();

    fs::remove_file(&victim).unwrap();
    let gone = installation.run(&["log", "verify", "--counters"]).exits(2);
    assert!(gone.stdout().contains("PROBLEM 2026-01-01T02") && gone.stdout().contains("is missing"), "{gone}");
    let mut damaged = original.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(&victim, &damaged).unwrap();
    let found = installation.run(&["log", "verify", "--counters"]).exits(2);
    assert!(found.stdout().contains("PROBLEM 2026-01-01T02") && found.stdout().contains("is damaged"), "{found}");
    fs::write(&victim, &original).unwrap();

    // A segment of other numbers, under a name of its own, which the catalog points at: nothing else notices.
    let forged = fs::read(&other).unwrap();
    let digest = Digest::of(&forged).to_string();
    let place = victim.with_file_name(format!("{}.parquet", &digest[..32]));
    fs::write(&place, &forged).unwrap();
    point_at(&installation, &place, &forged, &digest).await;
    let answer = installation.run(&COUNTERS).exits(0);
    assert!(!answer.stderr().contains("incomplete"), "{answer}");
    let found = installation.run(&["log", "verify", "--counters", "--output", "json"]).exits(2);
    let findings = found.json()["counters"]["findings"].as_array().unwrap().clone();
    let of_hour = |finding: &&Value| finding["part"] == json!("2026-01-01T02");
    let differs = findings.iter().filter(of_hour).find(|finding| finding["column"] == json!("clicks"));
    let differs = differs.unwrap_or_else(|| panic!("no difference of clicks: {found}"));
    assert!(differs["advertiser_id"].is_string() && differs["recomputed"] != differs["counted"], "{differs}");
    assert!(
        findings.iter().any(|finding| finding["reason"].as_str().is_some_and(|why| why.contains("receipt"))),
        "{found}"
    );
    assert!(findings.iter().all(|finding| ["2026-01-01T02", "all"].iter().any(|part| finding["part"] == json!(part))));

    // A rebuild takes the receipt's word, not the catalog's; and verifying has written nothing.
    installation.run(&["catalog", "rebuild"]).exits(0);
    installation.run(&["log", "verify", "--counters"]).exits(0);
    fs::remove_file(&place).unwrap();
    let archive = |tree: std::collections::BTreeMap<PathBuf, Vec<u8>>| {
        tree.into_iter().filter(|(path, _)| path.starts_with("archive")).collect::<Vec<_>>()
    };
    assert!(archive(tree(&installation.data())) == archive(before), "the archive has changed");
}

async fn point_at(installation: &Installation, place: &Path, bytes: &[u8], digest: &str) {
    let key = place.strip_prefix(installation.data().join("archive")).unwrap().to_str().unwrap().to_owned();
    let hour = "(SELECT MIN(hour) FROM hours) + 2";
    let rows = "(SELECT rows FROM segments WHERE hour = (SELECT MIN(hour) FROM hours) + 1)";
    let size = bytes.len();
    execute(
        installation,
        &format!(
            "UPDATE segments SET row_digest = '', segment_key = '{key}', bytes = {size}, rows = {rows},
                 output_digest = '{digest}'
                 WHERE hour = {hour};"
        ),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broker_that_is_away_is_said_and_fails_no_answer_that_does_not_need_it() {
    let broker = NatsServer::start();
    let installation = Installation::on_broker(&broker);
    installation.register_ads(&[AD]);
    let server = Server::start(&installation);
    installation.ask(&["simulate", "--url", &server.url(), "--events", "500", "--hours", "1", "--seed", "7"]);
    server.stop(&[]);
    let before = is_complete(&installation);
    drop(broker);
    let answer = lacks(&installation, "the click log cannot be reached");
    assert_eq!(answer.stdout(), before.stdout());
}
