//! A local directory as the archive's store: a file is written beside its place and fsynced, and only then gets its
//! name. So a power loss leaves a file whole or not there, never a manifest over nothing. `object_store` gives names
//! first, and fsyncs nothing.

use std::{
    collections::HashSet,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// The directory, and what is known to be durable of it.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// Directories whose entry in their parent is durable.
    durable: Mutex<HashSet<PathBuf>>,
    /// Files that were begun, for their names.
    begun: AtomicU64,
}

impl Directory {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, durable: Mutex::default(), begun: AtomicU64::new(0) }
    }

    /// Creates a file; `false` if one is there.
    pub(super) fn create(&self, file: &str, bytes: &[u8]) -> io::Result<bool> {
        let begun = self.begin(file, bytes)?;
        let linked = fs::hard_link(&begun, self.path.join(file));
        fs::remove_file(&begun)?;
        match linked {
            Ok(()) => self.sync_entry(file).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Puts a file in the place of the one that may be there.
    pub(super) fn replace(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        let begun = self.begin(file, bytes)?;
        fs::rename(&begun, self.path.join(file)).inspect_err(|_| drop(fs::remove_file(&begun)))?;
        self.sync_entry(file)
    }

    /// Makes a file durable that is there already.
    pub(super) fn sync(&self, file: &str) -> io::Result<()> {
        fsync(&self.path.join(file))?;
        self.sync_entry(file)
    }

    /// Removes a file, if it is there.
    pub(super) fn remove(&self, file: &str) -> io::Result<()> {
        match fs::remove_file(self.path.join(file)) {
            Ok(()) => self.sync_entry(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Removes what was begun in a folder by processes that died, if it was written before an instant in microseconds.
    /// Returns how many such files are younger: somebody may be writing them.
    pub(super) fn remove_torn(&self, folder: &str, before_micros: i64) -> io::Result<u64> {
        let entries = match fs::read_dir(self.path.join(folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(error),
        };
        let mut younger = 0;
        for entry in entries {
            let entry = entry?;
            let is_torn = entry.file_name().to_str().is_some_and(|name| name.contains('#'));
            if !is_torn || !entry.file_type()?.is_file() {
                continue;
            }
            let age = entry.metadata()?.modified()?.duration_since(std::time::UNIX_EPOCH);
            let written = age.ok().and_then(|age| i64::try_from(age.as_micros()).ok()).unwrap_or(i64::MAX);
            if written < before_micros {
                fs::remove_file(entry.path())?;
            } else {
                younger += 1;
            }
        }
        Ok(younger)
    }

    /// Writes a file under another name, which listings of the store do not show: `#` and digits behind its own.
    fn begin(&self, file: &str, bytes: &[u8]) -> io::Result<PathBuf> {
        let place = self.path.join(file);
        let above = place.parent().unwrap_or(&self.path);
        fs::create_dir_all(above)?;
        loop {
            let number = self.begun.fetch_add(1, Ordering::Relaxed);
            let begun = self.path.join(format!("{file}#{}{number:09}", std::process::id()));
            let mut written = match fs::OpenOptions::new().write(true).create_new(true).open(&begun) {
                Ok(written) => written,
                // An earlier process of this number died here.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            };
            let done = written.write_all(bytes).and_then(|()| written.sync_all());
            return done.map(|()| begun.clone()).inspect_err(|_| drop(fs::remove_file(&begun)));
        }
    }

    /// Fsyncs the entry of the file in its directory, then that of every directory that may be new.
    fn sync_entry(&self, file: &str) -> io::Result<()> {
        let file = self.path.join(file);
        let mut above = file.ancestors().skip(1).take_while(|above| above.starts_with(&self.path));
        let Some(mut directory) = above.next() else { return Ok(()) };
        fsync(directory)?;
        for parent in above {
            if self.durable.lock().unwrap_or_else(PoisonError::into_inner).contains(directory) {
                break;
            }
            fsync(parent)?;
            self.durable.lock().unwrap_or_else(PoisonError::into_inner).insert(directory.to_owned());
            directory = parent;
        }
        Ok(())
    }
}

fn fsync(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_created_once_and_replaced_whole_and_nothing_is_left_beside_it() {
        let home = tempfile::tempdir().unwrap();
        let directory = Directory::new(home.path().to_owned());
        let read = || fs::read_to_string(home.path().join("a/b/c.json")).unwrap();
        // An earlier process with this number died while it wrote.
        fs::create_dir_all(home.path().join("a/b")).unwrap();
        let torn = home.path().join(format!("a/b/c.json#{}{:09}", std::process::id(), 0));
        fs::write(&torn, "to").unwrap();
        assert!(directory.create("a/b/c.json", b"one").unwrap());
        assert!(!directory.create("a/b/c.json", b"two").unwrap());
        assert_eq!(read(), "one");
        directory.replace("a/b/c.json", b"three").unwrap();
        directory.sync("a/b/c.json").unwrap();
        assert_eq!(read(), "three");
        fs::remove_file(torn).unwrap();
        assert_eq!(fs::read_dir(home.path().join("a/b")).unwrap().count(), 1);
    }

    #[test]
    fn a_place_where_nothing_can_be_written_is_an_error_and_keeps_what_was_there() {
        let home = tempfile::tempdir().unwrap();
        let directory = Directory::new(home.path().to_owned());
        assert!(directory.create("a", b"file").unwrap());
        directory.create("a/b", b"below a file").unwrap_err();
        directory.replace("a/b", b"below a file").unwrap_err();
        assert_eq!(fs::read(home.path().join("a")).unwrap(), b"file");
    }
}
