//! A second build of which most hours are there already: these are noted without a worker, all at once, and what a
//! worker would have found is what was noted.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    complete::simulated,
    installation::Installation,
    loader::AD,
    nats_server::NatsServer,
    production::{becomes_counted, seal_as_if},
    replay::kills,
    seed::Seed,
    server::{Server, show},
};

const RELEASED: &str = include_str!("../../../../projections/src/counters/counters.sql");
/// Of five hours; the plan of it is another than that of all of them.
const LATER: [&str; 2] = ["--from", "2026-01-01T01"];

/// Counters that count as they do, under another digest.
fn candidate(installation: &Installation) -> String {
    let path = installation.data().with_file_name("candidate.sql");
    fs::write(&path, format!("-- the same\n{RELEASED}")).unwrap();
    path.to_str().unwrap().to_owned()
}

/// What the hours of the newest build gave, without who gave it.
fn gave(installation: &Installation) -> Vec<Value> {
    let shown = installation.ask(&["replay", "show"]);
    let units = shown["units"].as_array().unwrap().iter();
    units.map(|unit| json!([unit["hour"], unit["output"]])).map(without_reuse).collect()
}

fn without_reuse(mut of: Value) -> Value {
    of[1].as_object_mut().unwrap().remove("is_reused");
    of
}

fn segment_of(installation: &Installation, folder: &str) -> PathBuf {
    let folder = installation.data().join("archive/segments/counters/dt=2026-01-01").join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.pop().unwrap()
}

#[test]
fn hours_that_another_build_made_are_noted_and_are_what_a_worker_finds() {
    let installation = simulated();
    let sql = candidate(&installation);
    installation.ask(&["replay", "build", "--sql", &sql]);
    let first = gave(&installation);
    let built = installation.ask(&[&["replay", "build", "--sql", &sql], &LATER[..]].concat());
    let counted = ["state", "done", "reused", "done_here", "reused_here"].map(|name| built[name].clone());
    assert_eq!(counted, [json!("built"), json!(4), json!(4), json!(4), json!(4)], "{built}");
    let shown = installation.ask(&["replay", "show"]);
    for unit in shown["units"].as_array().unwrap() {
        let how = [&unit["attempt"], &unit["worker"], &unit["output"]["is_reused"]];
        assert_eq!(how, [&json!(0), &json!(""), &json!(true)], "no worker took it: {unit}");
    }
    assert_eq!(gave(&installation), first[1..], "what was noted is what the first build gave");
    // The same by workers, who read every segment.
    let id = built["generation"].as_str().unwrap();
    let looked = installation.ask(&["replay", "resume", id, "--rerun", "all"]);
    assert_eq!((&looked["state"], &looked["reused_here"]), (&json!("built"), &json!(4)), "{looked}");
    assert_eq!(installation.ask(&["replay", "show"])["units"][0]["attempt"], json!(1));
    assert_eq!(gave(&installation), first[1..]);
    // An hour whose segment is gone is built, and the others are noted.
    fs::remove_file(segment_of(&installation, "hr=03")).unwrap();
    let built = installation.ask(&["replay", "build", "--sql", &sql, "--from", "2026-01-01T02"]);
    assert_eq!(
        (&built["state"], &built["reused"], &built["hours"]),
        (&json!("built"), &json!(2), &json!(3)),
        "{built}"
    );
    assert_eq!(gave(&installation), first[2..]);
    let trail = installation.ask(&["audit", "log", "--action", "build"]);
    let ended: Vec<&str> = trail.as_array().unwrap().iter().map(|row| row["detail"].as_str().unwrap()).collect();
    for reused in ["built, 4 of 4 hours used again", "built, 2 of 3 hours used again"] {
        assert!(ended.iter().any(|detail| detail.ends_with(reused)), "{reused}: {ended:?}");
    }
}

#[test]
fn damaged_segment_of_a_noted_hour_is_refused_by_name_and_built_again() {
    let installation = simulated();
    let sql = candidate(&installation);
    installation.ask(&["replay", "build", "--sql", &sql]);
    let segment = segment_of(&installation, "hr=02");
    let sound = fs::read(&segment).unwrap();
    let mut bytes = sound.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let build = [&["replay", "build", "--sql", &sql], &LATER[..]].concat();
    let built = installation.ask(&build);
    let id = built["generation"].as_str().unwrap();
    assert_eq!((&built["state"], &built["reused"]), (&json!("built"), &json!(4)), "{built}");
    let named = "gate segment: 2026-01-01T02";
    for arguments in [&["replay", "promote", id, "--dry-run"][..], &["replay", "promote", id]] {
        let refused = installation.run(arguments).exits(3);
        let said = format!("{}{}", refused.stdout(), refused.stderr());
        assert!(said.contains(named) && said.contains("--rerun all"), "{refused}");
    }
    let refused = installation.run(&["counters", "--by", "ad", "--generation", id]).exits(1);
    assert!(refused.stderr().contains("dt=2026-01-01/hr=02/"), "{refused}");
    // As the gate says.
    let mended = installation.ask(&[&build[..], &["--rerun", "all"]].concat());
    assert_eq!((&mended["state"], &mended["reused"]), (&json!("built"), &json!(3)), "{mended}");
    assert!(fs::read(&segment).unwrap() == sound, "the same bytes under the same name");
    installation.run(&["replay", "promote", id]).exits(0);
}

/// Nobody has built them: their control totals are read from their segments, without a worker.
#[test]
fn hours_that_were_sealed_and_never_built_are_noted_and_are_what_a_worker_finds() {
    let installation = simulated();
    let segment = segment_of(&installation, "hr=02");
    let sound = fs::read(&segment).unwrap();
    let mut bytes = sound.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    // The one that is damaged is built, and its segment mended.
    let built = installation.ask(&["replay", "build"]);
    let counted = ["state", "done", "reused", "done_here", "reused_here"].map(|name| built[name].clone());
    assert_eq!(counted, [json!("built"), json!(5), json!(4), json!(5), json!(4)], "{built}");
    let shown = installation.ask(&["replay", "show"]);
    for unit in shown["units"].as_array().unwrap() {
        let is_damaged = unit["hour"] == json!("2026-01-01T02");
        assert_eq!(unit["output"]["is_reused"], json!(!is_damaged), "{unit}");
        assert_eq!(unit["attempt"], json!(u32::from(is_damaged)), "{unit}");
    }
    assert!(fs::read(&segment).unwrap() == sound, "the same bytes under the same name");
    let noted = gave(&installation);
    let id = built["generation"].as_str().unwrap();
    installation.ask(&["replay", "resume", id, "--rerun", "all"]);
    assert_eq!(gave(&installation), noted, "what was noted is what workers find");
    installation.run(&["replay", "promote", id]).exits(0);
}

fn start(installation: &Installation, arguments: &[&str]) -> Child {
    let mut command = installation.command(arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Kills builds of which all hours are noted but those that `forget` leaves to be built, at any moment of their life,
/// and goes on with each.
fn check_kills(installation: &Installation, build: &[&str], expected: &[Value], forget: &dyn Fn()) {
    let whole = Instant::now();
    let id = installation.ask(build)["generation"].as_str().unwrap().to_owned();
    let life_ms = 1..u64::try_from(whole.elapsed().as_millis()).unwrap() + 2;
    assert_eq!(gave(installation), expected);
    let (mut seed, mut killed, mut halves) = (Seed::take(), 0, 0);
    while killed < kills() {
        installation.run(&["replay", "abort", &id, "--reason", "a test"]).exits(0);
        forget();
        let mut process = start(installation, build);
        thread::sleep(Duration::from_millis(seed.draw(life_ms.clone())));
        killed += usize::from(process.try_wait().unwrap().is_none());
        let _ = process.kill();
        process.wait().unwrap();
        let status = installation.run(&["replay", "status", &id, "--output", "json"]).stdout();
        let status: Value = serde_json::from_str(&status).unwrap_or_default();
        let is_building = status["state"] == json!("building");
        halves += usize::from(is_building);
        // Killed before its plan was stored, it left the one that was given up, or none.
        let resume = ["replay", "resume", &id, "--lease", "1"];
        let built = installation.ask(if is_building { &resume } else { build });
        assert_eq!(built["state"], json!("built"), "{built}");
        assert_eq!(gave(installation), expected, "killed and resumed it gives what it gives undisturbed");
    }
    show(&format!("{killed} builds killed whose hours are noted, {halves} of them between their plan and their end"));
}

#[test]
fn build_that_is_killed_while_it_notes_hours_is_resumed_to_the_same() {
    let installation = simulated();
    let sql = candidate(&installation);
    installation.ask(&["replay", "build", "--sql", &sql]);
    let first = gave(&installation);
    let build = [&["replay", "build", "--sql", &sql, "--lease", "1"], &LATER[..]].concat();
    // One hour of the four has to be built, so that there is a moment between the plan and the end.
    let forget = || fs::remove_file(segment_of(&installation, "hr=03")).unwrap();
    check_kills(&installation, &build, &first[1..], &forget);
}

#[test]
fn builds_of_one_plan_note_each_hour_once() {
    let installation = simulated();
    let sql = candidate(&installation);
    installation.ask(&["replay", "build", "--sql", &sql, "--to", "2026-01-01T04"]);
    for from in ["2026-01-01T01", "2026-01-01T02", "2026-01-01T03"] {
        let build = ["replay", "build", "--sql", &sql, "--from", from];
        let mut both = [start(&installation, &build), start(&installation, &build)];
        for process in &mut both {
            assert_eq!(process.wait().unwrap().code(), Some(0));
        }
        let shown = installation.ask(&["replay", "show"]);
        assert_eq!((&shown["state"], &shown["from"]), (&json!("built"), &json!(from)), "{shown}");
        let units = shown["units"].as_array().unwrap();
        let (last, others) = units.split_last().unwrap();
        assert!(others.iter().all(|unit| unit["output"]["is_reused"] == json!(true)), "{shown}");
        assert_eq!(last["hour"], json!("2026-01-01T04"));
        assert_eq!(shown["done"], json!(units.len()), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hours_are_noted_in_postgres_and_s3_too() {
    let broker = NatsServer::start();
    let installation = Installation::in_production(&broker).await;
    installation.register_ads(&[AD]);
    let present = clicktrail_log::time::Clock::now(&clicktrail_log::time::SystemClock).hour();
    let mut events = 0;
    for ahead in 0..3_i64 {
        let server = Server::start(&installation);
        let seed = ahead.to_string();
        let load = ["--events", "500", "--hours", "1", "--seed", &seed, "--batch", "500"];
        let sent = installation.ask(&[&["simulate", "--url", &server.url()], &load[..]].concat());
        events += sent["sent"].as_i64().unwrap();
        becomes_counted(&installation, events).await;
        server.stop(&[]);
        let log = installation.log(clicktrail_log::log::Stream::Clicks).await;
        let hour = clicktrail_log::time::Hour::from_i64(present.as_i64() + ahead);
        seal_as_if(&installation, log, hour, false).await;
    }
    let sql = candidate(&installation);
    installation.ask(&["replay", "build", "--sql", &sql]);
    let first = gave(&installation);
    let second = first[1][0].as_str().unwrap().to_owned();
    let build = ["replay", "build", "--sql", &sql, "--from", &second, "--lease", "1"];
    let built = installation.ask(&build);
    assert_eq!(built["reused_here"], json!(first.len() - 1), "{built}");
    assert_eq!(installation.ask(&["replay", "show"])["units"][0]["worker"], json!(""), "no worker took it");
    check_kills(&installation, &build, &first[1..], &|| {});
    installation.remove().await;
}
