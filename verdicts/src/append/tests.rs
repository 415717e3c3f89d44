use std::time::Duration;

use clicktrail_log::{
    embedded::EmbeddedLog,
    log::{ReadLimit, Stream},
    time::{ManualClock, Timestamp},
};

use super::*;
use crate::testing::verdict;

struct Bed {
    _directory: tempfile::TempDir,
    log: Arc<EmbeddedLog>,
    archive: Archive,
}

impl Bed {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(0)));
        let log = EmbeddedLog::open(&directory.path().join("log.sqlite"), Stream::Verdicts, clock).await.unwrap();
        let archive = Archive::directory(directory.path().join("archive")).unwrap();
        Self { log: Arc::new(log), archive, _directory: directory }
    }

    fn appender(&self, id: u128) -> Appender {
        Appender::new(Arc::clone(&self.log) as Arc<dyn Log>, self.archive.clone(), Uuid::from_u128(id))
    }
}

fn seq(number: u64) -> Seq {
    Seq::new(number).unwrap()
}

#[tokio::test]
async fn others_between_two_appends_overtake_nobody() {
    let bed = Bed::new().await;
    let (mut judge, mut person) = (bed.appender(1), bed.appender(2));
    for round in 0..3 {
        assert_eq!(judge.append(&[verdict(round)]).await.unwrap(), seq(round * 3 + 1));
        assert_eq!(person.append(&[verdict(round)]).await.unwrap(), seq(round * 3 + 2));
        assert_eq!(person.append(&[verdict(round)]).await.unwrap(), seq(round * 3 + 3));
    }
}

/// A judge that stood still while another went on appends nothing, and then goes on behind the other.
#[tokio::test]
async fn another_process_under_the_identity_overtakes_and_nothing_is_appended() {
    let bed = Bed::new().await;
    let (mut one, mut other) = (bed.appender(1), bed.appender(1));
    one.append(&[verdict(0)]).await.unwrap();
    other.append(&[verdict(1)]).await.unwrap();
    let overtaken = one.append(&[verdict(2)]).await.unwrap_err();
    assert!(overtaken.is_overtaken() && overtaken.is_transient(), "{overtaken:?}");
    assert_eq!(bed.log.info().await.unwrap().last, seq(2));
    assert_eq!(one.append(&[verdict(2)]).await.unwrap(), seq(3));
    let frames = bed.log.read(Seq::FIRST, ReadLimit::waiting(Duration::ZERO)).await.unwrap();
    let numbers: Vec<u64> = frames.iter().map(|logged| logged.frame.header.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
}
