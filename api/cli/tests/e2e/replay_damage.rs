//! What is missing, damaged or another's is refused by its name, by whoever needs it: nothing is skipped.

use std::{fs, path::PathBuf};

use serde_json::json;

use crate::{
    complete::simulated,
    installation::{Installation, example},
};

const RELEASED: &str = include_str!("../../../../projections/src/counters/counters.sql");
const RULE_ALL: [&str; 3] = ["verdicts", "query", "SELECT position, 'x' AS reason FROM clicks WHERE kind = 'click'"];

/// A sound installation, and a build in it that waits for its promotion.
struct Sound {
    installation: Installation,
    built: String,
}

impl Sound {
    fn make() -> Self {
        let installation = simulated();
        let sql = candidate(&installation, "first");
        let built = installation.ask(&["replay", "build", "--sql", &sql]);
        let built = built["generation"].as_str().unwrap().to_owned();
        installation.run(&["replay", "promote", &built, "--dry-run"]).exits(0);
        installation.run(&RULE_ALL).exits(0);
        Self { installation, built }
    }

    fn copied(&self) -> Installation {
        self.installation.copied()
    }
}

/// Counters that count as they do, under another digest.
fn candidate(installation: &Installation, name: &str) -> String {
    let path = installation.data().with_file_name(format!("{name}.sql"));
    fs::write(&path, format!("-- {name}\n{RELEASED}")).unwrap();
    path.to_str().unwrap().to_owned()
}

fn only_file(installation: &Installation, folder: &str) -> PathBuf {
    let folder = installation.data().join("archive").join(folder);
    fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
}

#[track_caller]
fn refused(installation: &Installation, arguments: &[&str], exit: i32, expected: &str) {
    let refused = installation.run(arguments).exits(exit);
    let said = format!("{}{}", refused.stdout(), refused.stderr());
    assert!(said.contains(expected), "{expected}: {refused}");
}

/// Everybody who reads the hour's clicks again.
#[track_caller]
fn questions_refuse(installation: &Installation, expected: &str) {
    let projections = example("projections");
    let own = ["projections", "query", "spend_by_country_and_device", "--projections", projections.to_str().unwrap()];
    refused(installation, &RULE_ALL, 1, expected);
    refused(installation, &["verdicts", "judge", "--dry-run"], 1, expected);
    refused(installation, &own, 1, expected);
    refused(installation, &["log", "verify", "--deep"], 2, expected);
}

#[test]
fn missing_and_foreign_manifests_are_refused_by_plan_build_promote_and_questions() {
    let sound = Sound::make();
    let foreign = Installation::embedded();
    foreign.ask(&["simulate", "--events", "2000", "--hours", "5", "--seed", "8"]);
    for (is_foreign, what) in [(false, "has no manifest"), (true, "has another manifest")] {
        let installation = sound.copied();
        let sql = candidate(&installation, "second");
        let manifest = "archive/manifests/clicks/2026-01-01T02.json";
        match is_foreign {
            false => fs::remove_file(installation.data().join(manifest)).unwrap(),
            true => _ = fs::copy(foreign.data().join(manifest), installation.data().join(manifest)).unwrap(),
        }
        let named = format!("2026-01-01T02 {what}");
        refused(&installation, &["replay", "plan", "counters", "--sql", &sql], 4, &named);
        refused(&installation, &["replay", "build", "counters", "--sql", &sql], 4, &named);
        refused(&installation, &["replay", "promote", &sound.built], 3, "gate input: 2026-01-01T02");
        // Of a foreign manifest the parts may be what is missing first.
        questions_refuse(&installation, if is_foreign { "2026-01-01" } else { "2026-01-01T02" });
        refused(&installation, &RULE_ALL, 1, "manifests/clicks/2026-01-01T02.json");
    }
}

#[test]
fn flipped_byte_in_a_part_is_refused_by_a_deep_plan_build_promote_and_questions() {
    let installation = Sound::make().installation;
    let sql = candidate(&installation, "second");
    let part = only_file(&installation, "clicks/dt=2026-01-01/hr=03");
    let sound = fs::read(&part).unwrap();
    let mut bytes = sound.clone();
    bytes[300] ^= 1;
    fs::write(&part, &bytes).unwrap();
    let named = "clicks/dt=2026-01-01/hr=03/";
    refused(&installation, &["replay", "plan", "counters", "--sql", &sql, "--deep"], 4, named);
    refused(&installation, &["replay", "build", "--sql", &sql], 1, named);
    let failed = installation.run(&["replay", "status", "--output", "json"]).json();
    let id = failed["generation"].as_str().unwrap();
    refused(&installation, &["replay", "promote", id], 3, "gate state: an hour of it failed");
    questions_refuse(&installation, named);
    // A part that is not there, or has another size, is noticed without reading any.
    fs::write(&part, &bytes[1..]).unwrap();
    refused(&installation, &["replay", "plan", "counters", "--sql", &candidate(&installation, "third")], 4, named);
    fs::write(&part, &sound).unwrap();
    installation.run(&["replay", "plan", "counters", "--sql", &sql, "--deep"]).exits(0);
    assert_eq!(installation.ask(&["replay", "resume", id])["state"], json!("built"));
    installation.run(&["replay", "promote", id, "--dry-run"]).exits(0);
}

#[test]
fn removed_segment_is_refused_by_promote_diff_and_questions_and_built_again() {
    let Sound { installation, built } = Sound::make();
    let counters = installation.ask(&["counters", "--by", "ad"]);
    // Both codes count the same, so what counts and what was built is one object.
    let segment = only_file(&installation, "segments/counters/dt=2026-01-01/hr=02");
    let bytes = fs::read(&segment).unwrap();
    fs::remove_file(&segment).unwrap();
    let named = "segments/counters/dt=2026-01-01/hr=02/";
    refused(&installation, &["replay", "promote", &built], 3, "gate segment: 2026-01-01T02");
    refused(&installation, &["counters", "--by", "ad"], 1, named);
    refused(&installation, &["counters", "--by", "ad", "--as-of", "latest"], 1, named);
    refused(&installation, &["counters", "--by", "ad", "--generation", &built], 1, named);
    refused(&installation, &["replay", "verify", "live"], 4, named);
    let planned = installation.ask(&["replay", "plan", "counters"]);
    assert_eq!(planned["hours_to_build"], json!(["2026-01-01T02"]), "{planned}");
    let sql = installation.data().with_file_name("first.sql");
    installation.ask(&["replay", "build", "--sql", sql.to_str().unwrap(), "--rerun", "all"]);
    assert_eq!(fs::read(&segment).unwrap(), bytes, "the same bytes under the same name");
    assert_eq!(installation.ask(&["counters", "--by", "ad"]), counters);
    installation.run(&["replay", "promote", &built]).exits(0);
    assert_eq!(installation.ask(&["counters", "--by", "ad"]), counters);
}
