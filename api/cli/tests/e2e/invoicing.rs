//! From accounts to approved drafts: a month is closed, drafted, drafted again after what came late and what was ruled
//! later, reviewed and approved. Whoever cannot be billed is named, by exit code too.

use std::fs;

use serde_json::{Value, json};

use crate::installation::{Installation, Outcome, example};

fn click(advertiser: &str, id: &str, time: &str) -> Value {
    json!({
        "event_id": id, "kind": "click", "event_time": time, "advertiser_id": advertiser, "campaign_id": "spring",
        "ad_id": format!("{advertiser}-shoe"), "price_micros": 250_000, "currency": "EUR", "ip": "192.0.2.7",
        "user_id": id, "placement": "top",
        "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                       Chrome/141.0.0.0 Safari/537.36",
    })
}

pub(crate) fn import(installation: &Installation, name: &str, clicks: &[Value]) {
    let path = installation.data().with_file_name(format!("{name}.ndjson"));
    fs::create_dir_all(installation.data()).unwrap();
    fs::write(&path, clicks.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    installation.run(&["import", path.to_str().unwrap(), "--format", "ndjson"]).exits(0);
}

/// Terms of an account, as the example has them without discounts, minimums and caps, in a zone.
fn terms(installation: &Installation, advertiser: &str, zone: &str) -> String {
    let text = fs::read_to_string(example("accounts/acme.toml")).unwrap();
    let (head, _) = text.split_once("[[caps]]").unwrap();
    let text = head.replace("\"acme\"", &format!("\"{advertiser}\"")).replace("Europe/Berlin", zone);
    let path = installation.data().with_file_name(format!("{advertiser}.toml"));
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// February to April: at the edges of March in Berlin and in Kolkata, and clicks of somebody without an account. The
/// last is long after March, so its hours are sealed until then.
fn spring() -> Installation {
    let installation = Installation::embedded();
    let clicks = [
        // Berlin's March begins at 23:00 in UTC and ends at 22:00, because clocks were put forward.
        click("acme", "a0", "2026-02-28T22:59:59Z"),
        click("acme", "a1", "2026-02-28T23:00:00Z"),
        click("acme", "a2", "2026-03-10T10:00:00Z"),
        click("acme", "a3", "2026-03-31T21:59:59Z"),
        click("acme", "a4", "2026-03-31T22:00:00Z"),
        // Kolkata's begins and ends at 18:30.
        click("kavi", "k0", "2026-02-28T18:29:59Z"),
        click("kavi", "k1", "2026-02-28T18:30:00Z"),
        click("kavi", "k2", "2026-03-31T18:29:59Z"),
        click("kavi", "k3", "2026-03-31T18:30:00Z"),
        click("nobody", "n0", "2026-03-15T00:00:00Z"),
        click("nobody", "n1", "2026-04-02T12:00:00Z"),
    ];
    import(&installation, "spring", &clicks);
    let (acme, kavi) = (terms(&installation, "acme", "Europe/Berlin"), terms(&installation, "kavi", "Asia/Kolkata"));
    let added = installation.run(&["accounts", "add", &acme, &kavi]).exits(0);
    assert!(added.stdout().starts_with("2 accounts read, 2 new or changed\n"), "{added}");
    installation.run(&["accounts", "seller", example("accounts/seller.toml").to_str().unwrap()]).exits(0);
    installation
}

#[track_caller]
fn fits_a_terminal(outcome: &Outcome) {
    for line in outcome.stdout().lines() {
        assert!(line.chars().count() <= 80, "{} characters: {outcome}", line.chars().count());
    }
}

fn drafts(answer: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let row = |row: &Value| ["draft", "revision", "became", "clicks", "total"].map(|name| text(&row[name])).join(" ");
    answer["drafts"].as_array().unwrap().iter().map(row).collect()
}

#[track_caller]
fn draft(installation: &Installation, code: i32) -> Value {
    installation.run(&["invoice", "draft", "2026-03", "--output", "json"]).exits(code).json()
}

#[test]
fn month_is_closed_drafted_reviewed_and_approved() {
    let installation = spring();
    let listed = installation.run(&["accounts", "list"]).exits(0);
    assert!(listed.stdout().contains("Asia/Kolkata"), "{listed}");
    fits_a_terminal(&installation.run(&["accounts", "show", "acme"]).exits(0));
    let shown = installation.run(&["period", "show", "2026-03"]).exits(0);
    assert!(shown.stdout().contains("2026-02-28T23:00Z") && shown.stdout().contains("2026-03-31T22:00Z"), "{shown}");
    let closed = installation.run(&["period", "close", "2026-03", "--actor", "ann"]).exits(0);
    assert!(closed.stdout().contains("2026-03 Asia/Kolkata is closed, from 2026-02-28T18:30Z"), "{closed}");
    fits_a_terminal(&installation.run(&["period", "list"]).exits(0));

    let first = draft(&installation, 5);
    assert_eq!(drafts(&first), ["2026-03.acme.EUR 1 new 3 0.89", "2026-03.kavi.EUR 1 new 2 0.60"]);
    assert_eq!(first["left_out"][0]["advertiser_id"], json!("nobody"));
    assert_eq!(first["left_out"][0]["code"], json!("no_account"));
    assert_eq!(drafts(&draft(&installation, 5)), ["2026-03.acme.EUR 1 same 3 0.89", "2026-03.kavi.EUR 1 same 2 0.60"]);
    let table = installation.run(&["invoice", "draft", "2026-03"]).exits(5);
    fits_a_terminal(&table);
    assert!(table.stderr().contains("no invoice for \"nobody\": 1 click and no account"), "{table}");

    let shown = installation.run(&["invoice", "show", "2026-03.acme.EUR"]).exits(0);
    fits_a_terminal(&shown);
    for expected in ["Acme Werbung GmbH", "spring", "0.250000", "0.75", "tax S 19.00 % on 0.75", "0.14", "0.89 EUR"] {
        assert!(shown.stdout().contains(expected), "{expected}: {shown}");
    }
    let review = installation.run(&["invoice", "review", "2026-03"]).exits(3);
    fits_a_terminal(&review);
    assert!(review.stderr().contains("gate: \"nobody\" had 1 click in"), "{review}");
    installation.run(&["invoice", "review", "2026-03", "--reason", "a test campaign", "--actor", "bob"]).exits(0);
    let audit = installation.ask(&["audit", "log", "--action", "review_invoices"]);
    let results: Vec<(&str, &str)> = audit
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["result"].as_str().unwrap(), row["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(results, [("refused", ""), ("done", "a test campaign")]);

    // February has clicks that nobody billed.
    assert_eq!(first["unbilled"][0]["period"], json!("2026-02"), "{first}");
    assert!(table.stderr().contains("`clicktrail invoice draft 2026-02 --advertiser acme`"), "{table}");
    let refused = installation.run(&["invoice", "approve", "--period", "2026-03"]).exits(3);
    assert!(refused.stderr().contains("2026-03.acme.EUR r1 was not approved, because of unbilled"), "{refused}");
    let accept = ["invoice", "approve", "--period", "2026-03", "--accept", "unbilled", "--reason", "billed by hand"];
    let approved = installation.ask(&[&accept[..], &["--actor", "ann"]].concat());
    assert_eq!(approved, json!({"named": 2, "approved": 2, "refused": []}));
    let listed = installation.run(&["invoice", "list", "2026-03", "--state", "approved"]).exits(0);
    fits_a_terminal(&listed);
    assert_eq!(listed.stdout().lines().count(), 3, "{listed}");
    let csv = installation.run(&["invoice", "list", "--output", "csv"]).exits(0);
    assert!(csv.stdout().starts_with("draft,rev,state,kind,lines,total,cur,document\r\n"), "{csv}");
}

#[test]
fn drafts_that_a_gate_marks_are_approved_only_with_a_reason() {
    let installation = spring();
    installation.run(&["invoice", "draft", "2026-02"]).exits(0);
    draft(&installation, 5);
    let approve = |more: &[&str]| installation.run(&[&["invoice", "approve", "--period", "2026-03"], more].concat());
    // A change of 200 % against February is a gate; the limit is the reviewer's.
    let refused = approve(&[]).exits(3);
    assert!(refused.stderr().contains("because of change: look at it, and pass --accept change"), "{refused}");
    let accept = ["--accept", "change", "--reason", "spring"];
    approve(&["--accept", "change"]).exits(1);
    approve(&["--accept", "everything", "--reason", "x"]).exits(1);
    let dispute = ["--advertiser", "kavi", "--currency", "EUR", "--reason", "too many"];
    installation.run(&[&["invoice", "dispute", "open", "2026-03"], &dispute[..]].concat()).exits(0);
    let some = approve(&accept).exits(5);
    assert!(some.stderr().contains("2026-03.kavi.EUR r1 was not approved, because of"), "{some}");
    assert!(some.stderr().contains("`invoice dispute close` first"), "{some}");
    approve(&["--accept", "dispute_open", "--reason", "x"]).exits(1);
    installation.run(&["invoice", "dispute", "close", "1", "--resolution", "agreed"]).exits(0);
    approve(&accept).exits(0);
    let audit = installation.ask(&["audit", "log", "--action", "approve_gated"]);
    let rows: Vec<(&str, &str)> = audit
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["result"].as_str().unwrap(), row["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(rows, [("refused", ""), ("done", "spring"), ("refused", ""), ("done", "spring")], "{audit}");
    // What is contested after it was approved has to be approved again before it is issued.
    installation.run(&[&["invoice", "dispute", "open", "2026-03"], &dispute[..]].concat()).exits(0);
    let issued = installation.ask(&["invoice", "issue", "--period", "2026-03"]);
    assert_eq!(issued["issued"].as_array().unwrap().len(), 1, "{issued}");
}

#[test]
fn account_that_changes_its_cycle_is_billed_for_every_day_once() {
    let installation = spring();
    // Monthly terms until March, weekly ones from 10 March on: the first week begins with April.
    let path = terms(&installation, "acme", "Europe/Berlin");
    let text = fs::read_to_string(&path).unwrap().replace("cycle = \"month\"", "cycle = \"week\"");
    fs::write(&path, text.replace("valid_from = 2026-01-01", "valid_from = 2026-03-10")).unwrap();
    installation.run(&["accounts", "add", &path]).exits(0);
    let week = installation.run(&["invoice", "draft", "2026-W14", "--lateness", "0h"]).exits(4);
    assert!(week.stderr().contains("run `clicktrail invoice draft 2026-W14-3`"), "{week}");
    let shown = installation.run(&["period", "show", "2026-W14", "--lateness", "0h"]);
    assert!(shown.stdout().contains("2026-W14-3") && shown.stdout().contains("2026-03-31T22:00Z"), "{shown}");
    let late = [click("acme", "a5", "2026-04-05T10:00:00Z"), click("nobody", "n3", "2026-04-06T12:00:00Z")];
    import(&installation, "april", &late);
    let part = installation.run(&["invoice", "draft", "2026-W14-3", "--lateness", "0h", "--output", "json"]).exits(5);
    let answer = part.json();
    // The click of 31 March at 22:00 in UTC, and one of 5 April.
    assert_eq!(drafts(&answer), ["2026-W14-3.acme.EUR 1 new 2 0.60"], "{part}");
    assert_eq!(answer["unbilled"][0]["period"], json!("2026-03"), "nobody drafted March: {part}");
    draft(&installation, 5);
    let accept = ["--accept", "unbilled", "--reason", "a test"];
    for period in ["2026-03", "2026-W14-3"] {
        installation.run(&[&["invoice", "approve", "--period", period], &accept[..]].concat()).exits(0);
        let issued = installation.run(&["invoice", "issue", "--period", period]).exits(0);
        assert!(issued.stdout().contains("INV-"), "{issued}");
    }
    installation.run(&["invoice", "explain", "INV-00000003"]).exits(0);
    installation.run(&["invoice", "regenerate", "INV-00000003", "--from-raw"]).exits(0);
    let listed = installation.run(&["period", "list"]).exits(0);
    assert!(listed.stdout().contains("2026-W14-3"), "{listed}");
    fits_a_terminal(&listed);
}

#[test]
fn what_comes_late_and_what_is_ruled_later_make_revisions_that_say_why() {
    let installation = spring();
    draft(&installation, 5);
    let late = [click("acme", "late", "2026-03-20T10:00:00Z"), click("nobody", "n2", "2026-04-05T12:00:00Z")];
    import(&installation, "late", &late);
    let revised = draft(&installation, 5);
    assert_eq!(drafts(&revised), ["2026-03.acme.EUR 2 revised 4 1.19", "2026-03.kavi.EUR 1 same 2 0.60"]);
    let causes = &revised["drafts"][0]["change"]["causes"];
    assert_eq!(
        causes,
        &json!([
            {"cause": "late_events", "hours": 1, "clicks": 1, "billable": 1, "spend_micros": "250000"}
        ])
    );

    let cat = installation.run(&["log", "cat", "--limit", "100"]).exits(0).stdout();
    let lines: Vec<Value> = cat.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let position = lines.iter().find(|line| line["event_id"] == json!("a2")).unwrap()["position"].as_str().unwrap();
    rule(&installation, position);
    let refused = installation.run(&["invoice", "draft", "2026-03"]).exits(4);
    assert!(refused.stderr().contains("2026-03-10T10 has verdicts that the numbers do not know"), "{refused}");
    installation.run(&["replay", "stale", "--auto-promote-below", "1000"]).exits(0);
    let revised = draft(&installation, 5);
    assert_eq!(drafts(&revised), ["2026-03.acme.EUR 3 revised 4 0.89", "2026-03.kavi.EUR 1 same 2 0.60"]);
    let cause = &revised["drafts"][0]["change"]["causes"][0];
    assert_eq!((&cause["cause"], &cause["billable"]), (&json!("verdicts"), &json!(-1)), "{revised}");
    let diff = installation.run(&["invoice", "diff", "2026-03.acme.EUR"]).exits(2);
    assert!(diff.stdout().contains("billable -1") && diff.stdout().contains("policy +1"), "{diff}");
    let old = installation.run(&["invoice", "show", "2026-03.acme.EUR", "--revision", "1"]).exits(0);
    assert!(old.stdout().contains("0.89 EUR") && old.stdout().contains("superseded"), "{old}");
}

fn rule(installation: &Installation, position: &str) {
    installation.run(&["verdicts", "add", position, "--reason", "a test", "--actor", "ann"]).exits(0);
}

#[test]
fn what_cannot_be_billed_yet_is_said_by_name() {
    let installation = spring();
    let wrong = installation.run(&["invoice", "draft", "2026-13"]).exits(1);
    assert!(wrong.stderr().contains("is not a period: use a month, as in 2026-03"), "{wrong}");
    let future = installation.run(&["invoice", "draft", "2999-01"]).exits(4);
    assert!(future.stderr().contains("which is still to come"), "{future}");
    let unsealed = installation.run(&["invoice", "draft", "2026-04"]).exits(4);
    assert!(unsealed.stderr().contains("not sealed") && unsealed.stderr().contains("clicktrail serve"), "{unsealed}");
    installation.run(&["period", "close", "2026-04"]).exits(4);

    // Whoever asks for one account is told why it has no draft.
    let asked = |advertiser: &str, period: &str, code: i32, why: &str| {
        let arguments = ["invoice", "draft", period, "--advertiser", advertiser];
        let answer = installation.run(&arguments).exits(code);
        assert!(answer.stderr().contains(why), "{why}: {answer}");
    };
    asked("unknown", "2026-03", 1, "there is no account \"unknown\"");
    asked("nobody", "2026-03", 1, "there is no account \"nobody\"");
    asked("acme", "2026-W10", 1, "is billed by the month, and 2026-W10 is a week");
    asked("acme", "2019-01", 1, "has no terms for 2019-01: its first are valid from 2026-01-01");

    // A mistake in one file stores none of them, and is named with its line.
    let good = terms(&installation, "fine", "UTC");
    let bad = terms(&installation, "wrong", "Mars/Olympus");
    let refused = installation.run(&["accounts", "add", &good, &bad]).exits(1);
    assert!(refused.stderr().contains("wrong.toml:") && refused.stderr().contains("Mars/Olympus"), "{refused}");
    assert!(!installation.run(&["accounts", "list"]).exits(0).stdout().contains("fine"));

    // Terms without tax data are taken, and drafting says what they lack.
    let text = fs::read_to_string(example("accounts/globex.toml")).unwrap();
    let path = installation.data().with_file_name("nobody.toml");
    let text = text.replace("\"globex\"", "\"nobody\"").replace("tax_id = \"ESB12345678\"\n", "");
    fs::write(&path, text).unwrap();
    let added = installation.run(&["accounts", "add", path.to_str().unwrap()]).exits(0);
    assert!(added.stderr().contains("nobody cannot be invoiced yet: it lacks customer.tax_id"), "{added}");
    let answer = draft(&installation, 5);
    assert_eq!(answer["left_out"][0]["code"], json!("data_missing"), "{answer}");
    assert!(answer["left_out"][0]["detail"].as_str().unwrap().contains("customer.tax_id"), "{answer}");
    let void = installation.run(&["invoice", "void", "2026-03.kavi.EUR", "--reason", "a test"]).exits(0);
    assert!(void.stdout().contains("is void"), "{void}");
    assert_eq!(drafts(&draft(&installation, 5))[1], "2026-03.kavi.EUR 1 void 2 0.60");
    let unknown = installation.run(&["invoice", "approve", "2026-03.unknown.EUR"]).exits(1);
    assert!(unknown.stderr().contains("there is no draft"), "{unknown}");
}
