//! The audit trail: whatever changes something says who did it.

use std::fs;

use serde_json::{Value, json};

use crate::{complete::simulated, installation::Installation, loader::AD, server::Server};

/// Commands that change something, in an order in which each finds what it needs, and the rows that they leave.
#[test]
fn every_command_that_changes_something_says_who_did_it() {
    let installation = Installation::embedded();
    fs::create_dir_all(installation.data()).unwrap();
    let file = installation.data().with_extension("ndjson");
    let line = |id: u8, kind: &str| {
        json!({
            "event_id": format!("e{id}"), "kind": kind, "event_time": format!("2026-05-18T10:0{id}:00Z"),
            "advertiser_id": "acme", "campaign_id": "spring", "ad_id": AD, "price_micros": 250_000,
            "currency": "EUR", "ip": "192.0.2.7", "user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
        })
    };
    let lines: Vec<String> =
        [line(1, "click"), line(2, "click"), line(3, "nonsense")].iter().map(|line| format!("{line}\n")).collect();
    fs::write(&file, lines.concat()).unwrap();
    let file = file.to_str().unwrap().to_owned();

    installation.register_ads(&[AD]);
    let run = |arguments: &[&str]| installation.run(arguments).exits(0);
    run(&["ads", "pause", AD, "--actor", "ann"]);
    run(&["ads", "resume", AD, "--actor", "ann"]);
    run(&["import", &file, "--format", "ndjson", "--rejects-max", "100%"]);
    let first = run(&["log", "cat", "--limit", "1"]).json()["position"].as_str().unwrap().to_owned();
    run(&["verdicts", "add", &first, "--reason", "wrong office", "--actor", "bob"]);
    run(&["verdicts", "revoke", &first, "--reason", "right office", "--actor", "bob"]);
    let sql = "SELECT position, 'old'   AS reason\nFROM clicks";
    run(&["verdicts", "query", sql, "--apply", "--actor", "cleo", "--note", "ticket 7"]);
    run(&["verdicts", "judge", "--actor", "dan"]);
    run(&["rejected", "retry"]);
    run(&["catalog", "rebuild"]);
    let opened = installation.ask(&["correction", "open", "--reason", "wrong month"]);
    let id = opened["correction"].as_str().unwrap().to_owned();
    run(&["correction", "add", &id, "--valid", &first]);
    run(&["replay", "stale", "--auto-promote-below", "1000"]);
    run(&["correction", "close", &id]);
    run(&["correction", "revert", &id]);
    // What only looks changes nothing.
    run(&["verdicts", "judge", "--dry-run"]);
    run(&["rejected", "retry", "--dry-run"]);
    run(&["verdicts", "query", sql]);

    let trail = installation.ask(&["audit", "log"]);
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    let found: Vec<_> =
        trail.as_array().unwrap().iter().map(|row| (text(row, "action"), text(row, "reason"))).collect();
    let closed = format!("correction {id}: wrong month");
    let reverted = format!("correction {id} is reverted: the correction is reverted");
    let expected = [
        ("put_ads", ""),
        ("pause_ads", ""),
        ("resume_ads", ""),
        ("import", ""),
        ("verdicts_add", "wrong office"),
        ("verdicts_revoke", "right office"),
        ("verdicts_query", "ticket 7"),
        ("verdicts_judge", ""),
        ("rejected_retry", ""),
        ("rebuild", ""),
        ("correction_open", "wrong month"),
        ("correction_add", "wrong month"),
        ("promote", "stale hours; no spend changes by 1000.00"),
        ("promote", &closed),
        ("correction_close", "wrong month"),
        ("promote", &reverted),
        ("correction_revert", "wrong month"),
    ];
    assert_eq!(found, expected.map(|(action, reason)| (action.to_owned(), reason.to_owned())), "{trail}");
    for row in trail.as_array().unwrap() {
        assert!(row["result"] == "done" && !text(row, "actor").is_empty() && !text(row, "detail").is_empty(), "{row}");
        assert!(text(row, "at").as_str() > "2026-06", "an import of the past is done in the present: {row}");
    }
    assert_eq!(installation.ask(&["audit", "log", "--actor", "bob"]).as_array().unwrap().len(), 2);
    assert_eq!(installation.ask(&["audit", "log", "--action", "import", "--from", "2030-01-01"]), json!([]));
    assert_eq!(text(&trail[6], "detail"), "1 ruling: SELECT position, 'old' AS reason FROM clicks");
    check_prints(&installation);
}

/// As a table that fits a terminal, as CSV, and of an actor that the environment names.
fn check_prints(installation: &Installation) {
    let run = |arguments: &[&str]| installation.run(arguments).exits(0);
    let table = run(&["audit", "log", "--actor", "ann"]).stdout();
    let entries = table.lines().filter(|line| line.starts_with("20")).count();
    assert!(entries == 2 && table.lines().all(|line| line.chars().count() <= 80), "{table}");
    let whole: String = table.lines().skip(1).flat_map(|line| line.split_whitespace()).collect();
    for row in installation.ask(&["audit", "log", "--actor", "ann"]).as_array().unwrap() {
        let last = row["detail"].as_str().unwrap().split_whitespace().next_back().unwrap().to_owned();
        assert!(whole.contains(&last), "nothing is cut off: {table}");
    }
    let csv = run(&["audit", "log", "--output", "csv"]).stdout();
    assert!(csv.starts_with("at,actor,action,result,reason,detail\r\n") && csv.lines().count() == 18, "{csv}");
    let named = installation.command(&["rejected", "retry"]).env("CLICKTRAIL_ACTOR", "eve").status().unwrap();
    assert!(named.success());
    assert_eq!(installation.ask(&["audit", "log", "--actor", "eve"])[0]["action"], "rejected_retry");
}

/// Each command about builds, also one that only looks, leaves who ran it, why, and how it ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_about_builds_leave_who_ran_them_why_and_how_they_ended() {
    let installation = simulated();
    let run = |arguments: &[&str], exit: i32| {
        let said = ["--actor", "ann", "--reason", "ticket 9"];
        installation.run(&[&["replay"], arguments, &said].concat()).exits(exit)
    };
    run(&["plan", "counters"], 0);
    let built = run(&["build", "--output", "json"], 0).json();
    let id = built["generation"].as_str().unwrap();
    assert_eq!(built["change"]["rows"], json!({"added": 0, "removed": 0, "changed": 0}), "{built}");
    run(&["verify", "live"], 0);
    run(&["abort", id], 0);
    run(&["build", "--to", "2026-01-01T02"], 0);
    run(&["resume"], 0);
    run(&["verify", id], 0);
    run(&["gc", "--yes"], 0);
    run(&["gc", "--dry-run"], 0);
    // One segment is gone: it cannot be compared.
    let segments = installation.data().join("archive/segments/counters/dt=2026-01-01/hr=03");
    fs::remove_dir_all(segments).unwrap();
    run(&["verify", "live"], 4);
    let trail = installation.ask(&["audit", "log", "--actor", "ann"]);
    let rows = trail.as_array().unwrap();
    let found: Vec<_> =
        rows.iter().map(|row| (row["action"].as_str().unwrap(), row["result"].as_str().unwrap())).collect();
    let expected = [
        ("plan", "done"),
        ("build", "done"),
        ("verify_live", "done"),
        ("abort", "done"),
        ("build", "done"),
        ("resume", "done"),
        ("verify", "done"),
        ("gc", "done"),
        ("verify_live", "failed"),
    ];
    assert_eq!(found, expected, "{trail}");
    assert!(rows.iter().all(|row| row["reason"] == "ticket 9"), "{trail}");
    assert!(rows[1]["detail"].as_str().unwrap().contains(id) && rows[8]["detail"] == "4 of 5 hours came out the same");

    // A server reports the newest check of what counts.
    let server = Server::start(&installation);
    let client = reqwest::Client::new();
    let mut metrics = String::new();
    for _ in 0..100 {
        metrics = client.get(format!("{}/metrics", server.url())).send().await.unwrap().text().await.unwrap();
        if metrics.contains("clicktrail_verify_live_timestamp_seconds ") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(metrics.contains("clicktrail_verify_live_equal 0\n"), "{metrics}");
    server.stop(&[]);
}
