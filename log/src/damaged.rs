//! What the log and the archive hold, damaged: each form is read or refused by name, and what is read says the same
//! when it is written again. The examples are the fixtures of every version.

mod documents;
mod frames;
mod names;

use std::{fs, path::PathBuf};

use crate::fixtures::path;

/// A fixture.
fn fixture(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every fixture under a directory whose path ends in `ending`.
fn fixtures(directory: &str, ending: &str) -> Vec<Vec<u8>> {
    let (mut found, mut directories) = (Vec::new(), vec![path(directory)]);
    while let Some(next) = directories.pop() {
        let mut entries: Vec<PathBuf> = fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for entry in entries {
            if entry.is_dir() {
                directories.push(entry);
            } else if entry.to_string_lossy().ends_with(ending) {
                found.push(fs::read(entry).unwrap());
            }
        }
    }
    assert!(!found.is_empty(), "no fixture ends in {ending}");
    found
}
