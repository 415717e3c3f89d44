//! Copies and restored states of a data directory on a real broker, whose duplicate window has passed: what comes again
//! is dropped by readers or never sent, and what is new counts.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use clicktrail_log::{
    chain::{Admission, Alarm, Chain},
    embedded::EmbeddedLog,
    frame::Frame,
    jetstream::{Config, JetStreamLog},
    log::{Condition, Error, Log, Stream},
    position::{Epoch, Seq},
    spool::SpooledLog,
    time::{Clock, SystemClock},
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::{
    frames::{append_surely, frame, frame_at, frames, read_all, seq, writer},
    nats_server::NatsServer,
};

/// The shortest that the broker takes.
const WINDOW: Duration = Duration::from_millis(100);

async fn connect(server: &NatsServer) -> Arc<dyn Log> {
    let config = Config { prefix: "T_".into(), duplicate_window: WINDOW, ..Config::new(server.url()) };
    Arc::new(JetStreamLog::connect(config, Stream::Clicks).await.unwrap())
}

async fn window_passes() {
    tokio::time::sleep(WINDOW * 4).await;
}

/// The frames that a reader counts, and the alarms that it raises.
async fn counted(log: &dyn Log) -> (Vec<Frame>, Vec<Alarm>) {
    let (mut chain, mut frames, mut alarms) = (Chain::default(), Vec::new(), Vec::new());
    for logged in read_all(log, Seq::FIRST).await.unwrap() {
        match chain.admit(&logged.frame.header) {
            Admission::Fresh => frames.push(logged.frame),
            Admission::Repeat => {}
            Admission::Broken(alarm) => {
                alarms.push(alarm);
                frames.push(logged.frame);
            }
        }
    }
    (frames, alarms)
}

#[tokio::test]
async fn frames_sent_again_after_the_duplicate_window_count_once_and_other_content_counts_too() {
    let server = NatsServer::start();
    let log = connect(&server).await;
    let (sent, other) = (frames(1, 30), frame(&mut writer(1), 77));
    for round in 1..=3 {
        for frame in &sent {
            assert!(!log.append(frame).await.unwrap().duplicate, "round {round}: the broker has forgotten");
        }
        window_passes().await;
    }
    log.append(&other).await.unwrap();
    window_passes().await;
    log.append(&other).await.unwrap();
    let (counted, alarms) = counted(log.as_ref()).await;
    let expected: Vec<&Frame> = sent.iter().chain([&other]).collect();
    assert!(counted.iter().eq(expected), "{} frames count", counted.len());
    assert!(matches!(alarms[..], [Alarm::Reused { number: 1, .. }]), "{alarms:?}");
    assert_eq!(log.info().await.unwrap().last, seq(92));
}

#[tokio::test]
async fn frozen_process_does_not_append_under_a_shared_identity_after_the_window() {
    let server = NatsServer::start();
    let log = connect(&server).await;
    let (mut one, mut frozen) = (writer(1), writer(1));
    log.append_if(&frame(&mut one, 1), Condition::Behind(Seq::ZERO)).await.unwrap();
    window_passes().await;
    let refused = log.append_if(&frame(&mut frozen, 2), Condition::Behind(Seq::ZERO)).await;
    assert!(matches!(refused, Err(Error::Moved(_))), "{refused:?}");
}

/// A spool with these frames, as a server leaves it that is killed while the broker is away.
async fn leave_on_spool(path: &Path, frames: &[Frame]) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let spool = EmbeddedLog::open(path, Stream::Clicks, clock).await.unwrap();
    for frame in frames {
        append_surely(&spool, frame).await;
    }
}

/// Opens a spool before the log and lets it drain.
async fn drain(log: &Arc<dyn Log>, path: &Path) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let spooled = SpooledLog::open(Arc::clone(log), path, Stream::Clicks, Epoch::FIRST, clock).await.unwrap();
    let stop = CancellationToken::new();
    let running = tokio::spawn(Arc::new(spooled).run(stop.clone()));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let spool = EmbeddedLog::open(path, Stream::Clicks, clock).await.unwrap();
    let begin = Instant::now();
    loop {
        let info = spool.info().await.unwrap();
        if info.first > info.last {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "frames {} to {} wait", info.first, info.last);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.cancel();
    running.await.unwrap();
}

/// More frames than a chain remembers, and than one reading of the spool brings.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spool_of_a_copied_or_restored_directory_is_logged_once_however_late_it_drains() {
    let server = NatsServer::start();
    let log = connect(&server).await;
    let directory = TempDir::new().unwrap();
    let [one, copy, older] = ["one", "copy", "older"].map(|name| directory.path().join(name));
    let mut spooler = writer(1);
    let sent: Vec<Frame> = (0..700).map(|value| frame_at(&mut spooler, value, SystemClock.now())).collect();
    leave_on_spool(&one, &sent[..650]).await;
    leave_on_spool(&copy, &sent).await;
    leave_on_spool(&older, &sent[..300]).await;
    append_surely(log.as_ref(), &frame(&mut writer(2), 1)).await;
    drain(&log, &one).await;
    window_passes().await;
    // Others go on meanwhile.
    for value in 0..300 {
        append_surely(log.as_ref(), &frame(&mut writer(3 + value), 1)).await;
    }
    drain(&log, &copy).await;
    drain(&log, &older).await;
    let (counted, alarms) = counted(log.as_ref()).await;
    assert_eq!(alarms, []);
    let of_spooler = counted.iter().filter(|frame| frame.header.writer == writer(1).id());
    assert!(of_spooler.eq(&sent), "{} frames count", counted.len());
    assert_eq!(log.info().await.unwrap().last, seq(1_001), "nothing is in the log twice");
}
