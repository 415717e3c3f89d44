//! The log in one SQLite file: the default that needs no set-up, the spool while the broker is away, and, with a clock
//! of its own, the test bed that seals thirty days in seconds.
//!
//! Write-ahead logging with `synchronous=FULL`: a commit returns after its fsync. One frame is one row. Triggers
//! refuse every UPDATE, and every DELETE above the trim mark, so that no bug of ours can change what was acknowledged.

#![expect(clippy::disallowed_methods, reason = "a reader waits for frames until its deadline")]

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::{
    Row as _, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};
use tokio::sync::watch;
use uuid::Uuid;

use self::identities::{Known, find, remember};
use crate::{
    frame::{Digest, Frame, Header},
    invariant,
    log::{Appended, Condition, Durability, Error, Info, Log, Logged, ReadLimit, Stream, check_begins},
    position::{Epoch, Seq},
    sqlite::{ReadOnly, one_writer},
    time::{Clock, Timestamp},
};

/// What `PRAGMA user_version` says in a log that this program can use.
const FILE_VERSION: i64 = 1;
/// How often a reader at the tail looks for frames that another process appended.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

const CREATE: &str = "
CREATE TABLE IF NOT EXISTS log (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    stream TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    -- the first frame that is kept; what lies before was trimmed
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS frames (
    seq INTEGER PRIMARY KEY,
    logged_at INTEGER NOT NULL,
    format INTEGER NOT NULL,
    schema_id TEXT NOT NULL,
    rows INTEGER NOT NULL,
    writer BLOB NOT NULL,
    writer_epoch INTEGER NOT NULL,
    number INTEGER NOT NULL,
    payload_digest BLOB NOT NULL,
    previous BLOB NOT NULL,
    first_captured INTEGER NOT NULL,
    last_captured INTEGER NOT NULL,
    payload BLOB NOT NULL
) STRICT;
-- Who wrote what first, kept after a trim: a frame is never appended twice, however late it is sent again.
CREATE TABLE IF NOT EXISTS identities (
    writer BLOB NOT NULL,
    writer_epoch INTEGER NOT NULL,
    number INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    header_digest BLOB NOT NULL,
    PRIMARY KEY (writer, writer_epoch, number)
) STRICT, WITHOUT ROWID;
-- Frames of a number that another frame had before, which is in identities. A table of its own, so that logs of earlier
-- programs need no migration.
CREATE TABLE IF NOT EXISTS forks (
    writer BLOB NOT NULL,
    writer_epoch INTEGER NOT NULL,
    number INTEGER NOT NULL,
    header_digest BLOB NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (writer, writer_epoch, number, header_digest)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS forks_never_change BEFORE UPDATE ON forks
BEGIN SELECT RAISE(ABORT, 'an identity never changes'); END;
CREATE TRIGGER IF NOT EXISTS forks_never_leave BEFORE DELETE ON forks
BEGIN SELECT RAISE(ABORT, 'an identity never leaves'); END;
CREATE TRIGGER IF NOT EXISTS frames_never_change BEFORE UPDATE ON frames
BEGIN SELECT RAISE(ABORT, 'a logged frame never changes'); END;
CREATE TRIGGER IF NOT EXISTS frames_leave_only_by_trim BEFORE DELETE ON frames
WHEN OLD.seq >= (SELECT first_seq FROM log)
BEGIN SELECT RAISE(ABORT, 'a frame leaves the log only below the trim mark'); END;
CREATE TRIGGER IF NOT EXISTS identities_never_change BEFORE UPDATE ON identities
BEGIN SELECT RAISE(ABORT, 'an identity never changes'); END;
CREATE TRIGGER IF NOT EXISTS identities_never_leave BEFORE DELETE ON identities
BEGIN SELECT RAISE(ABORT, 'an identity never leaves'); END;
";

const INSERT_FRAME: &str = "INSERT INTO frames (seq, logged_at, format, schema_id, rows, writer, writer_epoch, number, \
     payload_digest, previous, first_captured, last_captured, payload) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";

/// A log in a SQLite file.
#[derive(Debug, Clone)]
pub struct EmbeddedLog {
    /// One connection, because SQLite has one writer.
    write: SqlitePool,
    read: SqlitePool,
    clock: Arc<dyn Clock>,
    epoch: Epoch,
    /// The last frame appended through this handle. A change wakes readers at the tail.
    appended: watch::Sender<Seq>,
    /// Set if it was opened for reading alone.
    is_read_only: bool,
}

impl EmbeddedLog {
    /// Opens the log of `stream` in the file at `path`, and creates it if there is none.
    ///
    /// # Errors
    /// [`Error::Fatal`] if the file is not a log, is the log of another stream, or was written by a later version;
    /// [`Error::Unavailable`] if it cannot be opened.
    pub async fn open(path: &Path, stream: Stream, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10));
        let open = |error: sqlx::Error| Error::Unavailable(format!("open {}: {error}", path.display()));
        let write = one_writer().connect_with(options.clone()).await.map_err(open)?;
        let epoch = prepare(&write, stream, path).await?;
        let read = SqlitePoolOptions::new().max_connections(4).connect_with(options).await.map_err(open)?;
        Ok(Self { write, read, clock, epoch, appended: watch::channel(Seq::ZERO).0, is_read_only: false })
    }

    /// Opens the log in the file `path`, which is there, for reading: nothing of it or beside it is changed. `None` if
    /// nothing was ever written into the file.
    ///
    /// # Errors
    /// As [`EmbeddedLog::open`].
    pub async fn open_reading(
        path: &Path,
        stream: Stream,
        clock: Arc<dyn Clock>,
    ) -> Result<Option<(Self, ReadOnly)>, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::Fatal(format!("read {}: {error}", path.display()));
        let how = ReadOnly::of(path).map_err(|error| failed(&error))?;
        let options = how.options.clone().busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new().max_connections(4).idle_timeout(None).max_lifetime(None);
        let read = pool.connect_with(options).await.map_err(|error| failed(&error))?;
        let version: i64 =
            sqlx::query_scalar("PRAGMA user_version").fetch_one(&read).await.map_err(|error| failed(&error))?;
        if version > FILE_VERSION {
            return Err(later_version(path, version));
        }
        let tables = "SELECT COUNT(*) FROM sqlite_master";
        let tables: i64 = sqlx::query_scalar(tables).fetch_one(&read).await.map_err(|error| failed(&error))?;
        if tables == 0 {
            return Ok(None);
        }
        let epoch = check_stream(&read, stream, path).await?;
        if how.stays_open {
            std::mem::forget(read.clone());
        }
        let appended = watch::channel(Seq::ZERO).0;
        Ok(Some((Self { write: read.clone(), read, clock, epoch, appended, is_read_only: true }, how)))
    }

    /// Refuses to write where only reading was asked for: trying again would not help.
    fn check_writable(&self) -> Result<(), Error> {
        match self.is_read_only {
            true => Err(Error::Fatal("this log was opened for reading alone".to_owned())),
            false => Ok(()),
        }
    }

    async fn append_on(&self, frame: &Frame, condition: Option<Condition>) -> Result<Appended, Error> {
        self.check_writable()?;
        let appended = self.append_once(frame, condition).await?;
        self.appended.send_replace(appended.seq);
        Ok(appended)
    }

    async fn append_once(&self, frame: &Frame, condition: Option<Condition>) -> Result<Appended, AppendError> {
        let digest = frame.header.digest();
        let mut tx = self.write.begin_with("BEGIN IMMEDIATE").await.map_err(AppendError::Before)?;
        let known = find(&mut tx, &frame.header, &digest).await.map_err(AppendError::Before)?;
        if let Known::Same(seq) = known {
            let seq = Seq::from_i64(seq)
                .ok_or_else(|| AppendError::Log(Error::Fatal("an identity without a sequence".into())))?;
            return Ok(Appended { seq, duplicate: true });
        }
        match condition {
            Some(Condition::NumberUnused) if known != Known::Unused => {
                return Err(AppendError::Log(Error::Conflict(frame.header.message_id())));
            }
            Some(Condition::Behind(expected)) => {
                let last: i64 = sqlx::query_scalar("SELECT last_seq FROM log")
                    .fetch_one(&mut *tx)
                    .await
                    .map_err(AppendError::Before)?;
                if last != expected.as_i64() {
                    return Err(AppendError::Log(Error::Moved(expected)));
                }
            }
            Some(Condition::NumberUnused) | None => {}
        }
        let last: i64 = sqlx::query_scalar("UPDATE log SET last_seq = last_seq + 1 RETURNING last_seq")
            .fetch_one(&mut *tx)
            .await
            .map_err(AppendError::Before)?;
        let seq = Seq::from_i64(last)
            .ok_or_else(|| AppendError::Log(Error::Full("the log has used all its sequences".into())))?;
        let earlier = *self.appended.borrow();
        invariant!(I1, seq > earlier, "frame {seq} is given out again, after {earlier}");
        insert(&mut tx, seq, self.clock.now(), frame).await.map_err(AppendError::Before)?;
        remember(&mut tx, seq, &frame.header, &digest, known == Known::Unused).await.map_err(AppendError::Before)?;
        tx.commit().await.map_err(AppendError::Commit)?;
        Ok(Appended { seq, duplicate: false })
    }

    async fn read_now(&self, from: Seq, limit: ReadLimit) -> Result<(Vec<Logged>, Info), Error> {
        // One transaction, so that range and frames are of the same moment.
        let mut tx = self.read.begin().await.map_err(unavailable)?;
        let row = sqlx::query("SELECT first_seq, last_seq, 0, epoch FROM log").fetch_one(&mut *tx).await;
        let row = row.map_err(unavailable)?;
        let info = info_of(&row, self.epoch)?;
        if from < info.first && from <= info.last {
            return Err(Error::Trimmed { from, first: info.first });
        }
        if from > info.last.next() {
            return Err(Error::Gap { expected: info.last.next(), found: None, last: info.last });
        }
        let mut frames: Vec<Logged> = Vec::new();
        let mut bytes = 0;
        let mut expected = from;
        while expected <= info.last && frames.len() < limit.frames.max(1) && (frames.is_empty() || bytes < limit.bytes)
        {
            let row = sqlx::query("SELECT * FROM frames WHERE seq >= $1 ORDER BY seq LIMIT 1")
                .bind(expected.as_i64())
                .fetch_optional(&mut *tx)
                .await
                .map_err(unavailable)?;
            let found = row.as_ref().and_then(|row| Seq::from_i64(row.get("seq")));
            let (Some(row), true) = (row, found == Some(expected)) else {
                return Err(Error::Gap { expected, found, last: info.last });
            };
            let logged = logged(&row, expected).map_err(|reason| Error::Corrupt { seq: expected, reason })?;
            bytes += logged.frame.payload.len();
            frames.push(logged);
            expected = expected.next();
        }
        let first = frames.first().map(|logged| logged.seq);
        invariant!(I1, first == (from <= info.last).then_some(from), "a reader at {from} is given {first:?}");
        Ok((frames, info))
    }
}

async fn prepare(pool: &SqlitePool, stream: Stream, path: &Path) -> Result<Epoch, Error> {
    let broken = |error: sqlx::Error| Error::Fatal(format!("prepare {}: {error}", path.display()));
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(pool).await.map_err(broken)?;
    if version > FILE_VERSION {
        return Err(later_version(path, version));
    }
    sqlx::raw_sql(CREATE).execute(pool).await.map_err(broken)?;
    sqlx::raw_sql("PRAGMA user_version = 1").execute(pool).await.map_err(broken)?;
    sqlx::query("INSERT OR IGNORE INTO log VALUES (1, $1, $2, 1, 0)")
        .bind(stream.as_str())
        .bind(i64::from(Epoch::FIRST.get()))
        .execute(pool)
        .await
        .map_err(broken)?;
    check_stream(pool, stream, path).await
}

fn later_version(path: &Path, version: i64) -> Error {
    let path = path.display();
    Error::Fatal(format!("{path} was written by a later version of clicktrail (file version {version})"))
}

/// The epoch of the log in a file, if it is the log of this stream.
async fn check_stream(pool: &SqlitePool, stream: Stream, path: &Path) -> Result<Epoch, Error> {
    let fatal = |what: &str| Error::Fatal(format!("{} {what}", path.display()));
    let found = sqlx::query("SELECT stream, epoch FROM log").fetch_one(pool).await;
    let row = found.map_err(|error| fatal(&format!("is no log: {error}")))?;
    let found: String = row.get(0);
    if found != stream.as_str() {
        return Err(fatal(&format!("holds the {found} stream, not {stream}")));
    }
    Epoch::new(row.get(1)).ok_or_else(|| fatal("has an epoch outside 1..=127"))
}

async fn insert(tx: &mut sqlx::SqliteConnection, seq: Seq, now: Timestamp, frame: &Frame) -> Result<(), sqlx::Error> {
    let header = &frame.header;
    let writer = header.writer.as_bytes().as_slice();
    let frames = sqlx::query(INSERT_FRAME)
        .bind(seq.as_i64())
        .bind(now.micros())
        .bind(i64::from(header.format))
        .bind(&header.schema_id)
        .bind(i64::from(header.rows))
        .bind(writer)
        .bind(i64::from(header.writer_epoch))
        .bind(as_i64(header.number))
        .bind(header.payload_digest.0.as_slice())
        .bind(header.previous.0.as_slice())
        .bind(header.first_captured.micros())
        .bind(header.last_captured.micros())
        .bind(frame.payload.as_ref())
        .execute(&mut *tx)
        .await?
        .rows_affected();
    invariant!(I1, frames == 1, "frame {seq} is {frames} rows");
    Ok(())
}

/// Where an append failed: that decides what is known of its outcome.
enum AppendError {
    /// Before the commit: nothing was appended.
    Before(sqlx::Error),
    /// In the commit: the frame may have been appended.
    Commit(sqlx::Error),
    Log(Error),
}

impl From<AppendError> for Error {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Before(error) if is_full(&error) => Self::Full(error.to_string()),
            AppendError::Before(error) => Self::Unavailable(error.to_string()),
            AppendError::Commit(error) => Self::UnknownOutcome(error.to_string()),
            AppendError::Log(error) => error,
        }
    }
}

/// SQLITE_FULL, primary code 13: the disk or a quota is full.
fn is_full(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == "13")
}

fn unavailable(error: sqlx::Error) -> Error {
    Error::Unavailable(error.to_string())
}

fn as_i64(number: u64) -> i64 {
    i64::try_from(number).expect("a frame number counts appends and never nears 2^63")
}

fn info_of(row: &SqliteRow, epoch: Epoch) -> Result<Info, Error> {
    let seq = |index: usize| {
        Seq::from_i64(row.get(index)).ok_or_else(|| Error::Fatal("the log's range is out of bounds".into()))
    };
    let bytes = u64::try_from(row.get::<i64, _>(2)).unwrap_or(0);
    let now = Epoch::new(row.get(3));
    if now != Some(epoch) {
        let now = now.map_or(0, Epoch::get);
        return Err(Error::Fatal(format!(
            "the log is in epoch {now}, and was opened in epoch {}: open it again",
            epoch.get()
        )));
    }
    Ok(Info { epoch, first: seq(0)?, last: seq(1)?, bytes })
}

fn logged(row: &SqliteRow, seq: Seq) -> Result<Logged, String> {
    fn column<'r, T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>>(
        row: &'r SqliteRow,
        name: &str,
    ) -> Result<T, String> {
        row.try_get(name).map_err(|error| error.to_string())
    }
    fn number<T: TryFrom<i64>>(row: &SqliteRow, name: &str) -> Result<T, String> {
        T::try_from(column::<i64>(row, name)?).map_err(|_| format!("{name} is out of range"))
    }
    let digest = |name: &str| -> Result<Digest, String> {
        let bytes: &[u8] = column(row, name)?;
        bytes.try_into().map(Digest).map_err(|_| format!("{name} has {} bytes, not 32", bytes.len()))
    };
    let header = Header {
        format: number(row, "format")?,
        schema_id: column(row, "schema_id")?,
        rows: number(row, "rows")?,
        writer: Uuid::from_slice(column(row, "writer")?).map_err(|error| error.to_string())?,
        writer_epoch: number(row, "writer_epoch")?,
        number: number(row, "number")?,
        payload_digest: digest("payload_digest")?,
        previous: digest("previous")?,
        first_captured: Timestamp::from_micros(column(row, "first_captured")?),
        last_captured: Timestamp::from_micros(column(row, "last_captured")?),
    };
    let payload = Bytes::from(column::<Vec<u8>>(row, "payload")?);
    Ok(Logged { seq, logged_at: Timestamp::from_micros(column(row, "logged_at")?), frame: Frame { header, payload } })
}

#[async_trait]
impl Log for EmbeddedLog {
    async fn append(&self, frame: &Frame) -> Result<Appended, Error> {
        self.append_on(frame, None).await
    }

    async fn append_if(&self, frame: &Frame, condition: Condition) -> Result<Appended, Error> {
        self.append_on(frame, Some(condition)).await
    }

    async fn read(&self, from: Seq, limit: ReadLimit) -> Result<Vec<Logged>, Error> {
        let deadline = tokio::time::Instant::now() + limit.wait;
        let mut appended = self.appended.subscribe();
        loop {
            appended.mark_unchanged();
            let (frames, _) = self.read_now(from, limit).await?;
            let now = tokio::time::Instant::now();
            if !frames.is_empty() || now >= deadline {
                return Ok(frames);
            }
            let until = deadline.min(now + POLL_INTERVAL);
            // Look again, whichever comes first: a frame through this handle, or the time to look for frames of
            // other processes.
            let _ = tokio::time::timeout_at(until, appended.changed()).await;
        }
    }

    async fn info(&self) -> Result<Info, Error> {
        let row = sqlx::query("SELECT first_seq, last_seq, (SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()), epoch FROM log")
            .fetch_one(&self.read)
            .await
            .map_err(unavailable)?;
        info_of(&row, self.epoch)
    }

    async fn trim(&self, first_kept: Seq) -> Result<(), Error> {
        self.check_writable()?;
        let last = self.info().await?.last;
        if first_kept > last.next() {
            return Err(Error::Gap { expected: first_kept.previous(), found: None, last });
        }
        let mut tx = self.write.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
        let first: i64 = sqlx::query_scalar("UPDATE log SET first_seq = MAX(first_seq, $1) RETURNING first_seq")
            .bind(first_kept.as_i64())
            .fetch_one(&mut *tx)
            .await
            .map_err(unavailable)?;
        invariant!(I1, first >= first_kept.as_i64(), "trimmed to {first_kept}, the log begins at {first}");
        let delete = sqlx::query("DELETE FROM frames WHERE seq < $1").bind(first_kept.as_i64());
        delete.execute(&mut *tx).await.map_err(unavailable)?;
        tx.commit().await.map_err(|error| Error::UnknownOutcome(error.to_string()))
    }

    async fn begin_epoch(&self, epoch: Epoch, first: Seq) -> Result<(), Error> {
        self.check_writable()?;
        let info = self.info().await?;
        check_begins(&info, epoch, first)?;
        let mut tx = self.write.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
        let range = "UPDATE log SET epoch = $1, first_seq = $2, last_seq = $2 - 1 WHERE last_seq <= $2 - 1";
        let range = sqlx::query(range).bind(i64::from(epoch.get())).bind(first.as_i64());
        let changed = range.execute(&mut *tx).await.map_err(unavailable)?.rows_affected();
        invariant!(I1, changed == 1, "frame {first} lies behind frame {}, and no epoch began there", info.last);
        // They lie below the trim mark now.
        let delete = sqlx::query("DELETE FROM frames WHERE seq < $1").bind(first.as_i64());
        delete.execute(&mut *tx).await.map_err(unavailable)?;
        tx.commit().await.map_err(|error| Error::UnknownOutcome(error.to_string()))
    }

    async fn scrub(&self) -> Result<(), Error> {
        self.check_writable()?;
        scrub::scrub(&self.write).await
    }

    async fn durability(&self) -> Result<Durability, Error> {
        let mode: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&self.write).await.map_err(unavailable)?;
        // 2 is FULL, 3 is EXTRA: https://www.sqlite.org/pragma.html#pragma_synchronous
        Ok(if mode >= 2 { Durability::Fsync } else { Durability::Weak(format!("SQLite runs with synchronous={mode}")) })
    }
}

mod identities;
mod scrub;
#[cfg(test)]
mod tests;
