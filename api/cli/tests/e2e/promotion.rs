//! The engineer's story: code that counts probes as clicks goes live, is noticed by computing hours again, and is put
//! right by a build beside it. What counts is whole generations throughout, whoever reads when.

use std::{
    collections::BTreeSet,
    fs,
    process::Stdio,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
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
    replay::kills,
    seed::Seed,
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
    let moved = installation.ask(&["replay", "log"]).as_array().unwrap().len();
    let (clicks, probes) = (sum(&right, "clicks"), sum(&right, "probes"));
    assert!(probes > 0, "there are probes");
    installation.run(&["replay", "verify", "live"]).exits(0);

    let sql = broken(installation);
    let bad = build(installation, &["--sql", &sql]);
    assert_eq!(installation.ask(question), right, "a build counts for nothing");
    assert_eq!(difference(installation, &bad, "clicks").0, probes);
    let refused = installation.run(&["replay", "promote", &bad, "--max-delta", "0%", "--dry-run"]).exits(3);
    assert!(refused.stderr().contains("gate max-delta"), "{refused}");
    installation.ask(&["replay", "promote", &bad, "--max-delta", "any", "--reason", "release", "--actor", "eve"]);
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

    installation.ask(&[
        "replay",
        "promote",
        &good,
        "--max-delta",
        "any",
        "--reason",
        "probes are no clicks",
        "--actor",
        "eve",
    ]);
    assert_eq!(installation.ask(question), right);
    installation.run(&["replay", "verify", "live"]).exits(0);
    installation.ask(&["replay", "rollback", &good]);
    assert_eq!(installation.ask(question), wrong);
    installation.ask(&["replay", "promote", &good, "--max-delta", "any", "--actor", "eve"]);
    assert_eq!(installation.ask(question), right);
    let again = installation.run(&["replay", "promote", &good, "--max-delta", "any", "--actor", "eve"]).exits(3);
    assert!(again.stderr().contains("gate state"), "{again}");
    let log = installation.ask(&["replay", "log"]);
    let log = &log.as_array().unwrap()[moved..];
    let actions: Vec<&str> = log.iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["promote", "promote", "rollback", "promote"], "{log:?}");
    assert_eq!(log[1]["reason"], json!("probes are no clicks"));
    let trail = installation.ask(&["audit", "log", "--action", "promote", "--actor", "eve"]);
    let rows: Vec<_> =
        trail.as_array().unwrap().iter().map(|row| (row["result"].as_str(), row["reason"].as_str())).collect();
    let (done, refused) = (Some("done"), Some("refused"));
    let said = [(done, Some("release")), (done, Some("probes are no clicks")), (done, Some("")), (refused, Some(""))];
    assert_eq!(rows, said, "{trail}");
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
    let question = ["counters", "--by", "advertiser,ad"];
    tokio::task::block_in_place(|| check_races(&installation, &question));
    tokio::task::block_in_place(|| story(&installation, &question));
    installation.remove().await;
}

/// Lets processes promote at the same time; gives who won, and what the other one said.
fn race(installation: &Installation, ids: [&str; 2]) -> (usize, String) {
    let racing = ids.map(|id| {
        let mut command = installation.command(&["replay", "promote", id, "--max-delta", "any"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    });
    let ended = racing.map(|process| process.wait_with_output().unwrap());
    let codes = ended.each_ref().map(|output| output.status.code());
    let said = ended.map(|output| String::from_utf8(output.stderr).unwrap());
    match codes {
        [Some(0), Some(3)] => (0, said[1].clone()),
        [Some(3), Some(0)] => (1, said[0].clone()),
        other => panic!("{other:?}: {said:?}"),
    }
}

/// Two generations of the same hours, and one generation twice.
fn check_races(installation: &Installation, question: &[&str]) {
    let before = installation.ask(question);
    let bad = build(installation, &["--sql", &broken(installation)]);
    let same = installation.data().join("same.sql");
    fs::write(&same, format!("-- as released\n{RELEASED}")).unwrap();
    let same = build(installation, &["--sql", same.to_str().unwrap()]);
    let ids = [bad.as_str(), same.as_str()];
    for _ in 0..3 {
        let (winner, said) = race(installation, ids);
        assert!(said.contains("refused") && said.contains("plan again"), "{said}");
        assert_eq!(installation.ask(question) != before, winner == 0);
        installation.ask(&["replay", "rollback", ids[winner]]);
        assert_eq!(installation.ask(question), before);
        let (_, said) = race(installation, [ids[0], ids[0]]);
        assert!(said.contains("refused") && said.contains("promoted"), "{said}");
        installation.ask(&["replay", "rollback", ids[0]]);
    }
    let trail = installation.ask(&["audit", "log", "--action", "promote"]);
    let refused = trail.as_array().unwrap().iter().filter(|row| row["result"] == json!("refused")).count();
    assert_eq!(refused, 6, "each of those who lost is in the trail: {trail}");
}

#[test]
fn of_two_promotions_at_once_one_wins_and_the_other_says_why() {
    check_races(&simulated(), &["counters", "--by", "advertiser,ad"]);
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

/// What `doctor` says of promotions: whether all is well, and what it found.
fn promotions(installation: &Installation) -> (bool, String) {
    let outcome = installation.run(&["doctor", "--output", "json"]);
    let found = outcome.json();
    let line = found.as_array().unwrap().iter().find(|line| line["check"] == json!("promotions")).unwrap().clone();
    let is_good = line["ok"].as_bool().unwrap();
    assert!(is_good || outcome.code() == 2, "{outcome}");
    (is_good, line["detail"].as_str().unwrap().to_owned())
}

#[test]
fn doctor_holds_promotions_against_their_records() {
    let installation = simulated();
    assert_eq!(promotions(&installation), (true, "0 promotions, each with the same record in the archive".to_owned()));
    let sql = broken(&installation);
    let bad = build(&installation, &["--sql", &sql]);
    installation.ask(&["replay", "promote", &bad, "--max-delta", "any"]);
    let backup = fs::read(installation.data().join("catalog.sqlite")).unwrap();
    installation.ask(&["replay", "rollback", &bad]);
    assert!(promotions(&installation).0);

    let folder = installation.data().join("archive/promotions");
    let mut records: Vec<_> = walk(&folder);
    records.sort();
    let sound = fs::read_to_string(&records[0]).unwrap();
    fs::remove_file(&records[0]).unwrap();
    let (is_good, detail) = promotions(&installation);
    assert!(!is_good && detail.contains("1 promotion from number 1 on without a record"), "{detail}");
    installation.run(&["replay", "log"]).exits(0);
    assert_eq!(fs::read_to_string(&records[0]).unwrap(), sound, "`replay log` puts it there again");
    assert!(promotions(&installation).0);

    fs::write(&records[0], sound.replace("\"moved\": \"promote\"", "\"moved\": \"rollback\"")).unwrap();
    let (is_good, detail) = promotions(&installation);
    assert!(!is_good && detail.contains("promotions/") && detail.contains("checksum"), "{detail}");
    fs::write(&records[0], sound).unwrap();
    delete_catalog(&installation);
    fs::write(installation.data().join("catalog.sqlite"), backup).unwrap();
    let (is_good, detail) = promotions(&installation);
    assert!(!is_good && detail.contains("promotion 2, which the catalog does not know"), "{detail}");
}

/// All files below a folder.
fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// A promotion that is killed at any moment is done or not done: nobody ever reads half of it.
#[test]
fn killed_promotions_and_rollbacks_are_whole_or_nothing() {
    let installation = simulated();
    let question = ["counters", "--by", "advertiser,ad", "--granularity", "hour"];
    let right = installation.ask(&question);
    let sql = broken(&installation);
    let bad = build(&installation, &["--sql", &sql]);
    let promote = ["replay", "promote", &bad, "--max-delta", "any"];
    let rollback = ["replay", "rollback", &bad];
    let begun = Instant::now();
    installation.ask(&promote);
    let took = u64::try_from(begun.elapsed().as_millis()).unwrap();
    let wrong = installation.ask(&question);
    let ((), seen) = poll(&installation, &question, || {
        let mut seed = Seed::take();
        for _ in 0..kills() {
            let is_promoted = installation.ask(&["replay", "show", &bad])["state"] == json!("promoted");
            let arguments = if is_promoted { &rollback[..] } else { &promote[..] };
            let mut command = installation.command(arguments);
            let mut moving = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            thread::sleep(Duration::from_millis(seed.draw(0..took + took / 4 + 1)));
            let _ = moving.kill();
            moving.wait().unwrap();
        }
    });
    assert!(seen.iter().all(|answer| *answer == right || *answer == wrong), "{seen:?}");
    // Records that a killed process owed are put into the archive, and everything goes on.
    installation.run(&["replay", "log"]).exits(0);
    assert!(promotions(&installation).0);
    if installation.ask(&["replay", "show", &bad])["state"] == json!("promoted") {
        installation.ask(&rollback);
    }
    assert_eq!(installation.ask(&question), right);
}
