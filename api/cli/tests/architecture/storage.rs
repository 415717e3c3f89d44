//! Who may spell SQL and storage keys, and that both databases have the same migrations.

use std::collections::BTreeSet;

use crate::{
    crates,
    tree::{Tree, expect, expect_nothing},
};

/// Where SQL is spelled: paths from the root, and what begins with them.
const SQL: &[&str] = &[
    // The catalog: its tables and its operations.
    "migrations/",
    "replay/catalog/src/",
    // The folds, which are what the numbers mean.
    "projections/src/",
    "examples/projections/",
    // People's questions about clicks, which they ask in SQL.
    "api/query/src/selection",
    // The log in SQLite files.
    "log/src/embedded",
];

/// The one module that knows what storage keys look like.
const KEYS: &str = "log/src/archive/keys.rs";
/// Knows no storage: what looks like a key here is the name of a file in a bundle.
const BUNDLES: &str = "evidence/src/";
/// Its parts, by what the keys are of.
const KEYS_BY_SUBJECT: &str = "log/src/archive/keys/";

fn is_sql(text: &str) -> bool {
    const FIRST: [&str; 8] =
        ["INSERT ", "DELETE FROM ", "CREATE TABLE ", "CREATE INDEX ", "CREATE TRIGGER ", "PRAGMA ", "BEGIN ", "WITH "];
    let text = text.replace("\\n", " ");
    let text = text.trim_start();
    let is_select = text.contains("SELECT ") && text.contains("FROM ");
    let is_update = text.starts_with("UPDATE ") && text.contains(" SET ");
    is_select || is_update || FIRST.iter().any(|first| text.starts_with(first))
}

/// SQL outside its homes, and homes where nobody lives any more.
fn sql(tree: &Tree, homes: &[&str]) -> Vec<String> {
    let production = crates::production(tree);
    let in_rust = tree
        .sources
        .iter()
        .filter(|(file, source)| production.contains(*file) && source.production_literals().any(is_sql));
    let in_files = tree.texts.keys().filter(|file| file.ends_with(".sql"));
    let spelling: BTreeSet<&String> = in_rust.map(|(file, _)| file).chain(in_files).collect();
    let lost = spelling.iter().filter(|file| !homes.iter().any(|home| file.starts_with(home)));
    let empty = homes.iter().filter(|home| !spelling.iter().any(|file| file.starts_with(*home)));
    lost.map(|file| format!("{file}: spells SQL, which is at home in {homes:?}"))
        .chain(empty.map(|home| format!("{home}: no SQL here any more: take it from the list")))
        .collect()
}

fn is_key(text: &str) -> bool {
    const FIRST: [&str; 12] = [
        "dt=",
        "manifests/",
        "segments/",
        "receipts/",
        "promotions/",
        "personal/",
        "clicks/",
        "verdicts/dt",
        "invoices/",
        "transparency/",
        "evidence/nodes/",
        "redactions/",
    ];
    text.contains("/dt=") || FIRST.iter().any(|first| text.starts_with(first))
}

/// Storage keys outside their file; also a file that spells none.
fn keys(tree: &Tree) -> Vec<String> {
    let production = crates::production(tree);
    let mut found = Vec::new();
    for (file, source) in tree.sources.iter().filter(|(file, _)| production.contains(*file)) {
        let spelled: Vec<_> = source.production_literals().filter(|text| is_key(text)).collect();
        let is_at_home = file == KEYS || [KEYS_BY_SUBJECT, BUNDLES].iter().any(|home| file.starts_with(home));
        let is_lost = !spelled.is_empty() && !is_at_home;
        if is_lost || file == KEYS && spelled.is_empty() {
            found.push(format!("{file}: spells the keys {spelled:?}: all of them, and no others, belong to {KEYS}"));
        }
    }
    found
}

/// Migrations that only one of the databases has.
fn migrations(tree: &Tree) -> Vec<String> {
    let names = |database: &str| -> BTreeSet<&str> {
        let folder = format!("migrations/{database}/");
        tree.texts.keys().filter_map(|file| file.strip_prefix(&folder)).collect()
    };
    let (sqlite, postgres) = (names("sqlite"), names("postgres"));
    if sqlite.is_empty() {
        return vec!["migrations/sqlite: no migrations were found".to_owned()];
    }
    sqlite.symmetric_difference(&postgres).map(|name| format!("migrations: only one database has {name}")).collect()
}

const WORKSPACE: (&str, &str) = ("Cargo.toml", "[workspace]\nmembers = [\"log\", \"api\"]");

#[test]
fn sql_is_spelled_where_it_is_at_home() {
    expect_nothing(&sql(Tree::of_repository(), SQL));
}

#[test]
fn sql_elsewhere_is_named() {
    let tree = Tree::made_up(&[
        WORKSPACE,
        ("log/src/lib.rs", "mod embedded;"),
        ("log/src/embedded.rs", "const A: &str = \"SELECT 1 FROM log\";"),
        (
            "api/src/lib.rs",
            "mod a;\n// \"DELETE FROM b\"\n#[cfg(test)]\nmod tests { const T: &str = \"DELETE FROM c\"; }",
        ),
        ("api/src/a.rs", "const A: &str = \"\\n  UPDATE d SET e = 1\"; const B: &str = \"UPDATE of a page\";"),
        ("api/src/b.sql", ""),
    ]);
    let found = sql(&tree, &["log/src/embedded", "log/src/gone.rs"]);
    expect(&found, &[&["api/src/a.rs"], &["api/src/b.sql"], &["log/src/gone.rs"]]);
}

#[test]
fn storage_keys_are_spelled_in_one_file() {
    expect_nothing(&keys(Tree::of_repository()));
}

#[test]
fn a_storage_key_elsewhere_is_named() {
    let tree = Tree::made_up(&[
        WORKSPACE,
        ("log/src/lib.rs", "mod archive;"),
        ("log/src/archive/mod.rs", "mod keys;"),
        (KEYS, "// \"manifests/\" once"),
        (
            "api/src/lib.rs",
            "fn key() { format!(\"segments/{name}\"); }\n#[cfg(test)]\nmod tests { const A: &str = \"clicks/\"; }",
        ),
    ]);
    expect(&keys(&tree), &[&["api/src/lib.rs", "segments/{name}"], &[KEYS, "[]"]]);
}

#[test]
fn both_databases_have_the_same_migrations() {
    expect_nothing(&migrations(Tree::of_repository()));
}

#[test]
fn a_migration_of_one_database_is_named() {
    let tree = Tree::made_up(&[
        ("migrations/sqlite/0001_hours.sql", ""),
        ("migrations/postgres/0001_hours.sql", ""),
        ("migrations/postgres/0002_ads.sql", ""),
    ]);
    expect(&migrations(&tree), &[&["0002_ads.sql"]]);
    expect(&migrations(&Tree::made_up(&[])), &[&["no migrations"]]);
}
