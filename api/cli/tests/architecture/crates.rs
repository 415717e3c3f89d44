//! Which files make up which crate, found as the compiler finds them: from the roots along `mod`.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    rust::Source,
    tree::{Tree, join, split},
};

/// A crate: a library, a program, a test binary or an example.
#[derive(Debug)]
pub(crate) struct Crate {
    /// Its modules by their paths (`archive::keys`; the root is empty).
    pub(crate) modules: BTreeMap<String, Module>,
}

/// One file of a crate.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) file: String,
    /// Whether it exists for tests alone.
    pub(crate) is_test: bool,
}

/// Every crate of every package.
pub(crate) fn all(tree: &Tree) -> Vec<Crate> {
    let mut found = Vec::new();
    for package in tree.packages() {
        let roots = tree.sources.keys().filter_map(|file| Some((file, root(file.strip_prefix(&package)?)?)));
        for (file, is_test) in roots {
            let mut modules = BTreeMap::new();
            walk(tree, String::new(), file, is_test, true, &mut modules);
            found.push(Crate { modules });
        }
    }
    found
}

/// The files that production is compiled from.
pub(crate) fn production(tree: &Tree) -> BTreeSet<String> {
    let modules = all(tree).into_iter().flat_map(|found| found.modules.into_values());
    modules.filter(|module| !module.is_test).map(|module| module.file).collect()
}

/// Whether a file is a crate's root, and then whether it is one for tests.
fn root(file: &str) -> Option<bool> {
    let parts: Vec<&str> = file.trim_start_matches('/').split('/').collect();
    match parts[..] {
        ["src", "lib.rs" | "main.rs"] | ["src", "bin", _] | ["build.rs"] => Some(false),
        ["tests" | "benches" | "examples", _] | ["tests" | "benches" | "examples", _, "main.rs"] => Some(true),
        _ => None,
    }
}

fn walk(tree: &Tree, path: String, file: &str, is_test: bool, is_root: bool, modules: &mut BTreeMap<String, Module>) {
    let source = &tree.sources[file];
    let (folder, name) = split(file);
    let own_folder = match name {
        "mod.rs" => folder.to_owned(),
        _ if is_root => folder.to_owned(),
        name => join(folder, name.trim_end_matches(".rs")),
    };
    for declared in declared(source) {
        let candidates = match &declared.at {
            Some(at) => vec![join(folder, at)],
            None => {
                let name = &declared.name;
                vec![join(&own_folder, &format!("{name}.rs")), join(&own_folder, &format!("{name}/mod.rs"))]
            }
        };
        let Some(child) = candidates.into_iter().find(|file| tree.sources.contains_key(file)) else { continue };
        let path = if path.is_empty() { declared.name.clone() } else { format!("{path}::{}", declared.name) };
        walk(tree, path, &child, is_test || declared.is_test, false, modules);
    }
    modules.insert(path, Module { file: file.to_owned(), is_test });
}

/// A `mod name;`.
struct Declared {
    name: String,
    /// What `#[path]` says.
    at: Option<String>,
    is_test: bool,
}

fn declared(source: &Source) -> Vec<Declared> {
    const PATH: &str = "#[path = ";
    let mut found = Vec::new();
    let mut end_of_last = 0;
    for (end, _) in source.code.match_indices(';') {
        let statement = &source.code[end_of_last..end];
        let begin = statement.rfind(['{', '}', ']']).map_or(0, |brace| brace + 1);
        let mut words = statement[begin..].split_whitespace().skip_while(|word| word.starts_with("pub"));
        if let (Some("mod"), Some(name), None) = (words.next(), words.next(), words.next()) {
            let at = statement.rfind(PATH).and_then(|path| source.literal_behind(end_of_last + path));
            let is_test = source.production.as_bytes()[end] != b';';
            found.push(Declared { name: name.to_owned(), at: at.map(str::to_owned), is_test });
        }
        end_of_last = end + 1;
    }
    found
}

/// Sources that no crate compiles.
fn unreachable(tree: &Tree) -> Vec<String> {
    let reached: BTreeSet<String> =
        all(tree).into_iter().flat_map(|found| found.modules.into_values()).map(|module| module.file).collect();
    let lost = tree.sources.keys().filter(|file| !reached.contains(*file));
    lost.map(|file| format!("{file}: no crate compiles it: declare it or delete it")).collect()
}

#[test]
fn every_source_is_compiled() {
    crate::tree::expect_nothing(&unreachable(Tree::of_repository()));
}

#[test]
fn a_source_that_nobody_declares_is_named() {
    let tree = Tree::made_up(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"log\"]"),
        ("log/src/lib.rs", "pub mod time;\n#[cfg(test)]\n#[path = \"../tests/more.rs\"]\nmod more;\npub(crate) mod a;"),
        ("log/src/time.rs", "mod zone;"),
        ("log/src/time/zone.rs", ""),
        ("log/src/a/mod.rs", "#![expect(x)]\nmod b;"),
        ("log/src/a/b.rs", ""),
        ("log/src/b.rs", "// mod of nobody"),
        ("log/tests/more.rs", ""),
        ("log/tests/suite/main.rs", "mod case;"),
        ("log/tests/suite/case.rs", ""),
    ]);
    crate::tree::expect(&unreachable(&tree), &[&["log/src/b.rs", "no crate"]]);
    assert!(!production(&tree).contains("log/tests/more.rs"), "it is declared for tests alone");
}
