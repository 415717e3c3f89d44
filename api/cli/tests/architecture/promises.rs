//! What the documents promise is shown by tests that exist.

use crate::tree::{Tree, expect, expect_nothing};

/// Promises, each with the tests that show it.
const PROMISES: &str = "docs/promises.md";

/// Tests that a promise names and nobody has, and promises that name none.
fn promises(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let is_shown = |test: &str| {
        let definition = format!("fn {test}(");
        tree.texts.iter().any(|(file, text)| file.ends_with(".rs") && text.contains(&definition))
    };
    let rows = tree.text(PROMISES).lines().filter_map(|line| line.strip_prefix("| ")).skip(1);
    for row in rows.filter(|row| !row.starts_with('-')) {
        let Some((promise, tests)) = row.split_once(" | ") else { continue };
        let tests: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        if tests.is_empty() {
            found.push(format!("{PROMISES}: {promise:?} names no test"));
        }
        let gone = tests.into_iter().filter(|test| !is_shown(test));
        found.extend(gone.map(|test| format!("{PROMISES}: {test} is no test")));
    }
    found
}

#[test]
fn promised_is_what_tests_show() {
    expect_nothing(&promises(Tree::of_repository()));
}

#[test]
fn a_promise_without_a_test_is_named() {
    let text = "| promise | tests |\n|---|---|\n| Kept | `a` |\n| Not kept | `a`, `b` |\n| Hoped for | none |\n";
    let tree = Tree::made_up(&[(PROMISES, text), ("log/src/x.rs", "#[test]\nfn a() {}\n")]);
    expect(&promises(&tree), &[&[PROMISES, "b is no test"], &[PROMISES, "\"Hoped for\" names no test"]]);
}
