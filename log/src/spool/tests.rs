use std::sync::atomic::{AtomicBool, Ordering};

use uuid::Uuid;

use super::*;
use crate::{
    chain::{Admission, Chain},
    frame::Writer,
    testing::{Flaky, clicks, clock},
    time::Timestamp,
};

async fn flaky(path: &Path) -> Arc<Flaky> {
    let inner = EmbeddedLog::open(path, Stream::Clicks, clock()).await.unwrap();
    Arc::new(Flaky { inner, away: AtomicBool::new(false), forgetful: AtomicBool::new(false) })
}

async fn spooled(log: &Arc<Flaky>, path: &Path) -> SpooledLog {
    let log = Arc::clone(log) as Arc<dyn Log>;
    SpooledLog::open(log, path, Stream::Clicks, Epoch::FIRST, clock()).await.unwrap()
}

fn frame(writer: &mut Writer, id: u64) -> Frame {
    let at = Timestamp::from_micros(0);
    writer.seal(&clicks(id..id + 1, 0), (at, at)).unwrap()
}

#[tokio::test]
async fn frames_keep_their_order_through_an_outage_a_lost_answer_and_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let log = flaky(&directory.path().join("log.sqlite")).await;
    let path = directory.path().join("spool.sqlite");
    let spool = spooled(&log, &path).await;
    let mut writer = Writer::new(Uuid::from_u128(1), 1);
    assert_eq!(spool.store(&frame(&mut writer, 0)).await.unwrap(), Stored::Logged(Seq::FIRST));
    // The second frame reaches the log, its answer does not, and the log goes away.
    log.forgetful.store(true, Ordering::SeqCst);
    for id in 1..20 {
        assert_eq!(spool.store(&frame(&mut writer, id)).await.unwrap(), Stored::Spooled);
    }
    drop(spool);
    let spool = spooled(&log, &path).await;
    log.away.store(false, Ordering::SeqCst);
    // While the spool holds a frame nothing overtakes it, although the log is back.
    assert_eq!(spool.store(&frame(&mut writer, 20)).await.unwrap(), Stored::Spooled);
    while spool.drain_some().await.unwrap() > 0 {}
    assert_eq!(spool.store(&frame(&mut writer, 21)).await.unwrap(), Stored::Logged(Seq::new(22).unwrap()));

    let frames = log.read(Seq::FIRST, ReadLimit::waiting(Duration::ZERO)).await.unwrap();
    let mut chain = Chain::default();
    assert!(frames.iter().all(|logged| chain.admit(&logged.frame.header) == Admission::Fresh));
    assert_eq!(frames.len(), 22);
}

#[tokio::test]
async fn frame_that_drains_before_it_is_known_to_be_spooled_is_logged_once() {
    let directory = tempfile::tempdir().unwrap();
    let log = flaky(&directory.path().join("log.sqlite")).await;
    let path = directory.path().join("spool.sqlite");
    let spool = spooled(&log, &path).await;
    let mut writer = Writer::new(Uuid::from_u128(1), 1);
    log.away.store(true, Ordering::SeqCst);
    assert_eq!(spool.store(&frame(&mut writer, 0)).await.unwrap(), Stored::Spooled);
    // The next frame reaches the spool's file, and its outcome stays unknown.
    let unknown = frame(&mut writer, 1);
    EmbeddedLog::open(&path, Stream::Clicks, clock()).await.unwrap().append(&unknown).await.unwrap();
    log.away.store(false, Ordering::SeqCst);
    while spool.drain_some().await.unwrap() > 0 {}
    assert_eq!(spool.store(&unknown).await.unwrap(), Stored::Logged(Seq::new(2).unwrap()));
    assert_eq!(log.info().await.unwrap().last, Seq::new(2).unwrap());
}
