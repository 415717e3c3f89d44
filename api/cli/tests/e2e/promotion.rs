//! The engineer's story: code that counts probes as clicks goes live, is noticed by computing hours again, and is put
//! right by a build beside it. What counts is whole generations throughout, whoever reads when.

use std::{
    collections::BTreeSet,
    fs,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use clicktrail_log::{
    log::Stream,
    time::{Clock as _, SystemClock},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    complete::{delete_catalog, simulated},
    installation::Installation,
    loader::{AD, Loader, ended},
    nats_server::NatsServer,
    production::{becomes_counted, seal_as_if},
    server::Server,
};

const RELEASED: &str = include_str!("../../../../projections/src/counters/counters.sql");

/// Counts probes as clicks, and bills them.
fn broken(installation: &Installation) -> String {
    let text = RELEASED
        .replace("(WHERE c.kind = 'click') AS clicks", "(WHERE c.kind IN ('click', 'probe')) AS clicks")
        .replace(
            "(WHERE c.kind = 'click' AND r.category IS NULL) AS billable",
            "(WHERE c.kind IN ('click', 'probe') AND r.category IS NULL) AS billable",
        );
    assert_eq!(
        text.matches("'probe')").count(),
        3,
        "two columns of the released SQL count otherwise, one counts probes"
    );
    let path = installation.data().join("broken.sql");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn sum(rows: &Value, column: &str) -> i64 {
    let value = |row: &Value| {
        let value = &row[column];
        value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok())).unwrap()
    };
    rows.as_array().unwrap().iter().map(value).sum()
}

/// Builds, and gives the id.
fn build(installation: &Installation, options: &[&str]) -> String {
    let built = installation.ask(&[&["replay", "build"], options].concat());
    assert_eq!(built["state"], json!("built"), "{built}");
    built["generation"].as_str().unwrap().to_owned()
}

/// By how much a column changes, and in how many hours, as `diff` says. Every change is the code's.
fn difference(installation: &Installation, which: &str, column: &str) -> (i64, usize) {
    let arguments = ["replay", "diff", which, "--by", "hour,advertiser", "--output", "json"];
    let diff = installation.run(&arguments).exits(2).json();
    let groups = diff["groups"].as_array().unwrap();
    assert!(groups.iter().all(|group| group["cause"] == json!("code")), "{diff}");
    let change = groups.iter().map(|group| group["change"][column].as_str().unwrap().parse::<i64>().unwrap()).sum();
    let hours: BTreeSet<&str> = groups.iter().map(|group| group["hour"].as_str().unwrap()).collect();
    (change, hours.len())
}

/// `question` is about sealed hours only, so its answer changes only when live pointers do.
fn story(installation: &Installation, question: &[&str]) {
    let right = installation.ask(question);
    let (clicks, probes) = (sum(&right, "clicks"), sum(&right, "probes"));
    assert!(probes > 0, "there are probes");
    installation.run(&["replay", "verify", "live"]).exits(0);

    let sql = broken(installation);
    let bad = build(installation, &["--sql", &sql]);
    assert_eq!(installation.ask(question), right, "a build counts for nothing");
    assert_eq!(difference(installation, &bad, "clicks").0, probes);
    let refused = installation.run(&["replay", "promote", &bad, "--max-delta", "0%", "--dry-run"]).exits(3);
    assert!(refused.stderr().contains("gate max-delta"), "{refused}");
    installation.ask(&["replay", "promote", &bad, "--max-delta", "any", "--reason", "release"]);
    let wrong = installation.ask(question);
    assert_eq!((sum(&wrong, "clicks"), sum(&wrong, "probes")), (clicks + probes, probes));

    let noticed = installation.run(&["replay", "verify", "live", "--output", "json"]).exits(2).json();
    let detail = noticed["findings"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("clicks") && detail.contains("computed"), "{noticed}");
    // What it says it built, it did build.
    installation.run(&["replay", "verify", &bad]).exits(0);

    let planned = installation.ask(&["replay", "plan", "counters"]);
    assert_eq!(planned["to_build"]["hours"], json!(0), "what the released code built is there: {planned}");
    let good = build(installation, &[]);
    let (change, hours) = difference(installation, &good, "clicks");
    let probing = installation.ask(&[question, &["--granularity", "hour"]].concat());
    let probing: BTreeSet<&str> = probing
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["probes"] != json!(0))
        .map(|row| row["bucket"].as_str().unwrap())
        .collect();
    assert_eq!((change, hours), (-probes, probing.len()));
    let diff =
        installation.run(&["replay", "diff", &good, "--events", "--limit", "100000", "--output", "json"]).exits(2);
    let diff = diff.json();
    let events = diff["events"].as_array().unwrap();
    let behind = events.iter().filter(|event| event["kind"] == json!("probe")).count();
    assert_eq!(i64::try_from(behind).unwrap(), probes.min(1_000), "the probes are among the events behind the rows");

    installation.ask(&["replay", "promote", &good, "--max-delta", "any", "--reason", "probes are no clicks"]);
    assert_eq!(installation.ask(question), right);
    installation.run(&["replay", "verify", "live"]).exits(0);
    installation.ask(&["replay", "rollback", &good]);
    assert_eq!(installation.ask(question), wrong);
    installation.ask(&["replay", "promote", &good, "--max-delta", "any"]);
    assert_eq!(installation.ask(question), right);
    let again = installation.run(&["replay", "promote", &good, "--max-delta", "any"]).exits(3);
    assert!(again.stderr().contains("gate state"), "{again}");
    let log = installation.ask(&["replay", "log"]);
    let actions: Vec<&str> = log.as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["promote", "promote", "rollback", "promote"], "{log}");
    assert_eq!(log[1]["reason"], json!("probes are no clicks"));
}

/// Asks all the time, and keeps each different answer.
fn poll<T>(installation: &Installation, question: &[&str], work: impl FnOnce() -> T) -> (T, Vec<Value>) {
    let (stop, seen) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let done = thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let answer = installation.ask(question);
                let mut seen = seen.lock().unwrap();
                if seen.last() != Some(&answer) {
                    seen.push(answer);
                }
            }
        });
        let done = work();
        stop.store(true, Ordering::Relaxed);
        done
    });
    (done, seen.into_inner().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_code_is_noticed_put_right_and_rolled_back_while_traffic_goes_on() {
    let installation = simulated();
    installation.register_ads(&[AD]);
    let server = Server::start(&installation);
    let (loader, stop) = (Loader::default(), CancellationToken::new());
    let clients = loader.start(&server.url(), &stop);
    let question = ["counters", "--by", "advertiser,ad", "--from", "2026-01-01", "--to", "2026-01-02"];
    let ((), seen) = tokio::task::block_in_place(|| poll(&installation, &question, || story(&installation, &question)));
    stop.cancel();
    ended(clients).await;
    server.stop(&[]);
    let distinct: BTreeSet<String> = seen.iter().map(Value::to_string).collect();
    assert_eq!(distinct.len(), 2, "only whole generations were ever seen: {seen:?}");
    assert!(loader.look(|record| record.redirects) > 0, "there was traffic");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_code_is_noticed_and_put_right_on_postgres_s3_and_jetstream() {
    let broker = NatsServer::start();
    let installation = Installation::in_production(&broker).await;
    installation.register_ads(&[AD]);
    let server = Server::start(&installation);
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for number in 0..30 {
        let url = format!("{}/c/{AD}?eid=event-{number}", server.url());
        let request = if number % 3 == 0 { client.head(&url) } else { client.get(&url) };
        assert_eq!(request.send().await.unwrap().status().as_u16(), 302);
    }
    becomes_counted(&installation, 30).await;
    server.stop(&[]);
    let log = installation.log(Stream::Clicks).await;
    seal_as_if(&installation, log, SystemClock.now().hour(), false).await;
    tokio::task::block_in_place(|| story(&installation, &["counters", "--by", "advertiser,ad"]));
    installation.remove().await;
}

/// A catalog that is lost with its generations is made again, and counts what was promoted.
#[test]
fn what_was_promoted_counts_after_the_catalog_was_lost() {
    let installation = simulated();
    let question = ["counters", "--by", "advertiser,ad", "--granularity", "hour"];
    let right = installation.ask(&question);
    let sql = broken(&installation);
    let bad = build(&installation, &["--sql", &sql]);
    installation.ask(&["replay", "promote", &bad, "--max-delta", "any"]);
    let wrong = installation.ask(&question);
    assert_ne!(right, wrong);
    installation.ask(&["catalog", "rebuild"]);
    assert_eq!(installation.ask(&question), wrong, "a rebuild beside a catalog keeps what was promoted");
    delete_catalog(&installation);
    installation.ask(&["catalog", "rebuild"]);
    assert_eq!(installation.ask(&question), wrong, "and so does one without");
}

/// A backup of the catalog from before a promotion counts as before it: every answer says so until it is rebuilt.
#[test]
fn catalog_older_than_a_promotion_is_said_until_it_is_rebuilt() {
    let installation = simulated();
    let catalog = installation.data().join("catalog.sqlite");
    let question = ["counters", "--by", "advertiser"];
    installation.run(&["counters", "--complete"]).exits(0);
    let backup = fs::read(&catalog).unwrap();
    let sql = broken(&installation);
    let bad = build(&installation, &["--sql", &sql]);
    installation.ask(&["replay", "promote", &bad, "--max-delta", "any"]);
    let promoted = installation.ask(&question);
    delete_catalog(&installation);
    fs::write(&catalog, backup).unwrap();
    let old = installation.run(&["counters", "--complete"]).exits(4);
    assert!(old.stderr().contains("the archive has promotion 1"), "{old}");
    let verified = installation.run(&["log", "verify", "--counters"]).exits(2);
    assert!(verified.stdout().contains("promotion 1"), "{verified}");
    installation.ask(&["catalog", "rebuild"]);
    assert_eq!(installation.ask(&question), promoted);
    installation.run(&["counters", "--complete"]).exits(0);
}
