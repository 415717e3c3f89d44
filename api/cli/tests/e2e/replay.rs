//! Builds of generations: planned exactly, killed and resumed, shared by workers, and never half of something.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use clicktrail_log::{
    log::Stream,
    time::{Clock as _, Hour, SystemClock},
};
use futures::TryStreamExt as _;
use object_store::{ObjectStore, ObjectStoreExt as _};
use serde_json::{Value, json};

use crate::{
    complete::simulated,
    installation::Installation,
    loader::AD,
    nats_server::NatsServer,
    production::{becomes_counted, seal_as_if},
    seed::Seed,
    server::{Server, show},
};

/// How often a build is killed, unless `CLICKTRAIL_TEST_KILLS` says otherwise.
const KILLS: usize = 10;
/// How long a worker goes on before it is looked at.
const LOOK_MS: std::ops::Range<u64> = 5..60;
/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(180);

/// Segments and receipts by their names: what a build leaves.
async fn left(installation: &Installation) -> BTreeMap<String, Bytes> {
    let store = installation.archive().object_store();
    let mut found = BTreeMap::new();
    for name in names(store.as_ref()).await {
        let bytes = store.get(&name).await.unwrap().bytes().await.unwrap();
        found.insert(name.to_string(), bytes);
    }
    found
}

async fn names(store: &dyn ObjectStore) -> Vec<object_store::path::Path> {
    let mut names = Vec::new();
    for folder in ["segments", "receipts"] {
        let folder = object_store::path::Path::from(folder);
        let listed: Vec<_> = store.list(Some(&folder)).try_collect().await.unwrap();
        names.extend(listed.into_iter().map(|object| object.location));
    }
    names
}

/// Without segments every hour has to be computed.
async fn forget(installation: &Installation) {
    let store = installation.archive().object_store();
    for name in names(store.as_ref()).await {
        store.delete(&name).await.unwrap();
    }
}

fn plan(installation: &Installation, options: &[&str]) -> Value {
    installation.ask(&[&["replay", "plan", "counters"], options].concat())
}

fn start(installation: &Installation, arguments: &[&str]) -> Child {
    let mut command = installation.command(&[&["replay"], arguments].concat());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn signal(process: &Child, name: &str) {
    assert!(Command::new("kill").arg(name).arg(process.id().to_string()).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plan_says_what_is_reused_and_a_build_of_it_changes_nothing_that_counts() {
    let installation = simulated();
    let counters = installation.ask(&["counters", "--by", "ad,publisher", "--granularity", "minute"]);
    let before = left(&installation).await;
    let planned = plan(&installation, &[]);
    assert_eq!((&planned["reused"]["hours"], &planned["to_build"]["hours"]), (&json!(5), &json!(0)), "{planned}");
    assert_eq!(planned["live_with_other_code"], json!([]));
    // One segment is gone, and one receipt.
    let removed = before.keys().find(|name| name.contains("hr=01")).unwrap();
    fs::remove_file(installation.data().join("archive").join(removed)).unwrap();
    let removed = before.keys().find(|name| name.contains("T03/")).unwrap();
    fs::remove_file(installation.data().join("archive").join(removed)).unwrap();
    let planned = plan(&installation, &[]);
    assert_eq!(planned["hours_to_build"], json!(["2026-01-01T01", "2026-01-01T03"]), "{planned}");
    let built = installation.ask(&["replay", "build"]);
    assert_eq!((&built["state"], &built["reused"], &built["hours"]), (&json!("built"), &json!(3), &json!(5)));
    assert_eq!(built["generation"], planned["generation"], "the same plan is the same generation");
    assert!(left(&installation).await == before, "the same input and code give the same bytes");
    assert_eq!(installation.ask(&["counters", "--by", "ad,publisher", "--granularity", "minute"]), counters);
    // Given up, and planned again.
    let id = built["generation"].as_str().unwrap();
    installation.ask(&["replay", "abort", &id[..6], "--reason", "a test"]);
    assert_eq!(installation.run(&["replay", "resume", id]).exits(1).stdout(), "");
    assert_eq!(installation.ask(&["replay", "build"])["state"], json!("built"));
    // Control totals say what was read and written.
    let shown = installation.ask(&["replay", "show"]);
    let units = shown["units"].as_array().unwrap();
    let events: u64 = units.iter().map(|unit| unit["output"]["written"]["events"].as_u64().unwrap()).sum();
    assert_eq!((events, units.len()), (2_000, 5), "{shown}");
    assert!(units.iter().all(|unit| unit["output"]["read"] == unit["output"]["written"]), "{shown}");
}

#[test]
fn candidate_is_built_beside_what_counts() {
    let installation = simulated();
    let counters = installation.ask(&["counters", "--by", "ad"]);
    let candidate = installation.data().join("candidate.sql");
    let released = include_str!("../../../../projections/src/counters/counters.sql");
    fs::write(&candidate, format!("-- the same\n{released}")).unwrap();
    let sql = candidate.to_str().unwrap();
    let planned = plan(&installation, &["--sql", sql, "--from", "2026-01-01T01", "--to", "2026-01-01T03"]);
    assert_eq!(planned["hours_to_build"], json!(["2026-01-01T01", "2026-01-01T02"]), "{planned}");
    assert_eq!(planned["live_with_other_code"][0]["hours"], json!(2));
    installation.ask(&["replay", "build", "--sql", sql, "--from", "2026-01-01T01", "--to", "2026-01-01T03"]);
    assert_eq!(installation.ask(&["counters", "--by", "ad"]), counters);
    fs::write(&candidate, released.replace("COUNT(*) FILTER (WHERE c.kind = 'probe')", "CAST(random() AS BIGINT)"))
        .unwrap();
    let refused = installation.run(&["replay", "plan", "counters", "--sql", sql]).exits(1);
    assert!(refused.stderr().contains("random"), "{refused}");
}

#[test]
fn clicks_as_of_a_position_cut_one_hour_and_leave_the_later_ones_out() {
    let installation = simulated();
    let hours = installation.ask(&["log", "hours"]);
    let first = hours[2]["first_seq"].as_u64().unwrap();
    // The eleventh event of the hour's first frame.
    let position = format!("1.{first}.10");
    let planned = plan(&installation, &["--clicks-as-of", &position]);
    assert_eq!(planned["hours_behind"], json!(2), "{planned}");
    assert_eq!(planned["hours_to_build"], json!(["2026-01-01T02"]), "{planned}");
    installation.ask(&["replay", "build", "--clicks-as-of", &position]);
    let shown = installation.ask(&["replay", "show"]);
    assert_eq!(shown["units"][2]["output"]["read"]["events"], json!(11), "{shown}");
    assert_eq!(shown["clicks_before"], json!(format!("1.{first}.11")));
}

#[test]
fn verdicts_are_known_as_of_a_position_or_a_time() {
    let installation = simulated();
    let all = plan(&installation, &[]);
    let none = plan(&installation, &["--verdicts-as-of", "2025-12-31T00:00"]);
    assert_eq!(none["verdicts_before"], json!("1.1.0"), "{none}");
    assert!(none["to_build"]["hours"].as_u64().unwrap() > 0, "{none}");
    let later = plan(&installation, &["--verdicts-as-of", "2031-01-01"]);
    assert_eq!(later["verdicts_before"], all["verdicts_before"]);
    let refused = installation.run(&["replay", "plan", "counters", "--verdicts-as-of", "1.999999.0"]).exits(1);
    assert!(refused.stderr().contains("there is no verdict 1.999999.0"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hour_that_is_missing_foreign_or_damaged_is_refused_by_name() {
    let installation = simulated();
    let archive = installation.data().join("archive");
    let manifest = archive.join("manifests/clicks/2026-01-01T02.json");
    let sound = fs::read(&manifest).unwrap();
    let refused = |expected: &str| {
        for command in ["plan", "build"] {
            let refused = installation.run(&["replay", command, "counters"]).exits(4);
            assert!(refused.stderr().contains(expected), "{expected}: {refused}");
        }
    };
    fs::remove_file(&manifest).unwrap();
    refused("2026-01-01T02 has no manifest in the archive");
    let foreign = Installation::embedded();
    foreign.ask(&["simulate", "--events", "2000", "--hours", "5", "--seed", "8"]);
    fs::copy(foreign.data().join("archive/manifests/clicks/2026-01-01T02.json"), &manifest).unwrap();
    refused("2026-01-01T02 has another manifest in the archive than the catalog knows");
    fs::write(&manifest, &sound[1..]).unwrap();
    refused("2026-01-01T02 has a manifest that cannot be used");
    fs::write(&manifest, &sound).unwrap();
    let behind = installation.run(&["replay", "plan", "counters", "--to", "2026-01-02"]).exits(4);
    assert!(behind.stderr().contains("2026-01-01T05 is not sealed"), "{behind}");
    // A flipped byte is found by whoever reads the part.
    forget(&installation).await;
    let part = fs::read_dir(archive.join("clicks/dt=2026-01-01/hr=03")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&part).unwrap();
    bytes[200] ^= 1;
    fs::write(&part, &bytes).unwrap();
    let failed = installation.run(&["replay", "build"]).exits(1);
    assert!(failed.stderr().contains("clicks/dt=2026-01-01/hr=03"), "{failed}");
    let failed = installation.run(&["replay", "resume", "--on-failure", "continue"]).exits(5);
    assert!(failed.stderr().contains("2026-01-01T03 failed"), "{failed}");
    let status = installation.run(&["replay", "status", "--output", "json"]).exits(1).json();
    assert_eq!((&status["done"], &status["failed"], &status["state"]), (&json!(4), &json!(1), &json!("failed")));
    bytes[200] ^= 1;
    fs::write(&part, &bytes).unwrap();
    let resumed = installation.ask(&["replay", "resume"]);
    assert_eq!((&resumed["state"], &resumed["done_here"]), (&json!("built"), &json!(1)), "{resumed}");
}

#[test]
fn saved_plan_is_refused_once_its_input_is_another() {
    let installation = simulated();
    let file = installation.data().join("plan.json");
    let file = file.to_str().unwrap();
    plan(&installation, &["--save", file]);
    let built = installation.ask(&["replay", "build", "--plan", file]);
    assert_eq!(built["state"], json!("built"));
    let text = fs::read_to_string(file).unwrap();
    fs::write(file, text.replacen("\"output_digest\":\"", "\"output_digest\":\"00", 1)).unwrap();
    let refused = installation.run(&["replay", "build", "--plan", file]).exits(3);
    assert!(refused.stderr().contains("2026-01-01T00 counts from another segment"), "{refused}");
    let manifest = installation.data().join("archive/manifests/clicks/2026-01-01T04.json");
    fs::remove_file(&manifest).unwrap();
    let refused = installation.run(&["replay", "build", "--plan", file]).exits(4);
    assert!(refused.stderr().contains("2026-01-01T04"), "{refused}");
}

/// So often something is killed here: ten times, or as often as the environment says.
pub(crate) fn kills() -> usize {
    std::env::var("CLICKTRAIL_TEST_KILLS").map_or(KILLS, |text| text.parse().unwrap())
}

/// Builds and promotes every hour by other code.
fn count_by_other_code(installation: &Installation) {
    let released = include_str!("../../../../projections/src/counters/counters.sql");
    let text = released.replace(
        "(WHERE c.kind = 'impression') AS impressions",
        "(WHERE c.kind IN ('impression', 'click')) AS impressions",
    );
    let sql = installation.data().join("other.sql");
    fs::write(&sql, &text).unwrap();
    let sql = sql.to_str().unwrap();
    assert!(text != released, "every hour has clicks, so every hour counts otherwise");
    let other = installation.ask(&["replay", "build", "--sql", sql]);
    let other = other["generation"].as_str().unwrap();
    installation.ask(&["replay", "promote", other, "--max-delta", "any"]);
}

/// Kills a build at random moments of its life, as often as it takes to kill so many, and goes on each time where the
/// last one died. Demands what an undisturbed build left, and that what counts never moves. Other code counts
/// meanwhile, so that nothing of what is built is there before; in the end the build is promoted.
async fn check_kills(installation: &Installation, before: &BTreeMap<String, Bytes>) {
    count_by_other_code(installation);
    let counting: BTreeSet<String> =
        left(installation).await.into_keys().filter(|key| !before.contains_key(key)).collect();
    let built = async || -> BTreeMap<String, Bytes> {
        left(installation).await.into_iter().filter(|(key, _)| !counting.contains(key)).collect()
    };
    let forget = async || {
        let store = installation.archive().object_store();
        for name in built().await.into_keys() {
            store.delete(&name.into()).await.unwrap();
        }
    };
    let question = ["counters", "--by", "ad,publisher", "--granularity", "minute"];
    let counters = installation.ask(&question);
    let afresh = ["build", "--rerun", "all", "--lease", "1", "--max-parallel", "2"];
    let mut whole = start(installation, &afresh);
    assert_eq!(whole.wait().unwrap().code(), Some(0));
    forget().await;
    let begun = Instant::now();
    let mut whole = start(installation, &afresh);
    assert_eq!(whole.wait().unwrap().code(), Some(0));
    assert!(built().await == *before, "what is built does not depend on what counts");
    let life_ms = 1..u64::try_from(begun.elapsed().as_millis()).unwrap() + 2;
    let (mut seed, mut killed, mut completed, mut halves) = (Seed::take(), 0, 0, 0);
    let mut is_begun = false;
    while killed < kills() {
        assert!(completed <= 10 * kills(), "a build ends before it is killed, again and again");
        if !is_begun {
            forget().await;
        }
        let mut build = match is_begun {
            true => start(installation, &["resume", "--lease", "1", "--max-parallel", "2"]),
            false => start(installation, &afresh),
        };
        thread::sleep(Duration::from_millis(seed.draw(life_ms.clone())));
        let is_alive = build.try_wait().unwrap().is_none();
        let _ = build.kill();
        let ended = build.wait().unwrap();
        assert_eq!(installation.ask(&question), counters);
        let status = installation.run(&["replay", "status", "--output", "json"]).json();
        let is_built = status["state"] == json!("built");
        killed += usize::from(is_alive);
        halves += usize::from(is_alive && !is_built && status["done"] != json!(0));
        assert!(is_alive || ended.success(), "{status}");
        if is_built && is_begun {
            completed += 1;
            assert!(built().await == *before, "a build that was killed and resumed left other bytes");
        }
        // A process that was killed before it stored its plan leaves the build of before, which has no segments now.
        is_begun = !is_built;
    }
    show(&format!(
        "{killed} builds killed, {halves} of them half done; {completed} built and compared before the last"
    ));
    installation.ask(&["replay", if is_begun { "resume" } else { "build" }, "--lease", "1", "--rerun", "all"]);
    assert!(built().await == *before, "a build that was killed and resumed left other bytes");
    let status = installation.ask(&["replay", "status"]);
    assert_eq!(status["state"], json!("built"));
    installation.ask(&["replay", "promote", status["generation"].as_str().unwrap(), "--max-delta", "any"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_build_is_resumed_to_the_same_bytes() {
    let installation = simulated();
    let before = left(&installation).await;
    forget(&installation).await;
    installation.ask(&["replay", "build"]);
    assert!(left(&installation).await == before);
    check_kills(&installation, &before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn builds_of_one_plan_share_its_hours() {
    let installation = simulated();
    let before = left(&installation).await;
    for _ in 0..3 {
        forget(&installation).await;
        let arguments = ["build", "--rerun", "all", "--max-parallel", "2"];
        let mut both = [start(&installation, &arguments), start(&installation, &arguments)];
        let mut helper = start(&installation, &["work"]);
        for build in &mut both {
            assert_eq!(build.wait().unwrap().code(), Some(0));
        }
        assert_eq!(helper.wait().unwrap().code(), Some(0));
        assert!(left(&installation).await == before);
        let shown = installation.ask(&["replay", "show"]);
        assert_eq!((&shown["state"], &shown["done"]), (&json!("built"), &json!(5)), "{shown}");
    }
}

fn can_be_written(installation: &Installation) -> bool {
    let probe = ["ads", "add", "probe", "--advertiser", "a", "--campaign", "c", "--target", "https://example.com/"];
    let mut command = installation.command(&[&probe[..], &["--price", "0.1", "--currency", "EUR"]].concat());
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
}

/// A worker that is stopped while it holds an hour and others wait. What it says goes to pipes.
fn stopped_at_work(installation: &Installation) -> Child {
    let begun = Instant::now();
    let mut seed = Seed::take();
    loop {
        assert!(begun.elapsed() < PATIENCE, "no worker was stopped while it had an hour");
        let arguments = ["replay", "build", "--rerun", "all", "--lease", "1", "--max-parallel", "1"];
        let mut command = installation.command(&arguments);
        let mut worker = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Looks at it again and again while it lives, because it may have an hour for a moment only.
        while worker.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(seed.draw(LOOK_MS)));
            signal(&worker, "-STOP");
            // One that sleeps in a transaction of the embedded catalog keeps everybody from writing.
            if can_be_written(installation) {
                // Before the plan is stored there is no status, and nothing printed.
                let status = installation.run(&["replay", "status", "--output", "json"]).stdout();
                let status: Value = serde_json::from_str(&status).unwrap_or_default();
                let count = |name: &str| status[name].as_u64().unwrap_or(0);
                if count("at_work") > 0 && count("waiting") > 0 {
                    return worker;
                }
            }
            signal(&worker, "-CONT");
        }
    }
}

/// Stops a worker while it holds an hour, has another one build everything past the lease, and wakes it up.
fn check_suspended(installation: &Installation) {
    let mut late = stopped_at_work(installation);
    let resumed = installation.ask(&["replay", "resume", "--lease", "1"]);
    assert_eq!(resumed["state"], json!("built"), "{resumed}");
    let shown = installation.ask(&["replay", "show"]);
    signal(&late, "-CONT");
    assert_eq!(late.wait().unwrap().code(), Some(0), "a late worker ends in peace");
    let mut after = installation.ask(&["replay", "show"]);
    after["changed_at"] = shown["changed_at"].clone();
    assert_eq!(after, shown, "a late worker changes nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worker_that_wakes_up_past_its_lease_changes_nothing() {
    let installation = simulated();
    let before = left(&installation).await;
    check_suspended(&installation);
    assert!(left(&installation).await == before);
}

#[test]
fn build_that_is_given_up_meanwhile_says_so_and_that_nothing_failed() {
    let installation = simulated();
    let worker = stopped_at_work(&installation);
    let id = installation.ask(&["replay", "show"])["generation"].as_str().unwrap().to_owned();
    installation.ask(&["replay", "abort", &id, "--reason", "wrong month", "--actor", "ann"]);
    signal(&worker, "-CONT");
    let output = worker.wait_with_output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains("is dropped, because the build was given up"), "{said}");
    assert!(said.contains(&format!("{id} was given up")) && !said.contains("failed"), "{said}");
    let trail = installation.ask(&["audit", "log", "--action", "abort"]);
    assert_eq!((&trail[0]["actor"], &trail[0]["reason"]), (&json!("ann"), &json!("wrong month")), "{trail}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn builds_on_jetstream_s3_and_postgres_are_killed_shared_and_suspended() {
    const HOURS: i64 = 3;
    let broker = NatsServer::start();
    let installation = Installation::in_production(&broker).await;
    installation.register_ads(&[AD]);
    let (present, mut events) = (SystemClock.now().hour(), 0);
    for ahead in 0..HOURS {
        let server = Server::start(&installation);
        let seed = ahead.to_string();
        let load = ["--events", "2000", "--hours", "1", "--seed", &seed, "--batch", "500"];
        let sent = installation.ask(&[&["simulate", "--url", &server.url()], &load[..]].concat());
        events += sent["sent"].as_i64().unwrap();
        becomes_counted(&installation, events).await;
        server.stop(&[]);
        let log = installation.log(Stream::Clicks).await;
        seal_as_if(&installation, log, Hour::from_i64(present.as_i64() + ahead), false).await;
    }
    let before = left(&installation).await;
    forget(&installation).await;
    let built = installation.ask(&["replay", "build"]);
    assert!(built["hours"].as_i64().unwrap() >= HOURS && built["state"] == json!("built"), "{built}");
    assert!(left(&installation).await == before, "replay writes the bytes that sealing wrote");
    check_kills(&installation, &before).await;
    let arguments = ["build", "--rerun", "all", "--max-parallel", "2"];
    forget(&installation).await;
    let mut both = [start(&installation, &arguments), start(&installation, &arguments)];
    for build in &mut both {
        assert_eq!(build.wait().unwrap().code(), Some(0));
    }
    assert!(left(&installation).await == before);
    check_suspended(&installation);
    assert!(left(&installation).await == before);
    installation.remove().await;
}
