//! No file that nothing uses. (Sources: see `crates`.)

use crate::tree::{Tree, expect, expect_nothing, split};

/// Files that tools and people find by their names.
const FOUND_BY_NAME: [&str; 9] = [
    ".gitignore",
    "ARCHITECTURE.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "Makefile",
    "README.md",
    "clippy.toml",
    "rustfmt.toml",
];
/// Folders that are read as a whole: the file that has it done, and by which word.
const READ_WHOLE: &[(&str, &str, &str)] = &[
    ("api/cli/tests/fixtures/data-1/", "api/cli/tests/e2e/data_directory.rs", "data-1"),
    ("api/cli/tests/fixtures/data-2/", "api/cli/tests/e2e/data_directory.rs", "data-2"),
    ("api/cli/tests/fixtures/data-3/", "api/cli/tests/e2e/data_directory.rs", "data-3"),
    ("log/fixtures/archive-1/", "log/src/fixtures.rs", "archive-1"),
    ("log/fixtures/archive-2/", "log/src/fixtures.rs", "archive-2"),
    ("log/fixtures/archive-3/", "log/src/fixtures.rs", "archive-3"),
    ("replay/billing/fixtures/invoice-1/", "replay/billing/src/fixtures.rs", "invoice-1"),
    ("log/proptest-regressions/", "log/Cargo.toml", "proptest"),
];
/// These tests name files that are made up.
const HERE: &str = "api/cli/tests/architecture/";

/// Files that are no sources, that no other file names, and that stand in no folder which is read as a whole.
fn unused(tree: &Tree, read_whole: &[(&str, &str, &str)]) -> Vec<String> {
    let mut found = Vec::new();
    for path in tree.texts.keys().filter(|path| !path.ends_with(".rs")) {
        let name = split(path).1;
        let is_read = read_whole.iter().any(|(folder, ..)| path.starts_with(folder));
        if is_read || FOUND_BY_NAME.contains(&name) {
            continue;
        }
        let mut others = tree.texts.iter().filter(|(other, _)| *other != path && !other.starts_with(HERE));
        if !others.any(|(_, text)| mentions(text, name)) {
            found.push(format!("{path}: no other file names it: use it or delete it"));
        }
    }
    for (folder, reader, word) in read_whole {
        if !tree.has(folder) || !tree.text(reader).contains(word) {
            found.push(format!("{folder}: is gone, or {reader} does not read it any more: take it from the list"));
        }
    }
    found
}

/// Whether a text has a file's name, not as the end of a longer one.
fn mentions(text: &str, name: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    text.match_indices(name).any(|(at, _)| !text[..at].ends_with(is_name))
}

#[test]
fn every_file_is_used() {
    expect_nothing(&unused(Tree::of_repository(), READ_WHOLE));
}

#[test]
fn a_file_that_nothing_names_is_named() {
    let tree = Tree::made_up(&[
        ("README.md", "See docs/a.md, and xb.toml."),
        ("docs/a.md", "This is a.md."),
        ("docs/alone.md", "This is alone.md."),
        ("examples/b.toml", ""),
        ("fixtures/v1/c.bin", ""),
        ("log/tests/fixtures.rs", "fn read_all(\"fixtures\") {}"),
        ("rulesets/d.toml", ""),
    ]);
    let read_whole =
        [("fixtures/", "log/tests/fixtures.rs", "fixtures"), ("rulesets/", "log/tests/fixtures.rs", "rules")];
    expect(
        &unused(&tree, &read_whole),
        &[&["docs/alone.md"], &["examples/b.toml"], &["rulesets/", "log/tests/fixtures.rs"]],
    );
}
