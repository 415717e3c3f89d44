use super::*;
use crate::{
    frame::Writer,
    testing::{clicks, clock},
};

/// Stands for a full disk: SQLite answers both with SQLITE_FULL.
async fn limit_pages(log: &EmbeddedLog, pages: u32) {
    let pragma = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
    sqlx::query(pragma).execute(&log.write).await.unwrap();
}

#[tokio::test]
async fn full_disk_refuses_the_frame_and_takes_it_when_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.sqlite");
    let log = EmbeddedLog::open(&path, Stream::Clicks, clock()).await.unwrap();
    let mut writer = Writer::new(Uuid::from_u128(1), 1);
    let at = Timestamp::from_micros(0);
    limit_pages(&log, 60).await;
    let mut kept = Vec::new();
    let refused = loop {
        let frame = writer.seal(&clicks(0..200, 0), (at, at)).unwrap();
        match log.append(&frame).await {
            Ok(appended) => kept.push(appended.seq),
            Err(error) => break (frame, error),
        }
        assert!(kept.len() < 100, "the log never got full");
    };
    assert!(matches!(refused.1, Error::Full(_)) && refused.1.is_transient(), "{:?}", refused.1);
    assert_eq!(log.info().await.unwrap().last, *kept.last().unwrap(), "what was acknowledged is there, and no more");
    limit_pages(&log, 10_000).await;
    let appended = log.append(&refused.0).await.unwrap();
    assert_eq!((appended.seq, appended.duplicate), (kept.last().unwrap().next(), false));
}
