//! What is lost or damaged, kind by kind: it is named with what helps, nothing is answered from it,
//! and what helps does.

use std::{fs, path::PathBuf};

use sqlx::{AssertSqlSafe, Connection as _};

use crate::{
    complete::{catalog, simulated},
    installation::Installation,
};

const COUNTERS: [&str; 3] = ["counters", "--by", "advertiser,campaign"];
const REBUILD: &str = "run `clicktrail catalog rebuild`";

async fn spoil(installation: &Installation, sql: &str) {
    let mut connection = catalog(installation).await;
    let unchecked = format!("PRAGMA ignore_check_constraints = ON; {sql}");
    sqlx::raw_sql(AssertSqlSafe(unchecked)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// What is done to the catalog, and the command that cannot do without it.
const SPOILT: [(&str, &[&str]); 10] = [
    ("UPDATE hours SET rows = rows + 1 WHERE hour = (SELECT MIN(hour) + 1 FROM hours)", &["log", "hours"]),
    ("UPDATE hours SET manifest_digest = 'x'", &["counters"]),
    ("UPDATE segments SET rows = 0 WHERE hour = (SELECT MIN(hour) FROM hours)", &["counters"]),
    ("UPDATE segments SET output_digest = 'x'", &["counters", "--as-of", "latest"]),
    ("UPDATE reconciliations SET outcome = 'different'", &["catalog", "reconciliations"]),
    ("DELETE FROM verdict_marks", &["counters"]),
    ("UPDATE verdict_marks SET clicks_judged = 0", &["counters"]),
    ("UPDATE verdict_marks SET followed = 999999", &["counters", "--tiers"]),
    ("INSERT INTO later_rulings VALUES (1, 72057594037993473, 72057594037993473, 1)", &["counters"]),
    ("DELETE FROM catalog_generation", &["verdicts", "stale"]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_row_of_the_catalog_is_refused_and_made_again() {
    let sound = simulated();
    let before = sound.run(&COUNTERS).exits(0);
    for (sql, command) in SPOILT {
        let spoilt = sound.copied();
        spoil(&spoilt, sql).await;
        let refused = spoilt.run(command).exits(1);
        assert!(refused.stderr().contains(REBUILD) && refused.stdout().is_empty(), "{sql}: {refused}");
        let found = spoilt.run(&["log", "verify"]).exits(2);
        assert!(found.stderr().contains("PROBLEM catalog: "), "{sql}: {found}");
        let rebuilt = spoilt.run(&["catalog", "rebuild"]).exits(0);
        assert!(rebuilt.stderr().contains("made again: "), "{sql}: {rebuilt}");
        assert_eq!(spoilt.run(&COUNTERS).exits(0).stdout(), before.stdout(), "{sql}");
        spoilt.run(&["log", "verify", "--counters"]).exits(0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn emptied_table_of_the_catalog_is_said_and_made_again() {
    let sound = simulated();
    let before = sound.run(&COUNTERS).exits(0);
    for table in ["hours", "segments", "live_segments", "reconciliations"] {
        let spoilt = sound.copied();
        spoil(&spoilt, &format!("DELETE FROM {table}")).await;
        let command: &[&str] = if table == "reconciliations" { &["catalog", table] } else { &COUNTERS };
        // Some of it makes an answer incomplete, and some contradicts what stands beside it: then there is no answer.
        let said = spoilt.run(command);
        assert!(said.stderr().contains("catalog rebuild"), "{table}: {said}");
        spoilt.run(&["catalog", "rebuild"]).exits(0);
        assert_eq!(spoilt.run(&COUNTERS).exits(0).stdout(), before.stdout(), "{table}");
        spoilt.run(&["log", "verify", "--counters"]).exits(0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registry_that_lost_rows_is_named_and_not_made_up() {
    let sound = simulated();
    for (sql, said) in [
        ("DELETE FROM ads WHERE ad_id = (SELECT MIN(ad_id) FROM ads)", "the registry has lost ads"),
        ("UPDATE ads SET price_micros = price_micros + 1", "registered otherwise than their last change says"),
        ("DROP TRIGGER audit_is_not_deleted; DELETE FROM audit", "the audit trail is empty"),
    ] {
        let spoilt = sound.copied();
        spoil(&spoilt, sql).await;
        let found = spoilt.run(&["log", "verify"]).exits(2);
        assert!(found.stderr().contains(said), "{sql}: {found}");
        let listed = spoilt.run(&["ads", "list"]).exits(0);
        assert!(listed.stderr().contains(said), "{sql}: {listed}");
    }
}

/// The first object under a folder of the archive.
fn object(installation: &Installation, folder: &str) -> (PathBuf, String) {
    let archive = installation.data().join("archive");
    let mut at = archive.join(folder);
    while at.is_dir() {
        let mut entries: Vec<_> = fs::read_dir(&at).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        at = entries.swap_remove(0);
    }
    let key = at.strip_prefix(&archive).unwrap().to_str().unwrap().to_owned();
    (at, key)
}

/// Ways to damage an object.
const WAYS: [fn(&PathBuf); 3] = [
    |path| {
        let mut bytes = fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    },
    |path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    },
    |path| fs::remove_file(path).unwrap(),
];

#[test]
fn damaged_object_of_the_archive_is_named_with_what_helps() {
    let sound = simulated();
    let before = sound.run(&COUNTERS).exits(0);
    let kinds = [
        ("segments", REBUILD),
        ("receipts", REBUILD),
        ("identities", REBUILD),
        ("clicks", "put it back from a copy of the archive"),
        ("personal", "put it back from a copy of the archive"),
        ("verdicts", "put it back from a copy of the archive"),
        ("manifests/verdicts", "back from a copy of the archive"),
        ("manifests/clicks", "back from a copy of the archive"),
    ];
    for (kind, remedy) in kinds {
        for way in WAYS {
            let spoilt = sound.copied();
            let (path, key) = object(&spoilt, kind);
            let bytes = fs::read(&path).unwrap();
            way(&path);
            // A manifest that can still be read is found by what the next one says of it.
            let named = if kind.starts_with("manifests") { kind } else { key.as_str() };
            let found = spoilt.run(&["log", "verify", "--counters"]).exits(2);
            let said = format!("{}{}", found.stdout(), found.stderr());
            assert!(said.contains(named) && said.contains(remedy), "{key}: {found}");
            // Totals that count need their segments. What else is read may be refused, and never counted wrongly.
            let answer = spoilt.run(&COUNTERS);
            match answer.code() {
                0 => assert!(kind != "segments" && answer.stdout() == before.stdout(), "{key}: {answer}"),
                _ => assert!(answer.exits(1).stderr().contains(&key), "{key}"),
            }
            if remedy == REBUILD {
                spoilt.run(&["catalog", "rebuild"]).exits(0);
                assert_eq!(fs::read(&path).unwrap(), bytes, "{key} was made again with the same bytes");
                spoilt.run(&["log", "verify", "--counters"]).exits(0);
            }
        }
    }
}

#[test]
fn damaged_verdict_manifest_stops_no_total_that_does_not_need_it() {
    let sound = simulated();
    let before = sound.run(&COUNTERS).exits(0);
    let (path, key) = object(&sound, "manifests/verdicts");
    fs::write(&path, "{").unwrap();
    let answer = sound.run(&COUNTERS).exits(0);
    assert_eq!(answer.stdout(), before.stdout());
    assert!(
        answer.stderr().contains("nobody knows which hours are stale") && answer.stderr().contains(&key),
        "{answer}"
    );
    let refused = sound.run(&["counters", "--as-of", "latest"]).exits(1);
    assert!(refused.stderr().contains(&key), "{refused}");
}
