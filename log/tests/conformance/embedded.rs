//! The embedded log: the suite, and damage to its file.

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use clicktrail_log::{
    embedded::EmbeddedLog,
    log::{Error, Log, Stream},
    position::Seq,
    time::{Clock, ManualClock, Timestamp},
};
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;

use crate::{
    bed::{Bed, conform},
    frames::{append_surely, assert_holds, frames, read_all, seq},
};

/// No case looks at the time.
fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000)))
}

pub(crate) struct Embedded(TempDir, Stream);

impl Embedded {
    pub(crate) fn new() -> Self {
        Self::of(Stream::Clicks)
    }

    fn of(stream: Stream) -> Self {
        Self(TempDir::new().unwrap(), stream)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join(format!("{}.log", self.1))
    }

    /// Changes the file as somebody could with another program: the triggers are removed first.
    async fn tamper(&self, statement: &'static str) {
        let mut connection = SqliteConnection::connect(self.path().to_str().unwrap()).await.unwrap();
        for drop in ["DROP TRIGGER frames_never_change", "DROP TRIGGER frames_leave_only_by_trim"] {
            sqlx::raw_sql(drop).execute(&mut connection).await.unwrap();
        }
        let done = sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
        assert_eq!(done.rows_affected(), 1);
        connection.close().await.unwrap();
    }
}

#[async_trait]
impl Bed for Embedded {
    async fn open(&self) -> Box<dyn Log> {
        Box::new(EmbeddedLog::open(&self.path(), self.1, clock()).await.unwrap())
    }

    /// What a crash leaves on the disk: the file and its write-ahead log, as they are.
    async fn crash(&mut self) {
        // Dropped handles close a little later, and the last one removes the write-ahead log. If that happens during
        // the copy, copy again.
        let after = (0..100).find_map(|_| copy(self.0.path()).ok());
        self.0 = after.expect("the files stand still at last");
    }
}

fn copy(from: &std::path::Path) -> std::io::Result<TempDir> {
    let after = TempDir::new()?;
    for entry in from.read_dir()? {
        let file = entry?.path();
        // The shared-memory index is rebuilt from the write-ahead log.
        if !file.to_string_lossy().ends_with("-shm") {
            std::fs::copy(&file, after.path().join(file.file_name().unwrap()))?;
        }
    }
    Ok(after)
}

conform!(Embedded::new());

mod invoices {
    use super::*;

    conform!(Embedded::of(Stream::Invoices));
}

#[tokio::test]
async fn abandoned_append_then_resend_leaves_one_copy() {
    let bed = Embedded::new();
    let log = bed.open().await;
    let sent = frames(1, 40);
    for (frame, number) in sent.iter().zip(0..) {
        // Each append is abandoned a little later than the one before: before its transaction, inside it, after it.
        let _ = tokio::time::timeout(Duration::from_micros(number * 50), log.append(frame)).await;
        append_surely(&*log, frame).await;
    }
    assert_holds(&*log, &sent).await;
}

/// The error that a reader gets from a log of five frames after `statement` changed its file.
async fn read_after(statement: &'static str) -> Error {
    let bed = Embedded::new();
    let log = bed.open().await;
    for frame in frames(1, 5) {
        log.append(&frame).await.unwrap();
    }
    drop(log);
    bed.tamper(statement).await;
    read_all(&*bed.open().await, Seq::FIRST).await.unwrap_err()
}

#[tokio::test]
async fn changed_payload_is_corrupt() {
    let error = read_after("UPDATE frames SET payload = zeroblob(length(payload)) WHERE seq = 3").await;
    assert!(matches!(error, Error::Corrupt { seq: found, .. } if found == seq(3)), "{error:?}");
}

#[tokio::test]
async fn unreadable_row_is_corrupt() {
    let error = read_after("UPDATE frames SET writer = x'00' WHERE seq = 3").await;
    assert!(matches!(error, Error::Corrupt { seq: found, .. } if found == seq(3)), "{error:?}");
}

#[tokio::test]
async fn missing_row_is_a_gap() {
    let error = read_after("DELETE FROM frames WHERE seq = 3").await;
    let expected = |found: Option<Seq>| found == Some(seq(4));
    assert!(
        matches!(error, Error::Gap { expected: hole, found, .. } if hole == seq(3) && expected(found)),
        "{error:?}"
    );
}

#[tokio::test]
async fn missing_last_row_is_a_gap() {
    let error = read_after("DELETE FROM frames WHERE seq = 5").await;
    assert!(matches!(error, Error::Gap { expected, found: None, .. } if expected == seq(5)), "{error:?}");
}

#[tokio::test]
async fn log_of_another_stream_is_refused() {
    for stream in Stream::ALL {
        let bed = Embedded::of(stream);
        drop(bed.open().await);
        for other in Stream::ALL.into_iter().filter(|other| *other != stream) {
            let refused = EmbeddedLog::open(&bed.path(), other, clock()).await;
            assert!(matches!(refused, Err(Error::Fatal(_))), "{stream} as {other}: {refused:?}");
        }
    }
}
