//! A real access log (10,000 lines, dirty in the ways that matter) as a click log: imported, sealed, counted, rebuilt.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use clicktrail_log::time::Hour;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    installation::{Installation, example, service, unpack_example},
    recount::sum,
};

/// The log, imported into an installation of its own.
pub(crate) struct Imported {
    pub(crate) installation: Installation,
    /// What the import printed.
    summary: Value,
}

impl Imported {
    pub(crate) fn new() -> Self {
        let installation = not_yet_imported();
        let summary = import(&installation);
        Self { installation, summary }
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.installation.data().join("archive")
    }
}

fn file(installation: &Installation) -> PathBuf {
    installation.data().join("apache_access.log")
}

fn import(installation: &Installation) -> Value {
    let arguments = import_arguments(installation);
    installation.ask(&arguments.each_ref().map(String::as_str))
}

fn import_arguments(installation: &Installation) -> [String; 6] {
    let (file, mapping) = (file(installation), example("apache.toml"));
    let (file, mapping) = (file.to_str().unwrap(), mapping.to_str().unwrap());
    ["import", file, "--format", "combined", "--mapping", mapping].map(str::to_owned)
}

/// Has the file where [`Imported::new`] has it, and nothing imported.
fn not_yet_imported() -> Installation {
    let installation = Installation::embedded();
    fs::create_dir_all(installation.data()).unwrap();
    unpack_example("apache_access.log.gz", &file(&installation));
    installation
}

/// What Python counts in the same file.
fn independent_count(installation: &Installation) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/recount.py");
    let mut python = Command::new(service("CLICKTRAIL_TEST_PYTHON"));
    let output = python.arg(script).arg(file(installation)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Every file under a folder, by its path in it.
pub(crate) fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(path).unwrap());
            }
        }
    }
    files
}

#[test]
fn import_gives_every_line_one_outcome_and_seals_what_it_logs() {
    let imported = Imported::new();
    let summary = &imported.summary;
    for (field, expected) in [("read", 10_000), ("logged", 9_998), ("rejected", 2), ("duplicates", 0)] {
        assert_eq!(summary[field], json!(expected), "{field} in {summary}");
    }
    assert_eq!(summary["hours_sealed"], summary["hours_reconciled"], "{summary}");

    let rejected = imported.installation.ask(&["rejected", "list"]);
    let entry = |entry: &Value| ["code", "detail", "original"].map(|field| entry[field].as_str().unwrap().to_owned());
    let found: Vec<[String; 3]> = rejected.as_array().unwrap().iter().map(entry).collect();
    let lines = &independent_count(&imported.installation)["rejected"];
    let line = |index: usize| lines[index].as_str().unwrap().to_owned();
    let expected = [
        ["malformed".to_owned(), "user_agent has no closing quote".to_owned(), line(0)],
        ["unmapped".to_owned(), "the mapping does not say what kind \"OPTIONS\" means".to_owned(), line(1)],
    ];
    assert_eq!(found, expected);
    assert_eq!(lines.as_array().unwrap().len(), 2);
}

#[test]
fn hours_form_one_unbroken_chain() {
    let imported = Imported::new();
    let hours = imported.installation.ask(&["log", "hours"]);
    let hours = hours.as_array().unwrap();
    let with_events = hours.iter().filter(|hour| hour["rows"].as_u64().unwrap() > 0).count();
    assert_eq!(with_events, 84);
    let parsed: Vec<Hour> = hours.iter().map(|hour| Hour::parse(hour["hour"].as_str().unwrap()).unwrap()).collect();
    assert_eq!(
        (parsed[0].to_string(), parsed[parsed.len() - 1].to_string()),
        ("2015-05-17T10".into(), "2015-05-20T21".into())
    );
    assert!(parsed.windows(2).all(|pair| pair[0].next() == pair[1]), "an hour is missing: {parsed:?}");
    assert_eq!(hours[0]["first_seq"], json!(1));
    for pair in hours.windows(2) {
        assert_eq!(pair[1]["first_seq"].as_u64(), pair[0]["last_seq"].as_u64().map(|last| last + 1), "{pair:?}");
    }
    assert_eq!(sum(&json!(hours), "rows"), 9_998);

    // The chain as anybody can check it with a SHA-256 tool: each manifest names the bytes of the one before.
    let manifests = tree(&imported.archive().join("manifests/clicks"));
    assert_eq!(manifests.len(), hours.len());
    let mut previous = Value::Null;
    for (path, bytes) in &manifests {
        let manifest: Value = serde_json::from_slice(bytes).unwrap();
        assert_eq!(manifest["previous"], previous, "{}", path.display());
        previous = json!(hex::encode(Sha256::digest(bytes)));
    }
}

#[test]
fn counters_by_campaign_and_day_equal_an_independent_count() {
    let imported = Imported::new();
    let arguments = ["counters", "--by", "campaign", "--granularity", "day"];
    let rows = imported.installation.ask(&arguments);
    assert_eq!((sum(&rows, "clicks"), sum(&rows, "probes")), (9_956, 42));
    // Each click charges a cent, and invalid ones are not owed.
    let gross = |row: &Value| {
        let row = json!([row]);
        let [clicks, billable, spend] = ["clicks", "billable_clicks", "spend_micros"].map(|column| sum(&row, column));
        assert_eq!(spend, 10_000 * billable, "{row}");
        spend + 10_000 * (clicks - billable)
    };
    let row = |row: &Value| {
        assert_eq!(row["currency"], "EUR");
        let day = row["bucket"].as_str().unwrap().split_once('T').unwrap().0.to_owned();
        json!([row["campaign_id"], day, row["clicks"], row["probes"], gross(row)])
    };
    let mut found: Vec<Value> = rows.as_array().unwrap().iter().map(row).collect();
    found.sort_by_key(|row| (row[0].as_str().unwrap().to_owned(), row[1].as_str().unwrap().to_owned()));
    assert_eq!(json!(found), independent_count(&imported.installation)["counts"]);
}

#[test]
fn importing_again_logs_nothing() {
    let imported = Imported::new();
    let questions: [&[&str]; 3] = [&["counters", "--by", "ad"], &["log", "hours"], &["rejected", "list"]];
    let before = questions.map(|question| imported.installation.ask(question));
    let again = import(&imported.installation);
    for (field, expected) in
        [("read", 10_000), ("logged", 0), ("duplicates", 9_998), ("rejected", 2), ("hours_sealed", 0)]
    {
        assert_eq!(again[field], json!(expected), "{field} in {again}");
    }
    assert_eq!(questions.map(|question| imported.installation.ask(question)), before);
}

#[test]
fn import_that_was_killed_is_finished_by_the_next_with_the_same_bytes() {
    let killed = not_yet_imported();
    let arguments = import_arguments(&killed);
    for manifests in [1, 20, 45, 75] {
        let mut command = killed.command(&arguments.each_ref().map(String::as_str));
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let sealed = || fs::read_dir(killed.data().join("archive/manifests/clicks")).map_or(0, Iterator::count);
        while sealed() < manifests {
            assert_eq!(process.try_wait().unwrap(), None, "the import ended before it was killed");
            thread::sleep(Duration::from_millis(1));
        }
        process.kill().unwrap();
        process.wait().unwrap();
    }
    let summary = import(&killed);
    let (new, known) = (summary["logged"].as_u64().unwrap(), summary["duplicates"].as_u64().unwrap());
    assert!(new > 0 && known > 0, "{summary}");
    assert_eq!((new + known, &summary["rejected"]), (9_998, &json!(2)), "{summary}");
    // The keys of hours are random: an archive that is to have the same bytes begins with the same ones.
    let whole = not_yet_imported();
    for (path, bytes) in tree(&killed.data().join("archive/personal/keys")) {
        let path = whole.data().join("archive/personal/keys").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let whole = Imported { summary: import(&whole), installation: whole };
    for question in [&["log", "hours"][..], &["counters", "--by", "ad", "--granularity", "minute"]] {
        assert_eq!(killed.ask(question), whole.installation.ask(question), "{question:?}");
    }
    let rejected = |installation: &Installation| {
        let mut lines = installation.ask(&["rejected", "list"]);
        lines.as_array_mut().unwrap().iter_mut().for_each(|line| line["rejected_at"] = Value::Null);
        lines
    };
    assert_eq!(rejected(&killed), rejected(&whole.installation));
    // A put that died leaves a file that no manifest names, with a `#` in its name.
    let mut left = tree(&killed.data().join("archive"));
    left.retain(|path, _| !path.to_str().unwrap().contains('#'));
    assert!(left == tree(&whole.archive()), "the archive has other bytes than after an import in one piece");
}

#[test]
fn rebuilt_catalog_gives_the_same_answers() {
    let imported = Imported::new();
    let everything = ["counters", "--by", "advertiser,campaign,ad", "--granularity", "minute"];
    let questions: [&[&str]; 2] = [&everything, &["log", "hours"]];
    let before = questions.map(|question| imported.installation.ask(question));
    for name in ["catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"] {
        let _ = fs::remove_file(imported.installation.data().join(name));
    }
    assert_eq!(imported.installation.ask(&everything), before[0], "the archive answers alone");
    assert!(!imported.installation.data().join("catalog.sqlite").exists(), "and nobody made a catalog for it");
    let rebuilt = imported.installation.ask(&["catalog", "rebuild"]);
    assert_eq!((&rebuilt["hours"], &rebuilt["rows"]), (&json!(84), &json!(9_998)));
    assert_eq!(questions.map(|question| imported.installation.ask(question)), before);
}

#[test]
fn segments_projected_again_are_the_same_bytes() {
    let imported = Imported::new();
    let folders = ["segments", "receipts"].map(|name| imported.archive().join(name));
    let before = folders.each_ref().map(|folder| tree(folder));
    assert!(before.iter().all(|files| files.len() == 84), "one segment and one receipt an hour");
    for folder in &folders {
        fs::remove_dir_all(folder).unwrap();
    }
    imported.installation.ask(&["catalog", "rebuild"]);
    assert!(folders.each_ref().map(|folder| tree(folder)) == before, "a segment or receipt has other bytes");
    imported.installation.ask(&["log", "verify", "--deep"]);
}
