//! Which room may use which, and that every package is a room with the workspace's lints.

use std::collections::BTreeSet;

use crate::tree::{Tree, expect, expect_nothing, split};

/// What a room may use. A new edge is a change of the architecture: a commit of its own that says why.
struct Room {
    folder: &'static str,
    may_use: &'static [&'static str],
    /// What its tests may use beside that.
    tests_may_use: &'static [&'static str],
}

const fn room(folder: &'static str, may_use: &'static [&'static str]) -> Room {
    Room { folder, may_use, tests_may_use: &[] }
}

/// The rooms from the bottom up. The server serves without knowing how anything is counted; made-up traffic knows no
/// door; nobody builds on the benchmark.
const ROOMS: &[Room] = &[
    room("log/damage", &["evidence"]),
    room("evidence", &[]),
    room("evidence/verify", &["evidence"]),
    room("log", &["evidence"]),
    room("verdicts", &["evidence", "log"]),
    room("projections", &["log", "verdicts"]),
    room("projections/invoices", &["log"]),
    room("projections/rendering", &["log", "invoices"]),
    room("replay/catalog", &["log", "verdicts", "projections"]),
    room("replay", &["log", "verdicts", "projections", "catalog"]),
    room("replay/billing", &["log", "verdicts", "projections", "invoices", "rendering", "catalog", "replay"]),
    room("replay/live", &["log", "verdicts", "projections", "catalog", "replay"]),
    room(
        "evidence/export",
        &["evidence", "log", "verdicts", "projections", "invoices", "catalog", "replay", "billing"],
    ),
    room("api/capture", &["log"]),
    room("api/import", &["log", "capture"]),
    room("api/query", &["log", "verdicts", "projections", "catalog", "replay", "live"]),
    room("api/server", &["evidence", "log", "verdicts", "catalog", "capture", "query"]),
    Room { folder: "api/simulate", may_use: &["log"], tests_may_use: &["capture"] },
    room(
        "api/simulate/bench",
        &[
            "log",
            "verdicts",
            "projections",
            "invoices",
            "rendering",
            "catalog",
            "replay",
            "billing",
            "live",
            "simulate",
            "evidence",
            "export",
        ],
    ),
    room(
        "api/cli",
        &[
            "evidence",
            "export",
            "log",
            "verdicts",
            "projections",
            "invoices",
            "rendering",
            "catalog",
            "replay",
            "billing",
            "live",
            "capture",
            "import",
            "query",
            "server",
            "simulate",
        ],
    ),
    // Turns on features for the others, and is used by nobody.
    room(".ci/unify", &[]),
];

const PREFIX: &str = "clicktrail-";
/// What damages input: the tests of any room may use it, and nothing else.
const DAMAGE: &str = "damage";

/// Packages that are no rooms or not named after theirs, and dependencies that the table does not have.
fn directions(tree: &Tree, rooms: &[Room]) -> Vec<String> {
    let mut found = Vec::new();
    let packages: BTreeSet<String> = tree.packages().into_iter().collect();
    let places: BTreeSet<String> = rooms.iter().map(|room| room.folder.to_owned()).collect();
    for folder in packages.symmetric_difference(&places) {
        found.push(format!("{folder}: the workspace and the table of rooms must both have it"));
    }
    for room in rooms.iter().filter(|room| packages.contains(room.folder)) {
        let manifest = tree.manifest(room.folder);
        let (folder, name) = (room.folder, split(room.folder).1);
        if manifest["package"]["name"].as_str() != Some(&format!("{PREFIX}{name}")) {
            found.push(format!("{folder}/Cargo.toml: its package must be called {PREFIX}{name}"));
        }
        for (table, other) in dependencies(&manifest) {
            let is_for_tests = table.ends_with("dev-dependencies");
            let may = room.may_use.contains(&other.as_str())
                || is_for_tests && (room.tests_may_use.contains(&other.as_str()) || other == DAMAGE);
            if !may {
                found.push(format!("{folder}/Cargo.toml: {name} may not use {other} ({table})"));
            }
        }
    }
    found
}

/// The rooms that a manifest names, under whatever table and alias.
fn dependencies(manifest: &toml::Table) -> Vec<(String, String)> {
    let mut owners = vec![(String::new(), manifest)];
    for (target, table) in manifest.get("target").and_then(toml::Value::as_table).into_iter().flatten() {
        owners.extend(table.as_table().map(|table| (format!("{target} "), table)));
    }
    let mut found = Vec::new();
    for (prefix, owner) in owners {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (alias, value) in owner.get(kind).and_then(toml::Value::as_table).into_iter().flatten() {
                let package = value.get("package").and_then(toml::Value::as_str).unwrap_or(alias);
                found.extend(package.strip_prefix(PREFIX).map(|other| (format!("{prefix}{kind}"), other.to_owned())));
            }
        }
    }
    found
}

/// Packages without the workspace's lints.
fn lints(tree: &Tree) -> Vec<String> {
    let has = |folder: &String| {
        let lints = tree.manifest(folder).get("lints").and_then(|lints| lints.get("workspace")?.as_bool());
        lints == Some(true)
    };
    let without = tree.packages().into_iter().filter(|folder| !has(folder));
    without.map(|folder| format!("{folder}/Cargo.toml: has no `[lints] workspace = true`")).collect()
}

#[test]
fn rooms_use_only_what_the_table_allows() {
    expect_nothing(&directions(Tree::of_repository(), ROOMS));
}

#[test]
fn a_forbidden_dependency_is_named() {
    let tree = Tree::made_up(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"log\", \"replay/live\", \"attic\"]"),
        (
            "log/Cargo.toml",
            "[package]\nname = \"clicktrail-log\"\n[dev-dependencies]\nup = { package = \"clicktrail-live\" }",
        ),
        (
            "replay/live/Cargo.toml",
            "[package]\nname = \"clicktrail-replay-live\"\n[dependencies]\nclicktrail-log = {}\n\
             [target.'cfg(unix)'.dependencies]\nclicktrail-cli = {}\n[dev-dependencies]\nclicktrail-capture = {}",
        ),
    ]);
    let live = Room { folder: "replay/live", may_use: &["log"], tests_may_use: &["capture"] };
    let found = directions(&tree, &[room("log", &[]), live, room("verdicts", &[])]);
    expect(
        &found,
        &[
            &["attic"],
            &["verdicts"],
            &["log/Cargo.toml", "may not use live", "dev-dependencies"],
            &["must be called clicktrail-live"],
            &["live may not use cli", "cfg(unix)"],
        ],
    );
}

#[test]
fn every_room_keeps_the_lints_of_the_workspace() {
    expect_nothing(&lints(Tree::of_repository()));
}

#[test]
fn a_room_without_the_lints_is_named() {
    let tree = Tree::made_up(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"log\", \"verdicts\"]"),
        ("log/Cargo.toml", "[lints]\nworkspace = true"),
        ("verdicts/Cargo.toml", "[lints.rust]\nmissing_docs = \"allow\""),
    ]);
    expect(&lints(&tree), &[&["verdicts/Cargo.toml"]]);
}
