//! Projections of one's own in replay: the shipped example is planned, built, promoted, asked, changed and rolled back.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use crate::{
    complete::simulated,
    installation::{Installation, example},
};

const NAME: &str = "spend_by_country_and_device";

/// The example in a directory of its own, so that it can be changed.
fn directory(installation: &Installation) -> PathBuf {
    let directory = installation.data().with_extension("projections");
    fs::create_dir_all(&directory).unwrap();
    for suffix in ["sql", "toml"] {
        let file = format!("{NAME}.{suffix}");
        fs::copy(example("projections").join(&file), directory.join(&file)).unwrap();
    }
    directory
}

fn query(installation: &Installation, directory: &str) -> Value {
    installation.ask(&["projections", "query", NAME, "--projections", directory, "--basis"])
}

fn build(installation: &Installation, directory: &str) -> String {
    let built = installation.ask(&["replay", "build", NAME, "--projections", directory]);
    assert_eq!((&built["state"], &built["hours"]), (&json!("built"), &json!(5)), "{built}");
    built["generation"].as_str().unwrap().to_owned()
}

/// Counts probes as clicks that are billed.
fn count_probes(directory: &std::path::Path) {
    let file = directory.join(format!("{NAME}.sql"));
    let text = fs::read_to_string(&file).unwrap();
    let changed = text.replace("c.kind = 'click'", "c.kind IN ('click', 'probe')");
    let changed = changed.replace("IN ('click', 'impression')", "IN ('click', 'impression', 'probe')");
    assert_ne!(changed, text);
    fs::write(&file, changed).unwrap();
}

#[test]
fn users_projection_is_planned_built_promoted_changed_and_rolled_back() {
    let installation = simulated();
    let directory = directory(&installation);
    let path = directory.to_str().unwrap().to_owned();
    let counters = installation.ask(&["counters", "--by", "ad"]);
    let before = query(&installation, &path);
    assert_eq!(before["basis"]["hours_from"], json!({"live": 0, "computed": 5, "live_of_other_code": {}}));

    let planned = installation.ask(&["replay", "plan", NAME, "--projections", &path]);
    assert_eq!((&planned["projection"], &planned["is_candidate"]), (&json!(NAME), &json!(false)), "{planned}");
    let first = build(&installation, &path);
    assert_eq!(planned["generation"], json!(first));
    assert_eq!(query(&installation, &path)["basis"]["hours_from"]["live"], json!(0), "a build counts for nothing");
    // What it was built of is kept with it: the directory is not needed any more.
    installation.run(&["replay", "verify", &first]).exits(0);
    let promoted = installation.run(&["replay", "promote", &first]).exits(0);
    assert!(promoted.stderr().contains("5 hours counted from nothing before"), "{promoted}");
    assert!(promoted.stderr().contains("not checked: counts"), "{promoted}");
    let after = query(&installation, &path);
    assert_eq!(after["rows"], before["rows"], "the same rows from segments that were promoted");
    assert_eq!(after["basis"]["hours_from"], json!({"live": 5, "computed": 0, "live_of_other_code": {}}));
    assert_eq!(installation.ask(&["counters", "--by", "ad"]), counters, "counters are another projection");
    let live = ["replay", "verify", "live", "--projection"];
    installation.run(&[&live[..], &[NAME, "--projections", &path]].concat()).exits(0);
    installation.run(&[&live[..], &[&first]].concat()).exits(0);

    count_probes(&directory);
    let changed = query(&installation, &path);
    assert_eq!(
        (&changed["basis"]["hours_from"]["live"], &changed["basis"]["hours_from"]["computed"]),
        (&json!(0), &json!(5))
    );
    assert_ne!(changed["rows"], before["rows"]);
    let plan = installation.run(&["replay", "plan", NAME, "--projections", &path]).exits(0).stdout();
    assert!(plan.contains(&format!("{NAME} was changed since it was promoted")), "{plan}");
    assert!(plan.contains("what counts now has 5 hours with "), "{plan}");
    let noticed = installation.run(&[&live[..], &[NAME, "--projections", &path]].concat()).exits(2);
    assert!(noticed.stdout().contains("computed"), "{noticed}");
    let second = build(&installation, &path);
    let diff =
        installation.run(&["replay", "diff", &second, "--by", "device_type", "--output", "json"]).exits(2).json();
    let groups = diff["groups"].as_array().unwrap();
    assert!(!groups.is_empty() && groups.iter().all(|group| group["cause"] == json!("code")), "{diff}");
    assert!(
        groups.iter().all(|group| group.get("device_type").is_some() && group["currency"] != json!(null)),
        "{diff}"
    );
    let refused = installation.run(&["replay", "diff", &second, "--events"]).exits(1);
    assert!(refused.stderr().contains("for counters alone"), "{refused}");
    installation.run(&["replay", "promote", &second, "--max-delta", "any"]).exits(0);
    let counted = query(&installation, &path);
    assert_eq!((&counted["rows"], &counted["basis"]["hours_from"]["live"]), (&changed["rows"], &json!(5)));

    installation.run(&["replay", "rollback", &second]).exits(0);
    let back = query(&installation, &path);
    let other = back["basis"]["hours_from"]["live_of_other_code"].as_object().unwrap();
    assert_eq!((other.values().next(), &back["rows"]), (Some(&json!(5)), &changed["rows"]));
    installation.run(&["replay", "rollback", &first]).exits(0);
    assert_eq!(query(&installation, &path)["basis"]["hours_from"]["live"], json!(0));
}

#[test]
fn sum_of_a_users_projection_that_changes_beyond_the_limit_is_refused_by_its_name() {
    let installation = simulated();
    let directory = directory(&installation);
    let path = directory.to_str().unwrap().to_owned();
    let first = build(&installation, &path);
    installation.run(&["replay", "promote", &first]).exits(0);
    let file = directory.join(format!("{NAME}.sql"));
    let text = fs::read_to_string(&file).unwrap();
    let free = text
        .replace("FILTER (WHERE c.kind = 'click' AND r.category IS NULL), 0)", "FILTER (WHERE c.kind = 'probe'), 0)");
    assert_ne!(free, text);
    fs::write(&file, free).unwrap();
    let second = build(&installation, &path);
    let refused = installation.run(&["replay", "promote", &second]).exits(3);
    assert!(refused.stderr().contains("refused by gate max-delta: spend_micros of "), "{refused}");
}

#[test]
fn plan_of_a_users_projection_is_built_without_its_directory() {
    let installation = simulated();
    let directory = directory(&installation);
    let path = directory.to_str().unwrap().to_owned();
    let file = installation.data().join("plan.json");
    let file = file.to_str().unwrap();
    let planned = installation.ask(&["replay", "plan", NAME, "--projections", &path, "--save", file]);
    count_probes(&directory);
    let built = installation.run(&["replay", "build", "--plan", file, "--projections", &path]).exits(0);
    assert!(built.stderr().contains("another definition now than the plan"), "{built}");
    fs::remove_dir_all(&directory).unwrap();
    let built = installation.ask(&["replay", "build", "--plan", file]);
    assert_eq!((&built["generation"], &built["state"]), (&planned["generation"], &json!("built")));
    let shown = installation.ask(&["replay", "show"]);
    let units = shown["units"].as_array().unwrap();
    assert!(units.iter().all(|unit| unit["output"]["read"] == unit["output"]["written"]), "{shown}");
    let refused = installation.run(&["replay", "plan", NAME]).exits(1);
    assert!(refused.stderr().contains("name the directory of yours by --projections"), "{refused}");
}

#[test]
fn damaged_segment_of_a_users_projection_is_refused_by_name() {
    let installation = simulated();
    let path = directory(&installation).to_str().unwrap().to_owned();
    let first = build(&installation, &path);
    installation.run(&["replay", "promote", &first]).exits(0);
    let segments = installation.data().join("archive/segments").join(NAME).join("dt=2026-01-01/hr=02");
    let segment = fs::read_dir(&segments).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&segment).unwrap();
    bytes[20] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let name = format!("segments/{NAME}/dt=2026-01-01/hr=02");
    let refused = installation.run(&["projections", "query", NAME, "--projections", &path]).exits(1);
    assert!(refused.stderr().contains(&name), "{refused}");
    let verified =
        installation.run(&["replay", "verify", "live", "--projection", NAME, "--projections", &path]).exits(4);
    assert!(verified.stdout().contains(&name), "{verified}");
    // What counts is kept by the collector, and what a question left goes.
    let garbage = installation.ask(&["replay", "gc", "--dry-run", "--older-than", "0"]);
    assert_eq!((garbage["objects"].as_array().unwrap().len(), &garbage["kept"]), (0, &json!(20)), "{garbage}");
    installation.run(&["replay", "rollback", &first]).exits(0);
    let kept = installation.ask(&["replay", "gc", "--dry-run", "--older-than", "0"]);
    assert_eq!(kept["kept"], json!(20), "a generation that is built keeps its segments: {kept}");
}
