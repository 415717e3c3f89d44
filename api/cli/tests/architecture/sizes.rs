//! Files are small, lines are short, and what holds is asserted: ratchets.

use std::collections::BTreeMap;

use crate::{
    crates,
    tree::{Tree, expect, expect_nothing},
};

/// Lines of a file, tests apart.
const FILE_LINES_MAX: usize = 500;
/// Lines of a front page: what this is, a tour, declarations.
const FRONT_PAGE_LINES_MAX: usize = 120;
/// Characters of a line of code.
const LINE_CHARS_MAX: usize = 120;
/// Assertions in a thousand lines of code, in the rooms whose mistakes are kept for ever.
const ASSERTIONS_PER_THOUSAND_MIN: usize = 5;
const ASSERTING: [&str; 3] = ["log/", "verdicts/", "replay/"];

/// Files of production that are too long.
fn long_files(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for file in crates::production(tree) {
        let is_front_page = file.ends_with("/lib.rs") || file.ends_with("/mod.rs");
        let max = if is_front_page { FRONT_PAGE_LINES_MAX } else { FILE_LINES_MAX };
        let lines = tree.text(&file).lines().count();
        if lines > max {
            found.push(format!("{file}: {lines} lines, more than {max}: make two modules of it"));
        }
    }
    found
}

/// Lines of code that are too long. What a literal quotes may be as long as it is, rows of tables cannot be cut, and
/// SQL is left alone: digests are taken of it.
fn long_lines(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (file, text) in &tree.texts {
        let source = tree.sources.get(file);
        if source.is_none() && !file.ends_with(".py") {
            continue;
        }
        let mut begin = 0;
        for (index, line) in text.split('\n').enumerate() {
            let chars = line.chars().count();
            // Behind a literal there is at least what closes it.
            let mut places = line.char_indices().map(|(at, _)| begin + at).skip(LINE_CHARS_MAX - 20);
            let is_quoted = source.is_some_and(|source| places.any(|at| source.is_quoted(at)));
            let is_table = line.trim_start_matches(['/', '!', ' ']).starts_with('|');
            if chars > LINE_CHARS_MAX && !is_quoted && !is_table {
                found.push(format!("{file}:{}: {chars} characters, more than {LINE_CHARS_MAX}", index + 1));
            }
            begin += line.len() + 1;
        }
    }
    found
}

/// Rooms that assert too little.
fn assertions(tree: &Tree) -> Vec<String> {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for file in crates::production(tree) {
        let Some(room) = ASSERTING.iter().find(|room| file.starts_with(*room)) else { continue };
        let source = &tree.sources[&file];
        let (asserted, lines) = counts.entry(room).or_default();
        *asserted += asserted_in(&source.production);
        *lines += source.production_lines();
    }
    let few = counts.iter().filter(|(_, (asserted, lines))| asserted * 1000 < lines * ASSERTIONS_PER_THOUSAND_MIN);
    few.map(|(room, (asserted, lines))| {
        let wanted = (lines * ASSERTIONS_PER_THOUSAND_MIN).div_ceil(1000);
        format!(
            "{room}: {asserted} assertions in {lines} lines of code, fewer than {wanted}: assert where state changes"
        )
    })
    .collect()
}

/// Assertions that a release build makes, those of constants with them.
fn asserted_in(code: &str) -> usize {
    let count = |name: &str| {
        code.match_indices(name)
            .filter(|(at, _)| !code[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '!'))
            .count()
    };
    ["invariant!(", "assert!(", "assert_eq!(", "assert_ne!("].into_iter().map(count).sum()
}

#[test]
fn files_are_small_and_front_pages_are_short() {
    expect_nothing(&long_files(Tree::of_repository()));
}

#[test]
fn a_long_file_is_named_and_tests_may_be_long() {
    let (long, longer) = ("//\n".repeat(121), "//\n".repeat(501));
    let tree = Tree::made_up(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"log\"]"),
        ("log/src/lib.rs", "mod a;\nmod b;\nmod c;\n#[cfg(test)]\nmod tests;"),
        ("log/src/a.rs", &long),
        ("log/src/b/mod.rs", &long),
        ("log/src/c.rs", &longer),
        ("log/src/tests.rs", &longer),
    ]);
    expect(&long_files(&tree), &[&["log/src/b/mod.rs", "121", "120"], &["log/src/c.rs", "501", "500"]]);
}

#[test]
fn lines_are_short() {
    expect_nothing(&long_lines(Tree::of_repository()));
}

#[test]
fn a_long_line_is_named() {
    let comment = format!("//\n// {}", "é".repeat(118));
    let quote = format!("const A: &str = \"{}\";", "x".repeat(120));
    let tree = Tree::made_up(&[("a.rs", &comment), ("b.rs", &quote), ("c.py", &quote), ("d.md", &quote)]);
    expect(&long_lines(&tree), &[&["a.rs:2: 121"], &["c.py:1"]]);
}

#[test]
fn rooms_that_keep_things_assert_what_holds() {
    expect_nothing(&assertions(Tree::of_repository()));
}

#[test]
fn a_room_that_asserts_little_is_named() {
    let lines = "a();\n".repeat(395);
    let well = format!("{lines}assert!(a);\nconst _: () = assert!(B);\n");
    let badly = format!(
        "{lines}assert_eq!(a, b);\ndebug_assert!(c);\n// assert!(d)\n\"assert!(e)\";\n#[cfg(test)]\nmod tests {{ fn f() {{ assert!(g); }} }}"
    );
    let tree = Tree::made_up(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"log\", \"verdicts\", \"api\"]"),
        ("log/src/lib.rs", &well),
        ("verdicts/src/lib.rs", &badly),
        ("api/src/lib.rs", &lines),
    ]);
    expect(&assertions(&tree), &[&["verdicts/: 1 assertions in 398 lines", "fewer than 2"]]);
}
