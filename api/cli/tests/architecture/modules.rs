//! Files of a crate import downwards: no circle, and nothing from the front page that declares them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    crates::{self, Crate},
    rust,
    tree::{Tree, expect, expect_nothing},
};

/// What a file imports of its own crate.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Import {
    /// The module that it names.
    module: String,
    /// What of it.
    item: String,
}

/// For each module that is not for tests, what it imports.
fn imports(tree: &Tree, found: &Crate) -> BTreeMap<String, BTreeSet<Import>> {
    let production = found.modules.iter().filter(|(_, module)| !module.is_test);
    let macros: BTreeMap<String, &str> = production
        .clone()
        .flat_map(|(path, module)| {
            exported_macros(&tree.sources[&module.file].code).map(move |name| (name, path.as_str()))
        })
        .collect();
    let resolve = |here: &str, path: &[String]| {
        let mut target = absolute(found, here, path)?;
        if let [name] = &target[..]
            && let Some(module) = macros.get(name)
        {
            // An exported macro stands in the crate's root, wherever its file is.
            return Some(Import { module: (*module).to_owned(), item: name.clone() });
        }
        let mut item = Vec::new();
        while !found.modules.contains_key(&target.join("::")) {
            item.insert(0, target.pop()?);
        }
        Some(Import { module: target.join("::"), item: item.join("::") })
    };
    let mut imports = BTreeMap::new();
    for (here, module) in production {
        let paths = paths(&tree.sources[&module.file].production);
        let found = paths.iter().filter_map(|path| resolve(here, path)).filter(|import| import.module != *here);
        imports.insert(here.clone(), found.collect());
    }
    imports
}

fn exported_macros(code: &str) -> impl Iterator<Item = String> {
    code.split("#[macro_export]").skip(1).filter_map(|text| {
        let name = text.trim_start().strip_prefix("macro_rules!")?;
        name.split('{').next().map(|name| name.trim().to_owned())
    })
}

/// A path from the crate's root; `None` for one that leads out of the crate.
fn absolute(found: &Crate, here: &str, path: &[String]) -> Option<Vec<String>> {
    let mut place: Vec<String> = here.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let mut rest = path;
    match rest.first().map(String::as_str) {
        Some("crate") => (place, rest) = (Vec::new(), &rest[1..]),
        Some("self") => rest = &rest[1..],
        Some("super") => {
            while rest.first().is_some_and(|name| name == "super") {
                place.pop();
                rest = &rest[1..];
            }
        }
        Some(name) => {
            let child = if here.is_empty() { name.to_owned() } else { format!("{here}::{name}") };
            found.modules.get(&child)?;
        }
        None => return None,
    }
    place.extend(rest.iter().cloned());
    Some(place)
}

/// Every path that a file names: those of `use`, and those inside expressions that begin in the crate. Names that a
/// front page publishes of its own children are no imports.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut others = String::new();
    let mut from = 0;
    while let Some(begin) = code[from..].find("use ").map(|at| from + at) {
        let before = code[..begin].trim_end();
        let is_statement = begin == 0 || code[..begin].ends_with(|c: char| c.is_whitespace() || c == ')' || c == '}');
        let end = code[begin..].find(';').map_or(code.len(), |at| begin + at);
        others.push_str(&code[from..begin]);
        if is_statement {
            let is_public = before.ends_with("pub") || before.ends_with(')') && before.contains("pub(");
            let is_of_children = |path: &[String]| is_public && !["crate", "super"].contains(&path[0].as_str());
            found.extend(rust::paths(&code[begin + 4..end]).into_iter().filter(|path| !is_of_children(path)));
            from = end;
        } else {
            from = begin + 4;
        }
    }
    others.push_str(&code[from..]);
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in others.match_indices(start) {
            let is_start = !others[..at].ends_with(|c: char| c.is_alphanumeric() || "_:$".contains(c));
            if is_start {
                let end = others[at..]
                    .find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':')
                    .unwrap_or(others.len() - at);
                let names = others[at..at + end].split("::").filter(|name| !name.is_empty());
                found.push(names.map(str::to_owned).collect());
            }
        }
    }
    found
}

/// Files of one crate that import each other.
fn circles(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for member in crates::all(tree) {
        let imports = imports(tree, &member);
        let reach: BTreeMap<&String, BTreeSet<&String>> =
            imports.keys().map(|module| (module, reachable(&imports, module))).collect();
        let mut seen = BTreeSet::new();
        for (module, below) in &reach {
            if !below.contains(module) || !seen.insert(*module) {
                continue;
            }
            let circle: Vec<&String> = below.iter().copied().filter(|other| reach[*other].contains(module)).collect();
            seen.extend(&circle);
            let files: Vec<_> = circle.iter().map(|module| member.modules[*module].file.as_str()).collect();
            found.push(format!("{}: import each other: let one direction go", files.join(", ")));
        }
    }
    found
}

fn reachable<'a>(imports: &'a BTreeMap<String, BTreeSet<Import>>, from: &str) -> BTreeSet<&'a String> {
    let mut found = BTreeSet::new();
    let mut left = vec![from];
    while let Some(module) = left.pop() {
        for import in imports.get(module).into_iter().flatten() {
            if found.insert(&import.module) {
                left.push(&import.module);
            }
        }
    }
    found
}

/// Files that import what stands in, or is published by, the module above them.
fn imports_from_above(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for member in crates::all(tree) {
        for (here, imports) in imports(tree, &member) {
            let is_above = |module: &str| module.is_empty() || here.starts_with(&format!("{module}::"));
            for import in imports.iter().filter(|import| is_above(&import.module)) {
                if exported_macros(&tree.sources[&member.modules[&import.module].file].code)
                    .any(|name| name == import.item)
                {
                    continue;
                }
                let (file, above) = (&member.modules[&here].file, &member.modules[&import.module].file);
                found.push(format!(
                    "{file}: takes {} from {above}: take it from the file below that defines it",
                    import.item
                ));
            }
        }
    }
    found
}

const WORKSPACE: (&str, &str) = ("Cargo.toml", "[workspace]\nmembers = [\"log\"]");

#[test]
fn no_files_import_each_other() {
    expect_nothing(&circles(Tree::of_repository()));
}

#[test]
fn a_circle_is_named_and_tests_may_close_one() {
    let tree = Tree::made_up(&[
        WORKSPACE,
        ("log/src/lib.rs", "pub mod a;\npub mod b;\npub mod c;\npub use a::A;\n#[cfg(test)]\nmod testing;"),
        ("log/src/a.rs", "use crate::b::{self, B};\n#[cfg(test)]\nmod tests { use crate::c::C; }"),
        ("log/src/b.rs", "fn b() { crate::c::d(crate::made!()) }"),
        ("log/src/c.rs", "use super::a::A;\n#[macro_export]\nmacro_rules! made { () => { $crate::a::x() } }"),
        ("log/src/testing.rs", "use crate::{a, testing};"),
    ]);
    expect(&circles(&tree), &[&["log/src/a.rs, log/src/b.rs, log/src/c.rs"]]);
}

#[test]
fn no_file_imports_from_the_module_above_it() {
    expect_nothing(&imports_from_above(Tree::of_repository()));
}

#[test]
fn an_import_from_a_front_page_is_named() {
    let tree = Tree::made_up(&[
        WORKSPACE,
        ("log/src/lib.rs", "pub mod archive;\npub mod time;\n#[macro_export]\nmacro_rules! made { () => {} }"),
        ("log/src/archive/mod.rs", "mod keys;\nmod part;\npub use keys::Key;\npub struct Limits;"),
        ("log/src/archive/keys.rs", "use crate::{made, time::Hour};\npub struct Key;"),
        ("log/src/archive/part.rs", "use super::{keys::Key as K, Limits};\nfn part() -> crate::archive::Key {}"),
        ("log/src/time.rs", "use super::archive::Key;"),
    ]);
    let part = "log/src/archive/part.rs";
    expect(&imports_from_above(&tree), &[&[part, "Key", "archive/mod.rs"], &[part, "Limits", "archive/mod.rs"]]);
}
