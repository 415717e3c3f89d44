//! What the rooms promise each other, read from manifests and sources: a promise that nobody checks is a wish.

#![allow(clippy::unwrap_used, reason = "a source tree that cannot be read fails the test")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The rooms from the bottom up: each may depend on those before it.
const ROOMS: [&str; 5] = ["log", "verdicts", "projections", "replay", "api"];
const LIB_LINES_MAX: usize = 120;
const FILE_LINES_MAX: usize = 500;
/// The one file that knows what storage keys look like.
const KEYS: &str = "log/src/archive/keys.rs";
/// How a storage key begins, or what stands in its middle.
const KEY_TEXTS: [&str; 8] =
    ["/dt=", "\"dt=", "\"manifests/", "\"segments/", "\"receipts/", "\"personal/", "\"clicks/", "\"verdicts/dt"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn manifest(folder: &str) -> toml::Table {
    fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap().parse().unwrap()
}

/// Every source file but tests, as a path from the root and its text.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ROOMS.iter().map(|room| root().join(room)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_test = matches!(path.file_name().unwrap().to_str().unwrap(), "tests" | "tests.rs" | "target");
            if is_test {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    assert!(found.len() > 50, "only {} source files were found", found.len());
    found
}

#[test]
fn rooms_depend_downwards_only() {
    for (level, room) in ROOMS.iter().enumerate() {
        let manifest = manifest(room);
        assert_eq!(manifest["package"]["name"].as_str(), Some(format!("clicktrail-{room}").as_str()));
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let names = manifest.get(table).and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::keys);
            for other in names.filter_map(|name| name.strip_prefix("clicktrail-")) {
                let is_below = ROOMS[..level].contains(&other);
                assert!(is_below, "{room} depends on {other} in [{table}], which is not below it");
            }
        }
    }
}

#[test]
fn every_room_has_its_place_and_keeps_the_lints_of_the_workspace() {
    let workspace = manifest(".");
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let members: BTreeSet<&str> = members.iter().map(|member| member.as_str().unwrap()).collect();
    assert_eq!(members, BTreeSet::from(ROOMS), "a new room takes its place in the order");
    for room in ROOMS {
        let manifest = manifest(room);
        let lints = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
        assert_eq!(lints, Some(true), "{room}/Cargo.toml has no `[lints] workspace = true`");
    }
}

#[test]
fn files_stay_small_and_lib_files_are_front_pages() {
    for (name, text) in sources() {
        let lines = text.lines().count();
        let max = if name.ends_with("/src/lib.rs") { LIB_LINES_MAX } else { FILE_LINES_MAX };
        assert!(lines <= max, "{name} has {lines} lines, more than {max}: make two modules of it");
    }
}

#[test]
fn storage_keys_are_spelled_in_one_file() {
    for (name, text) in sources() {
        // The tests at the end of a file may spell out what they expect.
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let spelled: Vec<_> = KEY_TEXTS.iter().filter(|key| code.contains(*key)).collect();
        if name == KEYS {
            assert!(!spelled.is_empty(), "{KEYS} spells no key any more: this test looks for the wrong texts");
        } else {
            assert!(spelled.is_empty(), "{name} spells {spelled:?}: storage keys belong to {KEYS}");
        }
    }
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |database: &str| -> BTreeSet<String> {
        let folder = root().join("migrations").join(database);
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert_eq!(names("sqlite"), names("postgres"));
    assert!(!names("sqlite").is_empty());
}
