//! Reading from little: a copy that nobody may write to, an archive alone, or nothing at all.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use clicktrail_log::log::Stream;
use tokio_util::sync::CancellationToken;

use crate::{
    installation::{Installation, Outcome},
    invoices::{LATE, PERIOD, draft_and_approve, issue, positions, week},
    loader::{self, AD, Loader},
    recount::{Recount, until_all_is_logged},
    server::Server,
};

/// What a file or directory is: its bytes, its permissions and when it was written.
type Kept = (Vec<u8>, u32, (i64, i64));

/// Every file and directory below.
fn listing(directory: &Path) -> BTreeMap<PathBuf, Kept> {
    let (mut all, mut open) = (BTreeMap::new(), vec![directory.to_owned()]);
    while let Some(path) = open.pop() {
        let found = fs::metadata(&path).unwrap();
        let bytes = match found.is_dir() {
            true => {
                open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                Vec::new()
            }
            false => fs::read(&path).unwrap(),
        };
        all.insert(path, (bytes, found.mode(), (found.mtime(), found.mtime_nsec())));
    }
    all
}

/// Takes every right to write away, or gives it back, so that the directory can be removed.
fn permit(directory: &Path, is_permitted: bool) {
    for path in listing(directory).into_keys().rev() {
        let mode = match (path.is_dir(), is_permitted) {
            (true, true) => 0o755,
            (true, false) => 0o555,
            (false, true) => 0o644,
            (false, false) => 0o444,
        };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
}

/// Runs a command and demands that nothing was changed by it.
#[track_caller]
fn run_untouched(installation: &Installation, arguments: &[&str]) -> Outcome {
    let before = listing(&installation.data());
    let outcome = installation.run(arguments);
    let after = listing(&installation.data());
    let changed: Vec<_> =
        after.iter().filter(|(path, found)| before.get(*path) != Some(found)).map(|it| it.0).collect();
    assert!(changed.is_empty() && before.len() == after.len(), "{changed:?} of {outcome}");
    outcome
}

/// A week with an issued invoice, a ruling and a build: something for every command to answer from.
fn filled() -> Installation {
    let installation = week();
    draft_and_approve(&installation, PERIOD, LATE[1]);
    assert_eq!(issue(&installation, PERIOD), ["INV-00000001", "INV-00000002"]);
    let position = positions(&installation, "kavi").remove(0);
    let ruling = ["verdicts", "add", &position, "--category", "sivt", "--reason", "a ring", "--actor", "ann"];
    installation.run(&ruling).exits(0);
    installation.ask(&["replay", "build", "--stale"]);
    installation
}

/// Commands that only read, and answer the same wherever they read.
const READING: &[&[&str]] = &[
    &["counters", "--by", "campaign", "--granularity", "day"],
    &["counters", "--as-of", "latest", "--output", "json"],
    &["counters", "--tiers", "--complete"],
    &["verdicts", "stats"],
    &["verdicts", "stale"],
    &["verdicts", "query", "SELECT position, 'odd' AS reason FROM clicks WHERE position % 7 = 0"],
    &["log", "hours", "--without-quiet"],
    &["log", "cat", "--limit", "20"],
    &["log", "cat", "--stream", "verdicts"],
    &["log", "tail", "--frames", "3", "--no-follow"],
    &["log", "verify", "--deep"],
    &["log", "verify", "--counters"],
    &["invoice", "list"],
    &["invoice", "show", "INV-00000001"],
    &["invoice", "export", "INV-00000001", "--format", "json", "--out", "-"],
    &["invoice", "explain", "INV-00000001"],
    &["invoice", "regenerate", "INV-00000002", "--from-raw"],
    &["invoice", "verify", "--all"],
    &["accounts", "list"],
    &["period", "list"],
    &["replay", "list"],
    &["replay", "show"],
    &["replay", "status"],
    &["replay", "plan", "--stale"],
    &["replay", "log"],
    &["audit", "log"],
    &["ads", "list"],
    &["correction", "list"],
    &["rejected", "list"],
    &["catalog", "reconciliations"],
];

#[test]
fn every_reading_command_answers_from_a_copy_that_nobody_may_write_to() {
    let installation = filled();
    let copy = installation.copied();
    permit(&copy.data(), false);
    let mut failed = Vec::new();
    for arguments in READING {
        let (read, expected) = (run_untouched(&copy, arguments), installation.run(arguments));
        // The trail of the original grows with what it is asked; nothing is written here.
        let is_same = read.stdout() == expected.stdout() || arguments[0] == "audit";
        if read.code() != expected.code() || !is_same {
            failed.push(format!("{read}\nand of the original {expected}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n---\n"));
    let verified = run_untouched(&copy, &["invoice", "verify", "--all"]).exits(0);
    assert!(verified.stderr().contains("not written into the audit trail"), "{verified}");
    // What writes says so, and writes nothing.
    let doctor = run_untouched(&copy, &["doctor"]).exits(2);
    assert!(doctor.stdout().contains("cannot be written to"), "{doctor}");
    permit(&copy.data(), true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copy_of_a_killed_server_gives_every_frame_that_lies_in_a_journal() {
    let installation = Installation::embedded();
    installation.register_ads(&[AD]);
    let loader = Loader::default();
    let server = Server::start(&installation);
    let stop = CancellationToken::new();
    let clients = loader.start(&server.url(), &stop);
    tokio::time::sleep(Duration::from_millis(700)).await;
    stop.cancel();
    loader::ended(clients).await;
    until_all_is_logged(&installation, &loader).await;
    server.kill();
    let (whole, without_index) = (installation.copied(), installation.copied());
    let journal = fs::metadata(whole.data().join("clicks.sqlite-wal")).unwrap();
    assert!(journal.len() > 0, "the server was killed before it moved its journal");
    for log in ["clicks", "verdicts", "catalog"] {
        fs::remove_file(without_index.data().join(format!("{log}.sqlite-shm"))).unwrap();
    }
    let expected = Recount::of(installation.log(Stream::Clicks).await.as_ref()).await;
    expected.check_acknowledged(&loader);
    let counted = installation.run(&["counters", "--output", "json"]).stdout();
    for copy in [whole, without_index] {
        permit(&copy.data(), false);
        let frames = run_untouched(&copy, &["log", "tail", "--frames", "1000000", "--no-follow"]).exits(0);
        let acknowledged = loader.look(|record| record.acknowledged.len());
        assert!(frames.stdout().lines().count() >= acknowledged, "{acknowledged} were acknowledged");
        assert_eq!(run_untouched(&copy, &["counters", "--output", "json"]).stdout(), counted);
        permit(&copy.data(), true);
    }
}

#[test]
fn archive_alone_gives_the_bill_and_every_click_back() {
    // Without a ruling of today, which no archive holds before its hour is over.
    let installation = week();
    draft_and_approve(&installation, PERIOD, LATE[1]);
    assert_eq!(issue(&installation, PERIOD), ["INV-00000001", "INV-00000002"]);
    let alone = installation.copied();
    for entry in fs::read_dir(alone.data()).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => assert_eq!(path.file_name().unwrap(), "archive"),
            false => fs::remove_file(path).unwrap(),
        }
    }
    permit(&alone.data(), false);
    let position = positions(&installation, "kavi").remove(0);
    let asked: [&[&str]; 10] = [
        &["counters", "--by", "campaign", "--granularity", "hour"],
        &["counters", "--complete", "--output", "json"],
        &["counters", "--as-of", "latest", "--output", "json"],
        &["verdicts", "show", &position],
        &["verdicts", "stats", "--output", "json"],
        &["log", "hours", "--output", "json"],
        &["log", "verify", "--deep"],
        &["log", "cat", "--limit", "50"],
        &["invoice", "show", "INV-00000001"],
        &["invoice", "export", "INV-00000002", "--format", "csv", "--out", "-"],
    ];
    for arguments in asked {
        let (read, expected) = (run_untouched(&alone, arguments), installation.run(arguments).exits(0));
        assert_eq!((read.code(), read.stdout()), (0, expected.stdout()), "{read}\nand {expected}");
        assert!(read.stderr().contains("there is no"), "it says what there is not: {read}");
    }
    // The directory may be named as the archive, too.
    let archive = alone.data().join("archive");
    let named = ["--archive", archive.to_str().unwrap(), "counters", "--complete", "--output", "json"];
    let expected = installation.run(&["counters", "--output", "json"]).stdout();
    let elsewhere = Installation::embedded();
    let read = elsewhere.run(&named).exits(0);
    assert_eq!(read.stdout(), expected, "{read}");
    assert!(!elsewhere.data().exists(), "nothing is made");
    permit(&alone.data(), true);
}

#[test]
fn reading_a_mistyped_directory_and_a_failed_import_make_nothing() {
    let (missing, other) = (Installation::embedded(), Installation::embedded());
    fs::create_dir(other.data()).unwrap();
    fs::write(other.data().join("holiday.jpg"), "not ours").unwrap();
    let pause: &[&str] = &["ads", "pause", "one"];
    let rebuild: &[&str] = &["catalog", "rebuild"];
    let doctor: &[&str] = &["doctor"];
    for arguments in READING.iter().copied().chain([pause, rebuild, doctor]) {
        let refused = missing.run(arguments).exits(4);
        assert!(refused.stderr().contains("there is no data directory"), "{refused}");
        assert!(!missing.data().exists(), "{refused}");
        let refused = run_untouched(&other, arguments).exits(4);
        assert!(refused.stderr().contains("is not a clicktrail directory"), "{refused}");
    }
    let (home, broken) = (other.data(), other.data().join("broken.toml"));
    fs::write(&broken, "no = [toml").unwrap();
    fs::write(home.join("two.log"), [0xfe, 0xff, 0x00]).unwrap();
    let path = |name: &str| home.join(name).to_str().unwrap().to_owned();
    let example = crate::installation::example("apache.toml");
    for (file, mapping) in [
        (path("none.log"), example.to_str().unwrap()),
        (path("two.log"), broken.to_str().unwrap()),
        (path("holiday.jpg"), "none.toml"),
        (home.to_str().unwrap().to_owned(), example.to_str().unwrap()),
    ] {
        let failed = missing.run(&["import", &file, "--format", "combined", "--mapping", mapping]).exits(1);
        assert!(!missing.data().exists(), "{failed}");
    }
}
