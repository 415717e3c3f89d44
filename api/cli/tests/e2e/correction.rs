//! Corrections of a month that is long past: nothing counts before they are closed, all of it does then, and reverting
//! them leaves the bill of before, wherever a process is killed on the way.

use std::{
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use clicktrail_log::{
    log::Stream,
    time::{Clock as _, SystemClock},
};
use serde_json::{Value, json};

use crate::{
    installation::Installation,
    nats_server::NatsServer,
    production::{becomes_counted, seal_as_if},
    seed::Seed,
    server::Server,
};

const MONTH: [&str; 7] = ["counters", "--by", "advertiser", "--from", "2026-05-01", "--to", "2026-06-01"];
const PRICE: i64 = 250_000;
/// How often closing and reverting are cut off.
const KILLS: usize = 8;

fn click(id: &str, time: &str, number: usize) -> Value {
    json!({
        "event_id": id, "kind": "click", "event_time": time, "advertiser_id": "acme", "campaign_id": "spring",
        "ad_id": "shoe", "price_micros": PRICE, "currency": "EUR", "ip": format!("192.0.2.{}", number + 7),
        "user_id": format!("u{number}"), "placement": "top",
        "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                       Chrome/141.0.0.0 Safari/537.36",
    })
}

/// Six clicks of May, each in an hour of its own, sealed.
fn may() -> Installation {
    let installation = Installation::embedded();
    fs::create_dir_all(installation.data()).unwrap();
    let clicks = (0..6).map(|n| click(&format!("e{n}"), &format!("2026-05-18T{}:0{n}:00Z", 10 + n), n));
    let file = write(&installation, "may", clicks);
    installation.run(&["import", &file, "--format", "ndjson"]).exits(0);
    installation
}

fn write(installation: &Installation, name: &str, lines: impl Iterator<Item = Value>) -> String {
    let path = installation.data().with_file_name(format!("{name}.ndjson"));
    fs::write(&path, lines.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    path.to_str().unwrap().to_owned()
}

fn number(row: &Value, column: &str) -> i64 {
    let value = &row[column];
    value.as_i64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("{column} of {row}"))
}

/// What is billed for the month: clicks and spend.
fn bill(installation: &Installation) -> (i64, i64) {
    let rows = installation.ask(&MONTH);
    (number(&rows[0], "billable_clicks"), number(&rows[0], "spend_micros"))
}

/// Three clicks that were missing, and two that should not stand.
fn staged(installation: &Installation) -> String {
    let opened = installation.ask(&["correction", "open", "--reason", "outage of the tracker", "--actor", "ann"]);
    let id = opened["correction"].as_str().unwrap().to_owned();
    let lines = (0..3).map(|n| click(&format!("late{n}"), &format!("2026-05-1{n}T09:30:00.5Z"), 20 + n));
    let file = write(installation, "late", lines);
    let add = ["correction", "add", &id, "--events", &file, "--actor", "ann"];
    assert_eq!(installation.ask(&add)["new"], json!(3));
    assert_eq!(installation.ask(&add), json!({"correction": id, "new": 0, "known": 3}), "adding twice is adding once");
    let positions: Vec<String> = installation
        .run(&["log", "cat", "--limit", "4"])
        .exits(0)
        .stdout()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["position"].as_str().unwrap().to_owned())
        .collect();
    let add = ["correction", "add", &id, "--invalid", &positions[1], &positions[3], "--reason", "own staff"];
    assert_eq!(installation.ask(&add)["new"], json!(2));
    id
}

fn state(installation: &Installation, id: &str) -> String {
    let list = installation.ask(&["correction", "list"]);
    let found = list.as_array().unwrap().iter().find(|row| row["correction"] == json!(id)).unwrap();
    found["state"].as_str().unwrap().to_owned()
}

#[test]
fn correction_counts_when_it_is_closed_as_its_preview_said_and_reverting_gives_the_bill_of_before() {
    let installation = may();
    let before = installation.ask(&MONTH);
    assert_eq!(bill(&installation), (6, 6 * PRICE));
    let id = staged(&installation);
    assert_eq!(installation.ask(&MONTH), before, "nothing of an open correction counts");
    let preview = installation.ask(&["correction", "preview", &id]);
    let effect = &preview["effects"][0];
    assert_eq!((&effect["advertiser_id"], &effect["clicks_added"]), (&json!("acme"), &json!(3)), "{preview}");
    assert_eq!((&effect["clicks_invalid"], number(effect, "spend_micros")), (&json!(2), PRICE), "{preview}");
    assert_eq!(preview["hours_counted_again"], json!(["2026-05-18T11", "2026-05-18T13"]), "{preview}");
    assert_eq!(installation.ask(&MONTH), before, "a preview changes nothing");

    installation.run(&["correction", "close", &id, "--actor", "ann"]).exits(0);
    assert_eq!(bill(&installation), (7, 6 * PRICE + number(effect, "spend_micros")));
    let days = installation.ask(&[&MONTH[..], &["--granularity", "day"]].concat());
    let added = days.as_array().unwrap().iter().filter(|row| row["bucket"].as_str().unwrap() < "2026-05-18").count();
    assert_eq!(added, 3, "added events count at their own time: {days}");
    let again = installation.run(&["correction", "close", &id]).exits(3);
    assert!(again.stderr().contains("is closed"), "{again}");
    let logged = installation.run(&["log", "cat"]).exits(0).stdout();
    let marked = format!(r#"{{"_correction":"{id}","placement":"top"}}"#);
    assert_eq!(logged.matches(&marked.replace('"', "\\\"")).count() + logged.matches(&marked).count(), 3, "{logged}");
    installation.run(&["log", "verify", "--counters"]).exits(0);

    installation.run(&["correction", "revert", &id, "--actor", "bob"]).exits(0);
    assert_eq!(bill(&installation), (6, 6 * PRICE));
    installation.run(&["correction", "revert", &id]).exits(3);
    installation.run(&["log", "verify", "--counters"]).exits(0);
    let trail = installation.ask(&["audit", "log", "--actor", "ann"]);
    let actions: Vec<&str> = trail.as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert!(actions.starts_with(&["correction_open", "correction_add"]), "{trail}");
    assert!(actions.contains(&"correction_close"), "{trail}");
}

/// Runs a command, killed after a while; whether it had ended.
fn cut_off(installation: &Installation, arguments: &[&str], after: Duration) -> bool {
    let mut process = installation.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(after);
    let ended = process.try_wait().unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    ended.is_some_and(|status| status.success())
}

/// Runs a command again and again, killed each time, and at last to its end. All that is ever billed is `before` or
/// `after`.
fn through_kills(installation: &Installation, seed: &mut Seed, [action, id]: [&str; 2], bills: [(i64, i64); 2]) {
    let begun = Instant::now();
    let copy = installation.copied();
    copy.run(&["correction", action, id]).exits(0);
    let whole_ms = u64::try_from(begun.elapsed().as_millis()).unwrap().max(20);
    for _ in 0..KILLS {
        let ended = cut_off(installation, &["correction", action, id], Duration::from_millis(seed.draw(1..whole_ms)));
        let billed = bill(installation);
        assert!(bills.contains(&billed), "{billed:?} is neither {:?} nor {:?}", bills[0], bills[1]);
        if ended {
            break;
        }
    }
    let end = if action == "close" { "closed" } else { "reverted" };
    if state(installation, id) != end {
        installation.run(&["correction", action, id]).exits(0);
    }
    assert_eq!((bill(installation), state(installation, id).as_str()), (bills[1], end));
}

#[test]
fn killed_close_and_killed_revert_end_as_undisturbed_ones() {
    let installation = may();
    let id = staged(&installation);
    let mut seed = Seed::take();
    let (open, closed) = (bill(&installation), (7, 7 * PRICE));
    through_kills(&installation, &mut seed, ["close", &id], [open, closed]);
    let logged = installation.run(&["log", "cat"]).exits(0).stdout();
    assert_eq!(logged.lines().count(), 9, "each missing click is logged once: {logged}");
    through_kills(&installation, &mut seed, ["revert", &id], [closed, open]);
    installation.run(&["log", "verify", "--counters"]).exits(0);
}

#[test]
fn correction_of_hours_with_verdicts_that_do_not_count_yet_is_refused_until_they_do() {
    let installation = may();
    let id = staged(&installation);
    let first = installation.ask(&["correction", "show", &id])["items"][3]["document"]["position"].clone();
    let position = first.as_str().unwrap();
    let by = ["--reason", "somebody else", "--actor", "cleo"];
    installation.run(&[&["verdicts", "add", position][..], &by].concat()).exits(0);
    let before = bill(&installation);
    let refused = installation.run(&["correction", "close", &id]).exits(3);
    assert!(refused.stderr().contains("has other verdicts that are not counted yet"), "{refused}");
    assert_eq!((bill(&installation), state(&installation, &id).as_str()), (before, "open"));
    installation.run(&["replay", "stale", "--auto-promote-below", "10"]).exits(0);
    installation.run(&["correction", "close", &id]).exits(0);
    assert_eq!(bill(&installation), (7, 7 * PRICE));
    installation.run(&["correction", "revert", &id]).exits(0);
    assert_eq!(bill(&installation), (5, 5 * PRICE), "what somebody else ruled before stands again");
}

#[test]
fn events_that_no_bill_could_name_are_refused_with_their_line() {
    let installation = may();
    let opened = installation.ask(&["correction", "open", "--reason", "test"]);
    let id = opened["correction"].as_str().unwrap();
    let mut probe = click("p", "2026-05-01T00:00:00Z", 1);
    probe["kind"] = json!("probe");
    let mut timeless = click("t", "2026-05-01T00:00:00Z", 1);
    timeless["event_time"] = Value::Null;
    let without_ad = json!({"kind": "click", "event_time": "2026-05-01T00:00:00Z"});
    for (line, why) in [(probe, "never billed"), (timeless, "event_time"), (without_ad, "ad_id")] {
        let file = write(&installation, "bad", [click("ok", "2026-05-01T00:00:00Z", 1), line].into_iter());
        let refused = installation.run(&["correction", "add", id, "--events", &file]).exits(1);
        assert!(refused.stderr().contains("line 2") && refused.stderr().contains(why), "{refused}");
    }
    installation.run(&["correction", "add", id, "--invalid", "1.999.0"]).exits(1);
    assert_eq!(installation.ask(&["correction", "show", id])["items"], json!([]));
    installation.run(&["correction", "close", id]).exits(3);
    installation.run(&["correction", "close", "nothing"]).exits(1);
}

/// With a server, events are logged in the hour that is open: nothing of the correction counts until that is sealed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn correction_waits_for_the_open_hour_on_postgres_s3_and_jetstream() {
    let broker = NatsServer::start();
    let installation = Installation::in_production(&broker).await;
    let server = Server::start(&installation);
    let now = SystemClock.now().plus_micros(-60_000_000).to_string();
    let clicks: Vec<Value> = (0..6).map(|n| click(&format!("e{n}"), &now, n)).collect();
    let sent = reqwest::Client::new().post(format!("{}/v1/events", server.url())).json(&clicks).send().await.unwrap();
    assert!(sent.status().is_success(), "{sent:?}");
    becomes_counted(&installation, 6).await;
    server.stop(&[]);
    let hour = SystemClock.now().hour();
    seal_as_if(&installation, installation.log(Stream::Clicks).await, hour, false).await;
    let bill = || {
        let rows = installation.ask(&["counters", "--by", "advertiser"]);
        (number(&rows[0], "billable_clicks"), number(&rows[0], "spend_micros"))
    };
    assert_eq!(bill(), (6, 6 * PRICE));
    let id = staged(&installation);
    let server = Server::start(&installation);
    let waits = installation.run(&["correction", "close", &id]).exits(5);
    assert!(waits.stderr().contains("nothing of it counts"), "{waits}");
    becomes_counted(&installation, 9).await;
    assert_eq!((bill(), state(&installation, &id).as_str()), ((6, 6 * PRICE), "closing"));
    installation.run(&["correction", "close", &id]).exits(5);
    server.stop(&[]);
    seal_as_if(&installation, installation.log(Stream::Clicks).await, hour.next(), false).await;
    assert_eq!(bill(), (6, 6 * PRICE));
    installation.run(&["correction", "close", &id]).exits(0);
    assert_eq!(bill(), (7, 7 * PRICE));
    let logged = installation.run(&["log", "cat"]).exits(0).stdout();
    assert_eq!(logged.lines().count(), 9, "closing again logs nothing twice: {logged}");
    installation.run(&["correction", "revert", &id]).exits(0);
    assert_eq!(bill(), (6, 6 * PRICE));
    installation.remove().await;
}
