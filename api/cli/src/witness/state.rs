//! What a witness remembers: of each log the last checkpoint that it signed. It stands in a file before anybody is
//! answered; a file that cannot be read is an error, never an empty memory.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, ensure};
use clicktrail_evidence::Hash;
use serde::{Deserialize, Serialize};

const VERSION: u32 = 1;

/// The last checkpoint of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Known {
    /// Its entries.
    pub(super) size: u64,
    /// Their root.
    pub(super) root: Hash,
    /// As it was signed, with our signature.
    pub(super) note: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    /// By the name of the log.
    logs: BTreeMap<String, Known>,
}

/// The memory of a witness.
#[derive(Debug)]
pub(super) struct State {
    path: PathBuf,
    known: BTreeMap<String, Known>,
    #[expect(dead_code, reason = "held for its lock, which ends with the process")]
    lock: File,
}

impl State {
    /// Opens it; a file that does not exist begins empty.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let context = || format!("open the state of the witness {}", path.display());
        let mut beside = path.as_os_str().to_owned();
        beside.push(".lock");
        let lock = OpenOptions::new().create(true).append(true).open(&beside).with_context(context)?;
        lock.try_lock().map_err(|_| anyhow!("another witness writes to {}: stop it first", path.display()))?;
        let known = match std::fs::read(path) {
            Ok(bytes) => {
                let stored: Stored = serde_json::from_slice(&bytes).with_context(context)?;
                let version = stored.version;
                ensure!(version == VERSION, "{} has version {version}, which is not known here", path.display());
                stored.logs
            }
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(context),
        };
        Ok(Self { path: path.to_owned(), known, lock })
    }

    /// What was signed last of a log.
    pub(super) fn get(&self, origin: &str) -> Option<&Known> {
        self.known.get(origin)
    }

    /// The same, by the hash of its name.
    pub(super) fn of_hash(&self, origin_hash: &str) -> Option<&Known> {
        let of_it = |origin: &&String| Hash::of(origin.as_bytes()).to_string() == origin_hash;
        self.known.keys().find(of_it).and_then(|origin| self.known.get(origin))
    }

    /// Remembers a checkpoint. When it returns, the memory survives a power loss; if it fails, nothing may be answered,
    /// and what was remembered before stands.
    pub(super) fn remember(&mut self, origin: &str, known: Known) -> anyhow::Result<()> {
        let mut logs = self.known.clone();
        logs.insert(origin.to_owned(), known);
        let stored = Stored { version: VERSION, logs };
        let mut fresh = self.path.as_os_str().to_owned();
        fresh.push(".new");
        let write = || -> anyhow::Result<()> {
            let mut file = File::create(&fresh)?;
            file.write_all(&serde_json::to_vec_pretty(&stored)?)?;
            file.sync_all()?;
            std::fs::rename(&fresh, &self.path)?;
            let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
            Ok(File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?)
        };
        write().with_context(|| format!("write {}", self.path.display()))?;
        self.known = stored.logs;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_signed_is_remembered_over_a_restart_and_never_forgotten_by_damage() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        let known = |size| Known { size, root: Hash::of(&[1]), note: "note\n".to_owned() };
        let mut state = State::open(&path).unwrap();
        assert_eq!(state.get("a"), None);
        state.remember("a", known(1)).unwrap();
        state.remember("b", known(5)).unwrap();
        state.remember("a", known(2)).unwrap();
        assert!(State::open(&path).is_err(), "another process has it");
        drop(state);
        let state = State::open(&path).unwrap();
        assert_eq!((state.get("a"), state.get("b")), (Some(&known(2)), Some(&known(5))));
        assert_eq!(state.of_hash(&Hash::of(b"b").to_string()), Some(&known(5)));
        drop(state);
        let whole = std::fs::read_to_string(&path).unwrap();
        for text in ["", &whole[..whole.len() / 2], &whole.replace("\"version\": 1", "\"version\": 2")] {
            std::fs::write(&path, text).unwrap();
            assert!(State::open(&path).is_err(), "{text}");
        }
    }
}
