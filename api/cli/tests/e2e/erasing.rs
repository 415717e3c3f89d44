//! Somebody is erased, and what is too old goes: afterwards the value is in no file, and everything that was counted,
//! billed and proved is as it was.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use clicktrail_log::time::Timestamp;
use serde_json::{Value, json};

use crate::{
    auditor::{Auditor, billed, bundle, export},
    installation::Installation,
    invoices::{click, regenerates},
    sealed::seal_rejected,
    searching::places,
};

/// User, address and click of whoever is to go.
const USER: &str = "acmeu119";
const ADDRESS: &str = "198.51.0.119";
const EVENT: &str = "event_id=acme-119";
/// A range of the advertiser's events in which that click is one of many.
const RANGE: &str = "advertiser=acme,from=2026-03-07,to=2026-03-09";

/// A rejected line that names the user, among others that do not.
fn reject(installation: &Installation) {
    let at = Timestamp::parse_rfc3339("2026-03-11T13:00:00Z").unwrap();
    let mut lines: Vec<Value> = (1..20).map(|number| click("kavi", 900 + number, at)).collect();
    let mut broken = click("kavi", 999, at);
    (broken["user_id"], broken["currency"]) = (json!(USER), json!("EURO"));
    lines.push(broken);
    let path = installation.data().with_file_name("rejecting.ndjson");
    fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    installation.run(&["import", path.to_str().unwrap(), "--format", "ndjson"]);
}

fn python(file: &Path, key: &str) -> (i32, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/evidence/verify.py");
    let python = crate::installation::service("CLICKTRAIL_TEST_PYTHON");
    let said = Command::new(python).arg(script).arg(file).args(["--key", key, "--output", "json"]).output().unwrap();
    (said.status.code().unwrap(), String::from_utf8_lossy(&said.stdout).into_owned())
}

/// What was billed and proved goes on: `erased` events have no personal columns.
fn goes_on(installation: &Installation, invoice: &str, erased: u64) {
    let verified = installation.ask(&["log", "verify", "--deep"]);
    assert_eq!((&verified["erased"], &verified["problems"]), (&json!(erased), &json!([])), "{verified}");
    regenerates(installation, invoice);
    let counted = installation.ask(&["counters", "--by", "advertiser"]);
    installation.run(&["catalog", "rebuild"]).exits(0);
    assert_eq!(installation.ask(&["counters", "--by", "advertiser"]), counted);
    regenerates(installation, invoice);
}

#[tokio::test]
async fn somebody_is_erased_everywhere_and_invoice_evidence_and_verification_go_on() {
    let (installation, invoice, key) = billed();
    reject(&installation);
    seal_rejected(&installation).await;
    let auditor = Auditor::new(&key);
    let handed_in = bundle(&installation, "invoice.json");
    let with_document = ["--document", handed_in.to_str().unwrap()];
    export(&installation, &["--invoice", &invoice], "before.zip").exits(0);
    let with_people = ["--query", RANGE, "--with-personal", "--case", "A-1"];
    export(&installation, &with_people, "people-before.zip").exits(0);
    let (code, before) = auditor.verify(&bundle(&installation, "people-before.zip"), &[]);
    assert_eq!(code, 0, "{before}");
    assert!(!places(&installation, USER).await.is_empty() && !places(&installation, ADDRESS).await.is_empty());

    let look = installation.ask(&["personal", "erase", "--user", USER, "--dry-run"]);
    assert_eq!((&look["archived"], &look["hours"], &look["rejected"]), (&json!(1), &json!(1), &json!(1)), "{look}");
    let erase = ["personal", "erase", "--user", USER, "--yes", "--actor", "ann"];
    installation.run(&erase).exits(1);
    let told = installation.run(&[&erase[..], &["--reason", &format!("{USER} wrote to us")]].concat()).exits(1);
    assert!(told.stderr().contains("audit trail"), "{told}");
    let erased = installation.run(&[&erase[..], &["--reason", "DSR-17", "--output", "json"]].concat()).exits(0);
    let request = &erased.json()["requests"][0];
    assert_eq!((&request["erased"], &request["rejected"], &request["done"]), (&json!(1), &json!(1), &json!(true)));
    assert!(erased.stderr().contains("1 bundle with personal columns"), "{erased}");

    assert_eq!(places(&installation, USER).await, Vec::<String>::new());
    assert_eq!(places(&installation, ADDRESS).await, Vec::<String>::new());
    let trail = installation.ask(&["audit", "log"]);
    let actions: Vec<&str> = trail.as_array().unwrap().iter().filter_map(|row| row["action"].as_str()).collect();
    assert!(actions.contains(&"personal_erase") && actions.contains(&"personal_erased"), "{trail}");
    assert!(!trail.to_string().contains(USER) && !trail.to_string().contains(ADDRESS), "{trail}");
    goes_on(&installation, &invoice, 1);

    // What does not hold personal columns has the same bytes; what does says what is gone.
    export(&installation, &["--invoice", &invoice], "after.zip").exits(0);
    let read = |name: &str| fs::read(bundle(&installation, name)).unwrap();
    assert_eq!(read("before.zip"), read("after.zip"));
    let (code, said) = auditor.verify(&bundle(&installation, "after.zip"), &with_document);
    assert_eq!(code, 0, "{said}");
    let exported = export(&installation, &with_people, "people-after.zip").exits(0);
    assert!(exported.stderr().contains("of 1 event are erased"), "{exported}");
    let (code, said) = auditor.verify(&bundle(&installation, "people-after.zip"), &[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("The personal columns of 1 row: they were erased"), "{said}");
    let (code, report) = python(&bundle(&installation, "people-after.zip"), &key);
    assert_eq!(code, 0, "{report}");
    // Of a single event that was erased there is nothing but the hash.
    let one = ["--query", EVENT, "--with-personal", "--case", "A-2"];
    export(&installation, &one, "one.zip").exits(0);
    let (code, said) = auditor.verify(&bundle(&installation, "one.zip"), &[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("they were erased") && !said.contains(ADDRESS), "{said}");
    assert_eq!(python(&bundle(&installation, "one.zip"), &key).0, 0);
    let shown = installation.run(&["rejected", "list", "--output", "json"]).exits(0).json();
    let entry = shown.as_array().unwrap().iter().find(|entry| entry["detail"] == "what arrived was erased").unwrap();
    let shown = installation.ask(&["rejected", "show", entry["position"].as_str().unwrap()]);
    assert_eq!((&shown["original"], &shown["position"]), (&json!(""), &entry["position"]));

    // Judging again does not take what is gone for what was never there.
    let hour = ["--from", "2026-03-08", "--to", "2026-03-09"];
    let refused = installation.run(&[&["verdicts", "judge"][..], &hour].concat()).exits(1);
    assert!(refused.stderr().contains("--with-erased"), "{refused}");
    let judged = installation.ask(&[&["verdicts", "judge", "--with-erased"][..], &hour].concat());
    assert_eq!((&judged["erased"], &judged["changes"]), (&json!(1), &json!(0)), "{judged}");
    let query = "SELECT c.position, 'no agent' AS reason FROM clicks c JOIN personal p ON p.position = c.position \
                 WHERE p.user_agent IS NULL";
    let asked = installation.ask(&[&["verdicts", "query", query][..], &hour].concat());
    assert_eq!((&asked["erased"], &asked["changes"]), (&json!(1), &json!(0)), "{asked}");

    // Asked for once more, there is nothing left to erase.
    let again = installation.run(&[&erase[..], &["--reason", "DSR-17", "--output", "json"]].concat()).exits(0);
    assert_eq!(again.json()["requests"][0]["erased"], json!(0), "{again}");
    let framework = installation.data().with_file_name("request.json");
    fs::write(&framework, "{\"identifierValue\":\"198.51.0.118\",\"identifierType\":\"ipv4\"}").unwrap();
    let ddrf = ["personal", "erase", "--ddrf", framework.to_str().unwrap(), "--yes", "--reason", "DSR-18"];
    installation.run(&ddrf).exits(0);
    assert_eq!(places(&installation, "198.51.0.118").await, Vec::<String>::new());
    assert_eq!(installation.ask(&["personal", "list"]), json!([]));
    goes_on(&installation, &invoice, 2);
}

#[tokio::test]
async fn what_is_too_old_goes_and_invoice_evidence_and_verification_go_on() {
    let (installation, invoice, key) = billed();
    let months = ["--personal-months", "0"];
    let shown = installation.run(&[&["retention", "show", "--output", "json"][..], &months].concat()).exits(2);
    let personal = shown.json().as_array().unwrap().iter().find(|row| row["what"] == "personal columns").cloned();
    let personal = personal.unwrap();
    assert_eq!(personal["oldest"], json!("2026-03-02T00"), "{personal}");
    let due = personal["hours_due"].as_u64().unwrap();
    let look = installation.ask(&[&["retention", "apply", "--dry-run"][..], &months].concat());
    assert_eq!((look["hours"].as_u64(), &look["before"].is_string()), (Some(due), &true), "{look}");
    let applied = installation.run(&[&["retention", "apply", "--yes", "--output", "json"][..], &months].concat());
    let applied = applied.exits(0).json();
    let events = applied["events"].as_u64().unwrap();
    assert_eq!(applied["rejected_events"], json!(0));
    assert_eq!(applied["hours"].as_u64(), Some(due), "{applied}");
    for gone in ["198.51.", "acmeu", "kaviu", "Mozilla"] {
        assert_eq!(places(&installation, gone).await, Vec::<String>::new(), "{gone}");
    }
    goes_on(&installation, &invoice, events);
    installation.run(&[&["retention", "show"][..], &months].concat()).exits(0);
    let auditor = Auditor::new(&key);
    export(&installation, &["--query", RANGE, "--with-personal", "--case", "A-3"], "old.zip").exits(0);
    let (code, said) = auditor.verify(&bundle(&installation, "old.zip"), &[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("they were erased"), "{said}");
    let again = installation.ask(&[&["retention", "apply", "--yes"][..], &months].concat());
    assert_eq!(again["hours"], json!(0));
}

#[tokio::test]
async fn a_killed_erasure_is_finished_by_the_next() {
    let (installation, invoice, _) = billed();
    reject(&installation);
    seal_rejected(&installation).await;
    let erase = ["personal", "erase", "--user", USER, "--yes", "--reason", "DSR-17"];
    for life_ms in [20, 60, 100, 140, 180, 240, 320, 400] {
        let mut process = installation.command(&erase).spawn().unwrap();
        thread::sleep(Duration::from_millis(life_ms));
        // It may have come to its end.
        let _ = process.kill();
        process.wait().unwrap();
    }
    let finished = installation.run(&erase);
    assert!([0, 5].contains(&finished.code()), "files of the dead may stay for an hour: {finished}");
    let left: Vec<PathBuf> = places(&installation, USER).await.into_iter().map(PathBuf::from).collect();
    assert_eq!(left, Vec::<PathBuf>::new());
    goes_on(&installation, &invoice, 1);
}
