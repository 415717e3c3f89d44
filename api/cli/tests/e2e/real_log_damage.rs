//! Damage to an archive of real events: `log verify` says that there is some, and where.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::real_log::{Imported, tree};

/// What is done to a file.
#[derive(Debug, Clone, Copy)]
enum Damage {
    /// One bit of the first, the middle or the last byte.
    Flip(Place),
    Append,
    Cut,
    Remove,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    First,
    Middle,
    Last,
}

impl Damage {
    const ALL: [Self; 6] = [
        Self::Flip(Place::First),
        Self::Flip(Place::Middle),
        Self::Flip(Place::Last),
        Self::Append,
        Self::Cut,
        Self::Remove,
    ];

    fn inflict(self, path: &Path) {
        let mut bytes = fs::read(path).unwrap();
        match self {
            Self::Flip(place) => {
                let at = match place {
                    Place::First => 0,
                    Place::Middle => bytes.len() / 2,
                    Place::Last => bytes.len() - 1,
                };
                bytes[at] ^= 1;
            }
            Self::Append => bytes.extend_from_slice(b"\n"),
            Self::Cut => bytes.truncate(bytes.len() - 1),
            Self::Remove => return fs::remove_file(path).unwrap(),
        }
        fs::write(path, bytes).unwrap();
    }
}

/// The first, the middle and the last file of a part of the archive.
fn three(archive: &Path, prefix: &str) -> [PathBuf; 3] {
    let files: Vec<PathBuf> =
        tree(&archive.join(prefix)).into_keys().map(|path| Path::new(prefix).join(path)).collect();
    [0, files.len() / 2, files.len() - 1].map(|index| files[index].clone())
}

/// Damages a file, demands that `log verify` names it, and puts it right again.
fn check(imported: &Imported, key: &Path, damage: Damage) {
    let path = imported.archive().join(key);
    let sound = fs::read(&path).unwrap();
    damage.inflict(&path);
    let verified = imported.installation.run(&["log", "verify", "--output", "json"]).exits(2);
    let report = verified.json();
    let problems = report["problems"].as_array().unwrap();
    let names_it = |problem: &&Value| problem["key"] == json!(key.to_str().unwrap());
    assert!(problems.iter().any(|problem| names_it(&problem)), "{damage:?} of {}: {verified}", key.display());
    let elsewhere = problems.iter().filter(|problem| !names_it(problem) && !follows(key, problem)).count();
    assert_eq!(elsewhere, 0, "{damage:?} of {} is blamed on sound objects too: {verified}", key.display());
    fs::write(&path, sound).unwrap();
}

/// Whether a problem is what a missing or unreadable manifest means for the next one, which it leaves without a
/// predecessor.
fn follows(key: &Path, problem: &Value) -> bool {
    let next = problem["key"].as_str().unwrap();
    key.starts_with("manifests") && next.starts_with("manifests/") && Path::new(next) > key
}

#[test]
fn damage_to_any_part_or_manifest_is_found_and_named() {
    let imported = Imported::new();
    imported.installation.run(&["log", "verify"]).exits(0);
    for prefix in ["clicks", "personal", "manifests/clicks"] {
        for file in three(&imported.archive(), prefix) {
            Damage::ALL.into_iter().for_each(|damage| check(&imported, &file, damage));
        }
    }
    imported.installation.run(&["log", "verify", "--deep"]).exits(0);
}

#[test]
fn verifying_nothing_is_no_success() {
    let installation = crate::installation::Installation::embedded();
    installation.run(&["log", "verify"]).exits(4);
}
