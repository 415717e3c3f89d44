//! How a SQLite file is opened: through one connection that writes, or for reading alone.

use std::{
    fmt::Write as _,
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use sqlx::{
    Connection as _,
    sqlite::{SqliteConnectOptions, SqliteLockingMode, SqlitePoolOptions},
};

/// A pool of one writing connection, which is replaced when a transaction could not be ended.
///
/// On a full disk SQLite undoes the whole transaction by itself. sqlx's own ROLLBACK then fails, and sqlx (0.9)
/// believes for ever that the connection is inside a transaction: nothing could be written again, although there is
/// room.
pub fn one_writer() -> SqlitePoolOptions {
    SqlitePoolOptions::new().max_connections(1).after_release(|connection, _| {
        Box::pin(async move {
            // The ROLLBACK of a dropped transaction is only queued; the answer to a ping comes after it.
            connection.ping().await?;
            Ok(!connection.is_in_transaction())
        })
    })
}

/// How a file is opened of which nothing may change: not the file, not its journal, not what lies beside them.
#[derive(Debug, Clone)]
pub struct ReadOnly {
    /// For every connection.
    pub options: SqliteConnectOptions,
    /// Set if nobody held the file open: then nothing tells when somebody begins to write, and whoever has read looks
    /// whether it was so.
    pub watched: Option<Unchanged>,
    /// Whether a connection must not be closed: SQLite would then clear away the journal.
    pub stays_open: bool,
}

impl ReadOnly {
    /// Looks how the file has to be opened. A program that has it open leaves a journal (`-wal`) and its index (`-shm`)
    /// beside it.
    ///
    /// | journal | index | how |
    /// |---|---|---|
    /// | none, or empty | none | the file alone is all there is, and is read without locks |
    /// | none | there | the same: an index of nothing |
    /// | there | there, held by a program | as any other reader, which marks in the index what it reads |
    /// | there | there, held by none | with the journal; the index is not written |
    /// | there | none | with the journal, whose index is made in memory |
    ///
    /// # Errors
    /// If the file cannot be looked at.
    pub fn of(path: &Path) -> io::Result<Self> {
        let (journal, index) = (beside(path, "-wal"), beside(path, "-shm"));
        let bytes = |path: &Path| match fs::metadata(path) {
            Ok(found) => Ok(Some(found.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        let (journal_bytes, has_index) = (bytes(&journal)?, bytes(&index)?.is_some());
        let options = |query: &str| SqliteConnectOptions::new().filename(uri(path, query)).read_only(true);
        Ok(match (journal_bytes, has_index) {
            (None, _) | (Some(0), false) => {
                let watched = Some(Unchanged::now(&[path.to_owned()])?);
                Self { options: options("immutable=1"), watched, stays_open: false }
            }
            (Some(_), true) => {
                let is_held = is_held(&index) && is_writable(&index);
                let how = if is_held { "readonly_shm=0" } else { "readonly_shm=1" };
                Self { options: options(how), watched: None, stays_open: false }
            }
            (Some(1..), false) => Self {
                options: options("vfs=unix-none").locking_mode(SqliteLockingMode::Exclusive),
                watched: Some(Unchanged::now(&[path.to_owned(), journal])?),
                stays_open: true,
            },
        })
    }
}

/// Whether a program has the database of an index open: it holds a lock on the index for as long. Where locks cannot be
/// listed, one may.
fn is_held(index: &Path) -> bool {
    let (Ok(found), Ok(locks)) = (fs::metadata(index), fs::read_to_string("/proc/locks")) else { return true };
    let inode = format!(":{} ", found.ino());
    locks.lines().any(|lock| lock.contains(&inode))
}

/// Whether somebody may write to what is at `path`: by its permissions, which bind us even where we are root, and by
/// the file system. Nothing is changed.
pub fn is_writable(path: &Path) -> bool {
    let Ok(found) = fs::metadata(path) else { return false };
    let is_permitted = found.permissions().mode() & 0o222 != 0;
    is_permitted && (found.is_dir() || OpenOptions::new().append(true).open(path).is_ok())
}

/// Files as they were at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unchanged {
    files: Vec<(PathBuf, Option<Stamp>)>,
}

/// Which file it is, its size, and when it was written last.
type Stamp = (u64, u64, i64, i64);

impl Unchanged {
    fn now(files: &[PathBuf]) -> io::Result<Self> {
        let stamp = |path: &PathBuf| match fs::metadata(path) {
            Ok(found) => Ok((path.clone(), Some((found.ino(), found.len(), found.mtime(), found.mtime_nsec())))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((path.clone(), None)),
            Err(error) => Err(error),
        };
        Ok(Self { files: files.iter().map(stamp).collect::<io::Result<_>>()? })
    }

    /// The first of them that was changed since.
    pub fn changed(&self) -> Option<&Path> {
        let names: Vec<PathBuf> = self.files.iter().map(|(path, _)| path.clone()).collect();
        let now = Self::now(&names).map(|now| now.files).unwrap_or_default();
        let changed = self.files.iter().enumerate().find(|(index, was)| now.get(*index) != Some(*was));
        changed.map(|(_, (path, _))| path.as_path())
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The file as SQLite takes it with what else is to be said: <https://www.sqlite.org/uri.html>
fn uri(path: &Path, query: &str) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(*byte)),
            other => write!(uri, "%{other:02X}").expect("a string takes all that is written to it"),
        }
    }
    format!("{uri}?mode=ro&{query}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sqlx::{Connection as _, Row as _, SqliteConnection, sqlite::SqliteJournalMode};

    use super::*;

    async fn writer(path: &Path) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        SqliteConnection::connect_with(&options.journal_mode(SqliteJournalMode::Wal)).await.unwrap()
    }

    fn listing(directory: &Path) -> BTreeMap<PathBuf, (Vec<u8>, i64)> {
        let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        entries
            .map(|path| (path.clone(), (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().mtime_nsec())))
            .collect()
    }

    /// What is read of a copy; and whether the copy is as it was.
    async fn read(path: &Path) -> i64 {
        let before = listing(path.parent().unwrap());
        let opened = ReadOnly::of(path).unwrap();
        let mut connection = SqliteConnection::connect_with(&opened.options).await.unwrap();
        let rows = sqlx::query("SELECT COUNT(*) FROM t").fetch_one(&mut connection).await.unwrap().get(0);
        sqlx::query("INSERT INTO t VALUES (9)").execute(&mut connection).await.unwrap_err();
        match opened.stays_open {
            true => std::mem::forget(connection),
            false => connection.close().await.unwrap(),
        }
        assert!(opened.watched.is_none_or(|watched| watched.changed().is_none()));
        assert_eq!(listing(path.parent().unwrap()), before, "{}", path.display());
        rows
    }

    #[tokio::test]
    async fn a_copy_gives_rows_that_are_in_its_journal_alone_and_stays_as_it_was() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("a file?.sqlite");
        let mut writer = writer(&file).await;
        for statement in ["CREATE TABLE t (x)", "INSERT INTO t VALUES (1)", "PRAGMA wal_checkpoint(TRUNCATE)"] {
            sqlx::query(statement).execute(&mut writer).await.unwrap();
        }
        sqlx::query("INSERT INTO t VALUES (2)").execute(&mut writer).await.unwrap();
        let copy = |name: &str, suffixes: &[&str]| {
            let directory = home.path().join(name);
            fs::create_dir(&directory).unwrap();
            for suffix in suffixes {
                fs::copy(beside(&file, suffix), directory.join(format!("t.sqlite{suffix}"))).unwrap();
            }
            directory.join("t.sqlite")
        };
        assert_eq!(read(&copy("all", &["", "-wal", "-shm"])).await, 2);
        assert_eq!(read(&copy("without index", &["", "-wal"])).await, 2);
        assert_eq!(read(&copy("file alone", &[""])).await, 1);
        // A journal of nothing.
        let empty = copy("empty journal", &[""]);
        fs::write(beside(&empty, "-wal"), "").unwrap();
        assert_eq!(read(&empty).await, 1);
        let torn = copy("torn journal", &[""]);
        fs::write(beside(&torn, "-wal"), [0; 4_000]).unwrap();
        assert_eq!(read(&torn).await, 1);
        writer.close().await.unwrap();
        assert_eq!(read(&{ copy("closed", &[""]) }).await, 2);
    }

    #[tokio::test]
    async fn a_reader_beside_a_writer_sees_what_is_committed() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("t.sqlite");
        let mut writer = writer(&file).await;
        for statement in ["CREATE TABLE t (x)", "INSERT INTO t VALUES (1)"] {
            sqlx::query(statement).execute(&mut writer).await.unwrap();
        }
        let opened = ReadOnly::of(&file).unwrap();
        let mut reader = SqliteConnection::connect_with(&opened.options).await.unwrap();
        for expected in 2..40_i64 {
            sqlx::query("INSERT INTO t VALUES (1)").execute(&mut writer).await.unwrap();
            let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM t").fetch_one(&mut reader).await.unwrap();
            assert_eq!(rows, expected);
        }
    }

    #[test]
    fn what_nobody_may_write_is_known_even_to_root() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        fs::write(&file, "x").unwrap();
        assert!(is_writable(&file) && is_writable(home.path()));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
        assert!(!is_writable(&file) && !is_writable(&home.path().join("none")));
    }
}
