use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

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
    let no = || AtomicBool::new(false);
    Arc::new(Flaky { inner, away: no(), forgetful: no(), broken: no(), slow_ms: AtomicU64::new(0) })
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

#[tokio::test]
async fn spool_gets_empty_before_a_slow_log_although_frames_keep_coming() {
    let directory = tempfile::tempdir().unwrap();
    let log = flaky(&directory.path().join("log.sqlite")).await;
    let spool = Arc::new(spooled(&log, &directory.path().join("spool.sqlite")).await);
    let mut writer = Writer::new(Uuid::from_u128(1), 1);
    log.away.store(true, Ordering::SeqCst);
    for id in 0..40 {
        assert_eq!(spool.store(&frame(&mut writer, id)).await.unwrap(), Stored::Spooled);
    }
    // An append takes longer than a frame lingers, so without waiting more frames would come than leave.
    log.slow_ms.store(3 * u64::try_from(SPOOL_LINGER.as_millis()).unwrap(), Ordering::SeqCst);
    log.away.store(false, Ordering::SeqCst);
    let shutdown = CancellationToken::new();
    let draining = tokio::spawn(Arc::clone(&spool).run(shutdown.clone()));
    let mut came = 0;
    while let Stored::Spooled = spool.store(&frame(&mut writer, 40 + came)).await.unwrap() {
        came += 1;
        assert!(came < 40, "{came} frames came while 40 left, and the spool is not empty");
    }
    shutdown.cancel();
    draining.await.unwrap();
    assert_eq!(log.info().await.unwrap().last.get(), 41 + came);
}

#[tokio::test]
async fn what_a_broken_log_refuses_for_good_is_spooled_and_a_conflict_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let log = flaky(&directory.path().join("log.sqlite")).await;
    let spool = spooled(&log, &directory.path().join("spool.sqlite")).await;
    let mut writer = Writer::new(Uuid::from_u128(1), 1);
    log.broken.store(true, Ordering::SeqCst);
    for id in 0..3 {
        assert_eq!(spool.store(&frame(&mut writer, id)).await.unwrap(), Stored::Spooled);
    }
    assert!(!spool.drain_some().await.unwrap_err().is_transient());
    log.broken.store(false, Ordering::SeqCst);
    while spool.drain_some().await.unwrap() > 0 {}
    assert_eq!(log.info().await.unwrap().last.get(), 3);
}
