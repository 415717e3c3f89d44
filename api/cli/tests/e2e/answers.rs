//! What commands answer: dates of a zone, money of any size, CSV, and output that cannot be written.

use std::{
    fs::File,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::installation::Installation;

/// An installation that holds these events.
fn holding(events: &[Value]) -> Installation {
    let installation = Installation::embedded();
    std::fs::create_dir_all(installation.data()).unwrap();
    let file = installation.data().join("events.ndjson");
    let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
    std::fs::write(&file, lines).unwrap();
    let arguments = ["import", file.to_str().unwrap(), "--format", "ndjson"];
    assert_eq!(installation.ask(&arguments)["rejected"], json!(0));
    installation
}

fn click(id: &str, advertiser: &str, at: &str, price: &str, currency: &str) -> Value {
    json!({
        "event_id": id, "kind": "click", "event_time": at, "ad_id": format!("ad of {id}"),
        "advertiser_id": advertiser, "campaign_id": "c", "price": price, "currency": currency,
    })
}

fn conversion(id: &str, at: &str, value: &str) -> Value {
    let mut event = click(id, "acme", at, "0", "EUR");
    event["kind"] = json!("conversion");
    event["value"] = json!(value);
    event
}

/// The clicks of case 41: two of them on the 18th in Berlin, two on the 18th in UTC, but not the same two.
fn around_midnight() -> Installation {
    holding(&[
        click("d1", "acme", "2026-05-17T22:30:00Z", "1", "EUR"),
        click("d2", "acme", "2026-05-18T10:00:00Z", "10", "EUR"),
        click("d3", "acme", "2026-05-18T22:30:00Z", "100", "EUR"),
        click("d4", "other, \"quoted\"", "2026-05-18T10:00:00Z", "1000", "USD"),
    ])
}

/// What is owed, by row.
fn spend(installation: &Installation, arguments: &[&str]) -> Vec<String> {
    let rows = installation.ask(&[&["counters"], arguments].concat());
    rows.as_array().unwrap().iter().map(|row| row["spend_micros"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn date_is_a_day_of_the_zone_that_is_asked_in() {
    let installation = around_midnight();
    let acme = |more: &[&str]| spend(&installation, &[&["--advertiser", "acme"], more].concat());
    let day = ["--from", "2026-05-18", "--to", "2026-05-19"];
    assert_eq!(acme(&day), ["110000000"], "UTC");
    assert_eq!(acme(&[&day[..], &["--timezone", "Europe/Berlin"]].concat()), ["11000000"]);
    assert_eq!(acme(&[&day[..], &["--timezone", "-01:30"]].concat()), ["110000000"]);
    assert_eq!(acme(&["--month", "2026-05", "--timezone", "Asia/Shanghai"]), ["111000000"]);
    let days = installation.ask(&[
        "counters",
        "--advertiser",
        "acme",
        "--granularity",
        "day",
        "--timezone",
        "Europe/Berlin",
        "--month",
        "2026-05",
    ]);
    let days: Vec<(&Value, &Value)> =
        days.as_array().unwrap().iter().map(|row| (&row["bucket"], &row["billable_clicks"])).collect();
    assert_eq!(
        days,
        [(&json!("2026-05-18T00:00:00+02:00"), &json!(2)), (&json!("2026-05-19T00:00:00+02:00"), &json!(1)),]
    );
    assert_eq!(acme(&["--from", "2026-05-18T12:00", "--timezone", "Europe/Berlin"]), ["110000000"]);
    assert_eq!(acme(&["--from", "2026-05-18T12:01", "--timezone", "Europe/Berlin"]), ["100000000"]);
    assert_eq!(spend(&installation, &["--advertiser", "nobody"]), Vec::<String>::new());
}

#[test]
fn unclear_bounds_are_refused_with_what_to_write() {
    let installation = around_midnight();
    for (arguments, says) in [
        (&["counters", "--from", "2026-05-18T10:00:30Z"][..], &["--from", "2026-05-18T10:01:00Z"][..]),
        (&["counters", "--to", "2026-10-25T02:30", "--timezone", "Europe/Berlin"], &["--to", "02:30:00+01:00"]),
        (&["counters", "--from", "2011-12-30", "--timezone", "Pacific/Apia"], &["write 2011-12-31"]),
        (&["counters", "--from", "2026-05-19", "--to", "2026-05-18"], &["ends before it begins"]),
        (&["counters", "--month", "2026-05", "--from", "2026-05-01"], &["cannot be used with"]),
        (&["counters", "--timezone", "Europe/Nowhere"], &["not a time zone"]),
        (&["verdicts", "judge", "--dry-run", "--from", "2026-05-19", "--to", "2026-05-18"], &["ends before it begins"]),
        (&["verdicts", "judge", "--dry-run", "--from", "2026-05-18T10:30"], &["2026-05-18T11:00:00Z"]),
        (&["verdicts", "stats", "--from", "2026-05-18", "--timezone", "Asia/Kathmandu"], &["sealed whole"]),
        (&["verdicts", "query", "SELECT 1", "--to", "yesterday"], &["--to", "neither a date nor a time"]),
        (&["log", "hours", "--from", "2026-05-18T10:30"], &["2026-05-18T11:00:00Z"]),
        (&["log", "cat", "2026-05-18"], &["hour of UTC"]),
    ] {
        let stderr = installation.run(arguments).exits(1).stderr();
        assert!(says.iter().all(|part| stderr.contains(part)), "{arguments:?}: {stderr}");
    }
    let hours = installation.ask(&["log", "hours", "--from", "2026-05-18", "--without-quiet"]);
    assert_eq!(hours.as_array().unwrap().len(), 2);
    let judged = ["verdicts", "judge", "--dry-run", "--from", "2026-05-18", "--timezone", "Europe/Berlin"];
    assert_eq!(installation.ask(&judged)["events"], json!(4));
}

/// Case 38: sums beyond 64 bits, beside some that are not.
#[test]
fn money_is_exact_and_of_one_type_at_any_size() {
    let largest = "9223372036854.775807";
    let installation = holding(&[
        conversion("s1", "2026-05-12T09:00:01Z", largest),
        conversion("s2", "2026-05-12T09:00:02Z", largest),
        click("s3", "acme", "2026-05-12T09:00:03Z", largest, "EUR"),
        click("s4", "acme", "2026-05-12T09:00:04Z", largest, "EUR"),
        click("s5", "small", "2026-05-12T09:00:05Z", "0.000001", "EUR"),
    ]);
    let twice = (i128::from(i64::MAX) * 2).to_string();
    let rows = installation.ask(&["counters"]);
    assert_eq!((&rows[0]["spend_micros"], &rows[0]["value_micros"]), (&json!(twice), &json!(twice)), "{rows}");
    assert_eq!((&rows[1]["spend_micros"], &rows[1]["value_micros"]), (&json!("1"), &json!("0")), "{rows}");
    assert_eq!((&rows[0]["clicks"], &rows[0]["conversions"]), (&json!(2), &json!(2)));
    let table = installation.run(&["counters"]).exits(0).stdout();
    assert!(table.contains(" 18446744073709.551614 "), "{table}");
    let total = table.lines().find(|line| line.starts_with("total ")).unwrap();
    assert!(total.contains(" EUR ") && total.contains(" 18446744073709.551615 "), "{table}");
    let csv = installation.run(&["counters", "--output", "csv"]).exits(0).stdout();
    assert!(csv.contains("18446744073709.551614") && csv.contains("0.000001") && !csv.contains("total"), "{csv}");

    let sql = "SELECT position, 'test' AS reason FROM clicks WHERE kind = 'click'";
    let effects = installation.ask(&["verdicts", "query", sql])["effects"].clone();
    assert_eq!((&effects[0]["spend_micros"], &effects[1]["spend_micros"]), (&json!(format!("-{twice}")), &json!("-1")));
    let table = installation.run(&["verdicts", "query", sql]).exits(0).stdout();
    assert!(table.contains(" -18446744073709.551614 "), "{table}");
}

#[test]
fn csv_is_read_by_any_reader() {
    let installation = around_midnight();
    let text = installation.run(&["counters", "--output", "csv"]).exits(0).stdout();
    let mut lines = text.split("\r\n");
    assert!(lines.next().unwrap().starts_with("advertiser_id,currency,"), "{text}");
    assert!(lines.next().unwrap().starts_with("acme,EUR,"), "{text}");
    assert!(lines.next().unwrap().starts_with("\"other, \"\"quoted\"\"\",USD,"), "{text}");
    assert_eq!(lines.collect::<Vec<_>>(), [""], "no total, which would be added up with the rest");
    let empty = installation.run(&["counters", "--output", "csv", "--advertiser", "nobody"]).exits(0).stdout();
    assert!(empty.starts_with("advertiser_id,currency,") && empty.matches('\n').count() == 1, "{empty}");
    let hours = installation.run(&["log", "hours", "--output", "csv"]).exits(0).stdout();
    assert!(hours.starts_with("hour,first_seq,"), "{hours}");
    let refused = installation.run(&["doctor", "--output", "csv"]).exits(1).stderr();
    assert!(refused.contains("--output json"), "{refused}");
}

/// Runs a command with its output into `stdout`; what it exits with, and what it says.
fn run_into(mut command: Command, stdout: impl Into<Stdio>) -> (Option<i32>, String) {
    let output = command.stdout(stdout).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Commands that answer something, in several ways of printing.
const ANSWERING: &[&[&str]] = &[
    &["counters"],
    &["counters", "--output", "json"],
    &["counters", "--output", "csv"],
    &["log", "hours"],
    &["log", "cat", "2026-05-18T10"],
    &["log", "verify"],
    &["verdicts", "rules"],
    &["verdicts", "stats", "--output", "json"],
    &["rejected", "list"],
    &["schema", "show"],
    &["schema", "check"],
    &["catalog", "reconciliations"],
    &["doctor"],
    &["ads", "list"],
    &["--help"],
    &["counters", "--help"],
    &["--version"],
];

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let installation = around_midnight();
    for arguments in ANSWERING {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let (code, stderr) = run_into(installation.command(arguments), full);
        assert_eq!(code, Some(1), "{arguments:?} into a full disk: {stderr}");
        assert!(stderr.contains("write to stdout") && stderr.contains("No space left"), "{arguments:?}: {stderr}");
    }
    let (code, stderr) = run_into(installation.command(&["counters"]), File::open("/dev/null").unwrap());
    assert_eq!(code, Some(1), "into a descriptor that cannot be written: {stderr}");
    let mut command = installation.command(&["import", "/dev/null", "--format", "ndjson"]);
    command.stderr(File::options().write(true).open("/dev/full").unwrap()).stdout(Stdio::null());
    assert_eq!(command.status().unwrap().code(), Some(1), "notes are output too");
}

#[test]
fn reader_that_has_gone_away_is_no_failure() {
    let installation = around_midnight();
    for arguments in ANSWERING {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (code, stderr) = run_into(installation.command(arguments), writer);
        assert_eq!((code, stderr.contains("write to")), (Some(0), false), "{arguments:?}: {stderr}");
    }
    // One that would go on for ever ends with its reader.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(run_into(installation.command(&["log", "tail", "--frames", "9"]), writer).0, Some(0));
}

#[test]
fn failed_output_undoes_nothing_that_was_done() {
    let installation = around_midnight();
    let sql = "SELECT position, 'test' AS reason FROM clicks WHERE price_micros = 1000000";
    let arguments = ["verdicts", "query", sql, "--apply", "--actor", "me"];
    let full = File::options().write(true).open("/dev/full").unwrap();
    assert_eq!(run_into(installation.command(&arguments), full).0, Some(1));
    assert_eq!(spend(&installation, &["--advertiser", "acme", "--as-of", "latest"]), ["110000000"]);
}
