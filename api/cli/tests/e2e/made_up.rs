//! `simulate` and `demo` touch nothing that they did not make, whoever names it and in whatever order.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// A command in a folder of its own, of which nothing comes from the machine's settings.
fn run(home: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clicktrail"));
    for name in env::vars().map(|(name, _)| name).filter(|name| name.starts_with("CLICKTRAIL_")) {
        command.env_remove(name);
    }
    let variables = variables.iter().copied();
    command.current_dir(home).envs(variables).args(arguments).stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn succeeds(home: &Path, arguments: &[&str]) {
    let output = run(home, &[], arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Every file under a folder, with its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.insert(path.clone(), Vec::new());
                open.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                found.insert(path, bytes);
            }
        }
    }
    found
}

#[track_caller]
fn refused_without_a_trace(home: &Path, variables: &[(&str, &str)], arguments: &[&str]) {
    let before = files(home);
    let output = run(home, variables, arguments);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{variables:?} {arguments:?}: {told}");
    assert!(told.contains("made-up events go only into a directory"), "{variables:?} {arguments:?}: {told}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    assert_eq!(files(home).keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>(), "{arguments:?}");
    assert!(files(home) == before, "{variables:?} {arguments:?} changed a file");
}

const AD: [&str; 13] = [
    "ads",
    "add",
    "shoes",
    "--advertiser",
    "acme",
    "--campaign",
    "spring",
    "--target",
    "https://shop.example/",
    "--price",
    "0.25",
    "--currency",
    "EUR",
];

#[test]
fn directory_of_somebody_else_is_refused_before_it_is_touched() {
    let home = TempDir::new().unwrap();
    let home = home.path();
    succeeds(home, &[&["--data", "prod"][..], &AD].concat());
    fs::create_dir(home.join("notes")).unwrap();
    fs::write(home.join("notes/letter.txt"), "Dear").unwrap();
    fs::write(home.join("conf.toml"), "data = \"prod\"\n").unwrap();
    for command in ["demo", "simulate"] {
        refused_without_a_trace(home, &[("CLICKTRAIL_DATA", "prod")], &[command]);
        refused_without_a_trace(home, &[], &["--data", "prod", command, "--events", "10"]);
        refused_without_a_trace(home, &[], &[command, "--events", "10", "--data", "prod"]);
        refused_without_a_trace(home, &[("CLICKTRAIL_DATA", "new")], &[command, "--data", "prod/"]);
        refused_without_a_trace(home, &[], &[command, "--data", "./notes/../prod"]);
        refused_without_a_trace(home, &[], &[command, "--data", "notes"]);
    }
    refused_without_a_trace(home, &[], &["simulate", "--config", "conf.toml"]);
    refused_without_a_trace(home, &[("CLICKTRAIL_CONFIG", "conf.toml")], &["simulate"]);
    fs::rename(home.join("prod"), home.join("clicktrail-demo")).unwrap();
    refused_without_a_trace(home, &[], &["demo"]);
    fs::rename(home.join("clicktrail-demo"), home.join("clicktrail-data")).unwrap();
    refused_without_a_trace(home, &[], &["simulate"]);
}

#[test]
fn log_archive_or_catalog_outside_the_directory_is_refused() {
    let home = TempDir::new().unwrap();
    let home = home.path();
    let places = [
        ("nats", "CLICKTRAIL_NATS", "nats://127.0.0.1:1"),
        ("archive", "CLICKTRAIL_ARCHIVE", "s3://prod"),
        ("catalog", "CLICKTRAIL_CATALOG", "postgres://127.0.0.1:1/prod"),
    ];
    for command in ["demo", "simulate"] {
        for (setting, variable, place) in places {
            let flag = format!("--{setting}");
            refused_without_a_trace(home, &[], &[&flag, place, command]);
            refused_without_a_trace(home, &[], &[command, "--data", "new", &flag, place]);
            refused_without_a_trace(home, &[(variable, place)], &[command, "--data", "new"]);
            fs::write(home.join("clicktrail.toml"), format!("{setting} = \"{place}\"\n")).unwrap();
            refused_without_a_trace(home, &[], &[command, "--data", "new"]);
            fs::remove_file(home.join("clicktrail.toml")).unwrap();
        }
    }
}

#[test]
fn made_up_directory_takes_more_until_real_events_come_in() {
    let home = TempDir::new().unwrap();
    let home = home.path();
    let made_up = ["--data", "made-up", "simulate", "--events", "200", "--hours", "2"];
    fs::create_dir(home.join("made-up")).unwrap();
    succeeds(home, &made_up);
    succeeds(home, &made_up);
    succeeds(home, &["--data", "made-up", "demo", "--events", "200", "--hours", "2"]);
    succeeds(home, &["demo", "--events", "200", "--hours", "2"]);
    succeeds(home, &["demo", "--events", "200", "--hours", "2"]);
    let event = r#"{"kind":"click","event_time":"2026-01-02T00:00:00Z","ad_id":"a","advertiser_id":"acme","campaign_id":"c","price":1,"currency":"EUR"}"#;
    fs::write(home.join("real.ndjson"), event).unwrap();
    succeeds(home, &["--data", "made-up", "import", "real.ndjson", "--format", "ndjson"]);
    refused_without_a_trace(home, &[], &made_up);
    refused_without_a_trace(home, &[("CLICKTRAIL_DATA", "made-up")], &["demo"]);
}

#[test]
fn simulation_that_cannot_be_is_refused_before_anything_is_made() {
    let home = TempDir::new().unwrap();
    let home = home.path();
    for arguments in [&["simulate", "--start", "2100-01-01T00:00:00Z"][..], &["demo", "--hours", "0"]] {
        let output = run(home, &[], arguments);
        assert_eq!((output.status.code(), files(home).len()), (Some(1), 0), "{arguments:?}");
    }
}
