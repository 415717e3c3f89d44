//! What was printed once is printed again, to the byte: after later verdicts, later clicks and other code, by place in
//! both logs, and by generation.

use std::fs;

use serde_json::{Value, json};

use crate::{complete::simulated, installation::Installation, loader::AD};

const QUESTION: [&str; 5] = ["counters", "--by", "advertiser,ad", "--granularity", "hour"];

/// The same answer as JSON and as CSV.
fn printed(installation: &Installation, options: &[&str]) -> [String; 2] {
    ["json", "csv"].map(|format| {
        let arguments = [&QUESTION[..], &["--output", format], options].concat();
        installation.run(&arguments).exits(0).stdout()
    })
}

/// The position of the last row of a stream.
fn last(installation: &Installation, stream: &str) -> String {
    let rows = installation.run(&["log", "cat", "--stream", stream, "--output", "ndjson"]).exits(0).stdout();
    let row: Value = serde_json::from_str(rows.lines().last().unwrap()).unwrap();
    row["position"].as_str().unwrap().to_owned()
}

/// Other code, which bills probes.
fn candidate(installation: &Installation) -> String {
    let released = include_str!("../../../../projections/src/counters/counters.sql");
    let text = released
        .replace("(WHERE c.kind = 'click') AS clicks", "(WHERE c.kind IN ('click', 'probe')) AS clicks")
        .replace(
            "(WHERE c.kind = 'click' AND r.category IS NULL) AS billable",
            "(WHERE c.kind IN ('click', 'probe') AND r.category IS NULL) AS billable",
        );
    assert_ne!(text, released);
    let path = installation.data().join("candidate.sql");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Two clicks behind all others, in an hour of their own.
fn log_more(installation: &Installation) {
    let line = |number: u8| {
        json!({
            "event_id": format!("later-{number}"), "kind": "click",
            "event_time": format!("2026-01-01T06:0{number}:00Z"), "advertiser_id": "late", "campaign_id": "c",
            "ad_id": AD, "price_micros": 250_000, "currency": "EUR", "ip": "192.0.2.7",
            "user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
        })
    };
    let file = installation.data().join("later.ndjson");
    fs::write(&file, format!("{}\n{}\n", line(1), line(2))).unwrap();
    installation.run(&["import", file.to_str().unwrap(), "--format", "ndjson"]).exits(0);
}

fn build(installation: &Installation, options: &[&str]) -> String {
    let built = installation.run(&[&["replay", "build", "--output", "json"], options].concat()).exits(0).json();
    assert_eq!(built["state"], json!("built"), "{built}");
    built["generation"].as_str().unwrap().to_owned()
}

#[test]
fn printout_is_repeated_to_the_byte_after_later_verdicts_code_and_clicks() {
    let installation = simulated();
    let (click, verdict) = (last(&installation, "clicks"), last(&installation, "verdicts"));
    let first = printed(&installation, &[]);
    let released = build(&installation, &[]);

    // Rulings by hand and by SQL, and code that counts otherwise.
    let rows = installation.run(&["log", "cat", "--output", "ndjson", "--limit", "50"]).exits(0).stdout();
    let rows = rows.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let target = rows.into_iter().find(|row| row["kind"] == json!("click")).unwrap();
    let target = target["position"].as_str().unwrap().to_owned();
    installation.ask(&["verdicts", "add", &target, "--reason", "competitor", "--actor", "ann"]);
    let by_hand = printed(&installation, &["--as-of", "latest"]);
    let after_hand = last(&installation, "verdicts");
    let sql = "SELECT position, 'test' AS reason FROM clicks WHERE kind = 'click' LIMIT 40";
    installation.ask(&["verdicts", "query", sql, "--apply", "--actor", "ann"]);
    let other = build(&installation, &["--sql", &candidate(&installation)]);
    let told = installation.run(&["replay", "build", "--sql", &candidate(&installation)]).exits(0);
    assert!(told.stdout().contains("advertiser-001") && told.stderr().contains("hours differ"), "{told}");
    assert!(told.stderr().contains(&format!("clicktrail replay promote {other}")), "{told}");
    let one = ["replay", "build", "--sql", &candidate(&installation), "--advertiser", "advertiser-002"];
    let told = installation.run(&one).exits(0).stdout();
    assert!(told.contains("advertiser-002") && !told.contains("advertiser-001"), "{told}");
    installation.ask(&["replay", "promote", &other, "--max-delta", "1000%", "--reason", "a test"]);
    let promoted = printed(&installation, &[]);
    log_more(&installation);

    let now = printed(&installation, &[]);
    assert!(first != by_hand && first != promoted && promoted != now, "each step changes the answer");
    let past = |verdict: &str| printed(&installation, &["--verdicts-as-of", verdict, "--clicks-as-of", &click]);
    assert_eq!(past(&verdict), first, "by place, with this program's code");
    assert_eq!(past(&after_hand), by_hand);
    assert_eq!(printed(&installation, &["--generation", &released]), first);
    assert_eq!(printed(&installation, &["--generation", &other]), promoted);
    assert_eq!(printed(&installation, &["--generation", &format!("{other}:before")]), first);

    // What was promoted is replaced, and answers as before.
    let newest = build(&installation, &[]);
    installation.ask(&["replay", "promote", &newest, "--max-delta", "1000%", "--reason", "a test"]);
    assert_eq!(printed(&installation, &["--generation", &other]), promoted);
    assert_eq!(past(&verdict), first);
    assert_eq!(printed(&installation, &["--generation", &format!("{newest}:before")]), now);
}

#[test]
fn click_inside_an_hour_cuts_it_and_what_comes_later_is_not_missing() {
    let installation = simulated();
    let hours = installation.ask(&["log", "hours"]);
    let frame = hours[2]["first_seq"].as_u64().unwrap();
    let asked = |options: &[&str]| installation.run(&[&QUESTION, options].concat());
    let count = |position: &str| -> i64 {
        let rows = asked(&["--clicks-as-of", position, "--complete", "--output", "json"]).exits(0).json();
        let columns = ["impressions", "clicks", "conversions", "probes", "prefetches"];
        let rows = rows.as_array().unwrap().iter();
        rows.flat_map(|row| columns.map(|column| row[column].as_i64().unwrap())).sum()
    };
    let before: i64 = hours.as_array().unwrap()[..2].iter().map(|hour| hour["rows"].as_i64().unwrap()).sum();
    assert_eq!(count(&format!("1.{frame}.0")), before + 1);
    assert_eq!(count(&format!("1.{frame}.10")), before + 11, "the eleventh event of the hour's first frame");
    assert_eq!(count(&last(&installation, "clicks")), 2_000);
    let refused = asked(&["--clicks-as-of", "1.999999.0"]).exits(1);
    assert!(refused.stderr().contains("there is no click 1.999999.0 yet"), "{refused}");
    let refused = asked(&["--as-of", "yesterday"]).exits(1);
    assert!(refused.stderr().contains("not `latest`"), "{refused}");
}

#[test]
fn generation_without_all_of_its_hours_or_segments_refuses_by_name() {
    let installation = simulated();
    let id = build(&installation, &[]);
    let basis = installation.run(&[&QUESTION[..], &["--generation", &id, "--basis", "--output", "json"]].concat());
    assert_eq!(basis.exits(0).json()["basis"]["as_of"]["generation"], json!(id));
    let segments = installation.data().join("archive/segments/counters");
    let segment = fs::read_dir(segments.join("dt=2026-01-01/hr=03")).unwrap().next().unwrap().unwrap().path();
    fs::remove_file(&segment).unwrap();
    let refused = installation.run(&["counters", "--generation", &id]).exits(1);
    assert!(refused.stderr().contains("hr=03"), "{refused}");
    installation.ask(&["replay", "abort", &id, "--reason", "a test"]);
    let refused = installation.run(&["counters", "--generation", &id]).exits(1);
    assert!(refused.stderr().contains("is aborted"), "{refused}");
}

/// Spend by advertiser and cause.
fn money(groups: &Value) -> Vec<(Value, Value, Value)> {
    let groups = groups.as_array().unwrap().iter();
    groups
        .map(|group| (group["advertiser_id"].clone(), group["cause"].clone(), group["change"]["spend_micros"].clone()))
        .collect()
}

#[test]
fn estimate_from_all_hours_is_the_difference_and_one_from_some_says_its_error() {
    let installation = simulated();
    let sql = "SELECT position, 'test' AS reason FROM clicks WHERE kind = 'click' AND position % 3 = 0";
    installation.ask(&["verdicts", "query", sql, "--apply", "--actor", "ann"]);
    let estimate = |options: &[&str]| {
        installation.ask(&[&["replay", "plan", "counters", "--estimate"], options].concat())["estimate"].clone()
    };
    let (all, some) = (estimate(&[]), estimate(&["--sample-hours", "3"]));
    assert_eq!(installation.ask(&["replay", "list"]), json!([]), "no generation is stored");
    let id = build(&installation, &[]);
    let diff = installation.run(&["replay", "diff", &id, "--output", "json"]).exits(2).json();
    assert_eq!((&all["is_exact"], money(&all["groups"])), (&json!(true), money(&diff["groups"])));
    assert!(money(&all["groups"]).len() > 3, "{all}");
    assert_eq!((&some["is_exact"], &some["sampled_hours"], &some["hours"]), (&json!(false), &json!(3), &json!(5)));
    let groups = some["groups"].as_array().unwrap();
    assert!(groups.iter().any(|group| group["standard_error"]["spend_micros"] != json!("0")), "{some}");
    let one = estimate(&["--advertiser", "advertiser-002"]);
    assert!(money(&one["groups"]).iter().all(|group| group.0 == json!("advertiser-002")), "{one}");
    let told = installation.run(&["replay", "plan", "counters", "--estimate", "--sample-hours", "3"]).exits(0);
    assert!(told.stdout().contains("ESTIMATE from 3 of 5 hours"), "{told}");
}
