//! What the checks look at: paths and texts, of the repository or made up for a test.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use crate::rust::Source;

/// What is not the repository's: what git keeps, what was built, what ran here.
const FOREIGN: [&str; 4] = [".git", "target", "clicktrail-data", "clicktrail-demo"];

/// A tree of files by their paths from the root, with `/`.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Every file; one that is not UTF-8 has an empty text.
    pub(crate) texts: BTreeMap<String, String>,
    /// The Rust sources among them.
    pub(crate) sources: BTreeMap<String, Source>,
}

impl Tree {
    /// The repository, read once.
    pub(crate) fn of_repository() -> &'static Self {
        static READ: LazyLock<Tree> = LazyLock::new(|| {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
            let mut texts = BTreeMap::new();
            read(&root, "", &mut texts);
            assert!(texts.len() > 300, "only {} files were found", texts.len());
            Tree::new(texts)
        });
        &READ
    }

    /// A small tree with something planted in it.
    pub(crate) fn made_up(files: &[(&str, &str)]) -> Self {
        Self::new(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    }

    fn new(texts: BTreeMap<String, String>) -> Self {
        let rust = texts.iter().filter(|(path, _)| path.ends_with(".rs"));
        let sources = rust.map(|(path, text)| (path.clone(), Source::read(text))).collect();
        Self { texts, sources }
    }

    /// A file's text, empty if there is none.
    pub(crate) fn text(&self, path: &str) -> &str {
        self.texts.get(path).map_or("", String::as_str)
    }

    /// The manifest of a folder.
    pub(crate) fn manifest(&self, folder: &str) -> toml::Table {
        let path = join(folder, "Cargo.toml");
        let text = self.texts.get(&path).unwrap_or_else(|| panic!("{path} is missing"));
        text.parse().unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The folders of the workspace's packages.
    pub(crate) fn packages(&self) -> Vec<String> {
        let workspace = self.manifest("");
        let members = workspace["workspace"]["members"].as_array().expect("members are an array");
        members.iter().map(|member| member.as_str().expect("a member is a path").to_owned()).collect()
    }

    /// Whether there is a file or a folder at `path`.
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.texts.contains_key(path) || self.texts.keys().any(|file| file.starts_with(&folder))
    }
}

fn read(folder: &Path, name: &str, texts: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path: PathBuf = entry.unwrap().path();
        let file = path.file_name().and_then(|file| file.to_str()).expect("file names are UTF-8");
        let name = join(name, file);
        if FOREIGN.contains(&file) {
            continue;
        }
        if path.is_dir() {
            read(&path, &name, texts);
        } else {
            texts.insert(name, String::from_utf8(fs::read(&path).unwrap()).unwrap_or_default());
        }
    }
}

/// `a/b`; `b` alone in the root. `..` and `.` are resolved.
pub(crate) fn join(folder: &str, name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(name.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The folder and the file name of a path.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// The words of a text: letters, digits and underscores.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Fails with everything that was found.
#[track_caller]
pub(crate) fn expect_nothing(found: &[String]) {
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// Fails unless exactly these were found, each with a message that holds all of its texts.
#[track_caller]
pub(crate) fn expect(found: &[String], wanted: &[&[&str]]) {
    assert_eq!(found.len(), wanted.len(), "\n{}", found.join("\n"));
    for (message, texts) in found.iter().zip(wanted) {
        let missing: Vec<_> = texts.iter().filter(|text| !message.contains(*text)).collect();
        assert!(missing.is_empty(), "{missing:?} is not in: {message}");
    }
}
