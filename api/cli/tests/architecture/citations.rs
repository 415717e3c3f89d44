//! What texts cite is there: invariants, decisions, links and paths.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::{Tree, expect, expect_nothing, join, split, words};

/// Where invariants are defined.
const INVARIANTS: &str = "log/src/invariants.rs";
/// Defined ahead of the code that will keep them, and what that code is.
const COMES_WITH: &[(&str, &str)] = &[];
const DECISIONS: &str = "docs/decisions/";
/// These tests, which cite what does not exist.
const HERE: &str = "api/cli/tests/architecture/";

fn is_invariant(word: &str) -> bool {
    word.strip_prefix('I').is_some_and(|digits| (1..=2).contains(&digits.len()) && digits.parse::<u8>().is_ok())
}

/// Invariants cited and not defined, or defined and neither kept by code nor still to come.
fn invariants(tree: &Tree, comes_with: &[(&str, &str)]) -> Vec<String> {
    let definitions = tree.text(INVARIANTS).lines().map(str::trim_start).filter_map(|line| line.split_once(" \""));
    let defined: BTreeSet<&str> = definitions.map(|(id, _)| id).filter(|id| is_invariant(id)).collect();
    let mut found = Vec::new();
    if defined.is_empty() {
        found.push(format!("{INVARIANTS}: defines none"));
    }
    let mut kept = BTreeSet::new();
    for (file, text) in tree.texts.iter().filter(|(file, _)| *file != INVARIANTS && !file.starts_with(HERE)) {
        let is_code = file.ends_with(".rs");
        if !is_code && !file.ends_with(".md") {
            continue;
        }
        let cited: BTreeSet<&str> = words(text).filter(|word| is_invariant(word)).collect();
        found.extend(
            cited.difference(&defined).map(|id| format!("{file}: cites {id}, which {INVARIANTS} does not define")),
        );
        kept.extend(cited.into_iter().filter(|_| is_code));
    }
    for id in defined {
        let coming = comes_with.iter().find(|(coming, _)| *coming == id);
        match (kept.contains(id), coming) {
            (false, None) => found.push(format!("{INVARIANTS}: no code and no test cites {id}: who keeps it?")),
            (true, Some((_, with))) => {
                found.push(format!("{INVARIANTS}: {id} is kept: it no longer has to come with {with}"));
            }
            (true, None) | (false, Some(_)) => {}
        }
    }
    found
}

/// Decisions cited that are not there, numbers taken twice, and decisions that the index leaves out.
fn decisions(tree: &Tree) -> Vec<String> {
    let number =
        |name: &str| name.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())).map(str::to_owned);
    let mut found = Vec::new();
    let mut by_number: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let index = tree.text(&format!("{DECISIONS}README.md"));
    for name in tree.texts.keys().filter_map(|file| file.strip_prefix(DECISIONS)) {
        let Some(number) = number(name) else { continue };
        by_number.entry(number).or_default().push(name);
        if !index.contains(name) {
            found.push(format!("{DECISIONS}{name}: is not in {DECISIONS}README.md"));
        }
    }
    for names in by_number.values().filter(|names| names.len() > 1) {
        found.push(format!("{DECISIONS}: one number for {}", names.join(" and ")));
    }
    for (file, text) in tree.texts.iter().filter(|(file, _)| !file.starts_with(HERE)) {
        for (at, _) in text.match_indices(DECISIONS) {
            let name = name_at(&text[at + DECISIONS.len()..]);
            let exists = |name: &str| tree.texts.contains_key(&format!("{DECISIONS}{name}"));
            let is_named = exists(name) || exists(&format!("{name}.md"));
            let Some(number) = number(name) else { continue };
            let is_number_alone = name == number && by_number.contains_key(&number);
            if !is_named && !is_number_alone {
                found.push(format!("{file}: cites {DECISIONS}{name}, which does not exist"));
            }
        }
    }
    found
}

/// The path that a text begins with, without the full stop of a sentence.
fn name_at(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"-_./".contains(c)).unwrap_or(text.len());
    text[..end].trim_end_matches(['.', '/'])
}

/// Links, and paths between backticks, that lead nowhere.
fn links(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (file, text) in tree.texts.iter().filter(|(file, _)| file.ends_with(".md")) {
        let folder = split(file).0;
        let targets = text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
        for target in targets.filter(|target| !target.contains("://") && !target.starts_with(['#', '<'])) {
            let path = target.split(['#', ' ']).next().unwrap_or_default();
            if !tree.has(&join(folder, path)) {
                found.push(format!("{file}: links to {target}, which does not exist"));
            }
        }
        let quoted = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
        for path in quoted.filter(|path| is_path_from_root(tree, path)) {
            if !tree.has(path) && !is_next_version(tree, path) {
                found.push(format!("{file}: names {path}, which does not exist"));
            }
        }
    }
    found
}

/// Whether a path is that of the version after one that is there, as recipes name it: `events-2.json`.
fn is_next_version(tree: &Tree, path: &str) -> bool {
    let is_before = |number: u32| tree.has(&path.replace(&format!("-{number}."), &format!("-{}.", number - 1)));
    (2..100).any(|number| path.contains(&format!("-{number}.")) && is_before(number))
}

/// Whether a text between backticks means a file or a folder by its path from the root.
fn is_path_from_root(tree: &Tree, text: &str) -> bool {
    let is_source = |text: &str| text.contains("/src/") || text.contains("/tests/") || text.starts_with("docs/");
    let has_ending = split(text).1.contains('.') || text.ends_with('/');
    let top = text.split('/').next().unwrap_or_default();
    text.contains('/') && tree.has(top) && name_at(text).len() + 1 >= text.len() && (is_source(text) || has_ending)
}

#[test]
fn cited_invariants_are_defined_and_defined_ones_are_kept() {
    expect_nothing(&invariants(Tree::of_repository(), COMES_WITH));
}

#[test]
fn an_unknown_and_an_unkept_invariant_are_named() {
    let tree = Tree::made_up(&[
        (INVARIANTS, "invariants! {\n    I1 \"One.\",\n    I2 \"Two.\",\n    I3 \"Three.\",\n    I4 \"Four.\",\n}"),
        ("log/src/chain.rs", "invariant!(I1, true, \"x\"); // I64 and I128 are types, PI7 is a word. I4 is early."),
        ("docs/formats.md", "As I7 says (and I2)."),
    ]);
    let found = invariants(&tree, &[("I3", "erasure"), ("I4", "invoices")]);
    expect(
        &found,
        &[
            &["docs/formats.md", "I7"],
            &["log/src/chain.rs", "I64"],
            &["no code and no test cites I2"],
            &["I4 is kept", "invoices"],
        ],
    );
}

#[test]
fn cited_decisions_exist_and_the_index_has_all() {
    expect_nothing(&decisions(Tree::of_repository()));
}

#[test]
fn a_missing_and_an_unlisted_decision_are_named() {
    let tree = Tree::made_up(&[
        ("docs/decisions/README.md", "0001-one.md 0003-three.md 0003-again.md"),
        ("docs/decisions/0001-one.md", ""),
        ("docs/decisions/0002-two.md", ""),
        ("docs/decisions/0003-three.md", ""),
        ("docs/decisions/0003-again.md", ""),
        (
            "log/src/lib.rs",
            "//! See docs/decisions/0001-one.md, docs/decisions/0001, docs/decisions/ and docs/decisions/0009-gone.",
        ),
    ]);
    expect(
        &decisions(&tree),
        &[&["0002-two.md", "is not in"], &["one number", "0003-again.md"], &["log/src/lib.rs", "0009-gone"]],
    );
}

#[test]
fn links_and_paths_lead_somewhere() {
    expect_nothing(&links(Tree::of_repository()));
}

#[test]
fn a_link_and_a_path_to_nowhere_are_named() {
    let tree = Tree::made_up(&[
        (
            "README.md",
            "[a](docs/a.md#top), [b](docs/b.md), [web](https://example.org/c.md), `log/src/gone.rs`, `log/x`",
        ),
        ("docs/a.md", "[up](../README.md) [self](#a) [side](gone.md) `log/src/` `docs/old/` `log/b-2.json`"),
        ("log/b-1.json", ""),
        ("log/src/lib.rs", ""),
    ]);
    expect(
        &links(&tree),
        &[
            &["README.md", "docs/b.md"],
            &["README.md", "log/src/gone.rs"],
            &["docs/a.md", "gone.md"],
            &["docs/a.md", "docs/old/"],
        ],
    );
}
