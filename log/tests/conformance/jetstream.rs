//! JetStream: the suite, and what a broker, its disk and the way to it can do wrong.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use async_nats::jetstream::{self, stream};
use async_trait::async_trait;
use clicktrail_log::{
    chain::{Admission, Chain},
    frame::Frame,
    jetstream::{Config, JetStreamLog},
    log::{Durability, Error, Log, ReadLimit, Stream},
    position::{Epoch, Seq},
};
use tempfile::TempDir;

use crate::{
    bed::{Bed, conform},
    frames::{append_surely, assert_holds, frames, large_frame, read_all, read_now, seq, writer},
    nats_server::NatsServer,
    proxy::{Answers, Proxy},
};

#[async_trait]
impl Bed for NatsServer {
    async fn open(&self) -> Box<dyn Log> {
        Box::new(connect(&self.url()).await)
    }

    async fn crash(&mut self) {
        self.kill();
        self.restart();
    }
}

conform!(NatsServer::start());

/// A broker whose log of issued documents is looked at.
struct Invoices(NatsServer);

#[async_trait]
impl Bed for Invoices {
    async fn open(&self) -> Box<dyn Log> {
        Box::new(JetStreamLog::connect(config(&self.0.url()), Stream::Invoices).await.unwrap())
    }

    async fn crash(&mut self) {
        self.0.crash().await;
    }
}

mod invoices {
    use super::*;

    conform!(Invoices(NatsServer::start()));
}

fn config(url: &str) -> Config {
    Config { prefix: "T_".into(), ..Config::new(url) }
}

async fn connect(url: &str) -> JetStreamLog {
    JetStreamLog::connect(config(url), Stream::Clicks).await.unwrap()
}

#[tokio::test]
async fn cut_acknowledgement_then_resend_leaves_one_copy() {
    let server = NatsServer::start();
    let proxy = Proxy::start(server.port());
    let log = connect(&proxy.url()).await;
    let sent = frames(1, 6);
    log.append(&sent[0]).await.unwrap();
    for frame in &sent[1..] {
        proxy.set(Answers::Cut);
        let begin = Instant::now();
        let outcome = log.append(frame).await;
        assert!(matches!(outcome, Err(Error::UnknownOutcome(_))), "{outcome:?}");
        assert!(begin.elapsed() < Duration::from_secs(1), "it was noticed only after {:?}", begin.elapsed());
        proxy.set(Answers::Pass);
        append_surely(&log, frame).await;
    }
    assert_holds(&log, &sent).await;
}

#[tokio::test]
async fn silent_broker_makes_the_outcome_unknown() {
    let server = NatsServer::start();
    let proxy = Proxy::start(server.port());
    let config = Config { ack_timeout: Duration::from_millis(300), ..config(&proxy.url()) };
    let log = JetStreamLog::connect(config, Stream::Clicks).await.unwrap();
    let sent = frames(1, 2);
    log.append(&sent[0]).await.unwrap();
    proxy.set(Answers::Swallow);
    let outcome = log.append(&sent[1]).await;
    assert!(matches!(outcome, Err(Error::UnknownOutcome(_))), "{outcome:?}");
    let outcome = read_now(&log, seq(3)).await;
    assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
    proxy.set(Answers::Pass);
    let again = connect(&server.url()).await.append(&sent[1]).await.unwrap();
    assert_eq!((again.seq, again.duplicate), (seq(2), true));
}

/// Appends through three kills: each frame is there once, in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_killed_in_mid_append_leaves_one_copy() {
    let mut server = NatsServer::start();
    let log = connect(&server.url()).await;
    let mut writer = writer(1);
    let sent: Vec<Frame> = (0..900).map(|_| large_frame(&mut writer, 2_000)).collect();
    let append = async {
        for frame in &sent {
            append_surely(&log, frame).await;
        }
    };
    let killer = tokio::task::spawn_blocking(move || {
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(150));
            server.kill();
            server.restart();
        }
        server
    });
    let ((), server) = tokio::join!(append, killer);
    let server = server.unwrap();
    assert_holds(&log, &sent).await;
    assert_holds(&connect(&server.url()).await, &sent).await;
}

#[tokio::test]
async fn broker_that_is_away_is_unavailable_at_once() {
    let mut server = NatsServer::start();
    let log = connect(&server.url()).await;
    let sent = frames(1, 3);
    log.append(&sent[0]).await.unwrap();
    server.kill();
    // The first may still have been on its way.
    let _ = log.append(&sent[1]).await.unwrap_err();
    for _ in 0..3 {
        let begin = Instant::now();
        let outcome = log.append(&sent[1]).await;
        assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
        assert!(begin.elapsed() < Duration::from_millis(500), "{:?}", begin.elapsed());
        let outcome = read_now(&log, seq(1)).await;
        assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
    }
    server.restart();
    append_surely(&log, &sent[1]).await;
    append_surely(&log, &sent[2]).await;
    assert_holds(&log, &sent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_reader_survives_a_restart() {
    let mut server = NatsServer::start();
    let (log, appender) = (connect(&server.url()).await, connect(&server.url()).await);
    let sent = frames(1, 2);
    log.append(&sent[0]).await.unwrap();
    let read = async {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(20) {
            match log.read(seq(2), ReadLimit::waiting(Duration::from_secs(20))).await {
                Ok(found) if !found.is_empty() => return found.len(),
                Ok(_) => panic!("the reader went home early"),
                Err(error) => assert!(error.is_transient(), "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        0
    };
    let restart = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.kill();
        server.restart();
        append_surely(&appender, &sent[1]).await;
    };
    let (found, ()) = tokio::join!(read, restart);
    assert_eq!(found, 1);
}

#[tokio::test]
async fn nobody_at_the_address_is_unavailable() {
    let outcome = JetStreamLog::connect(config("nats://127.0.0.1:1"), Stream::Clicks).await;
    assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
}

#[tokio::test]
async fn full_log_refuses_and_goes_on_after_a_trim() {
    let server = NatsServer::start();
    let config = Config { bytes_max: Some(100_000), ..config(&server.url()) };
    let log = JetStreamLog::connect(config, Stream::Clicks).await.unwrap();
    let mut writer = writer(1);
    let sent: Vec<Frame> = (0..12).map(|_| large_frame(&mut writer, 10_000)).collect();
    let mut taken = 0;
    let refused = loop {
        match log.append(&sent[taken]).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, Error::Full(_)), "{refused:?}");
    assert_eq!(log.info().await.unwrap().last, seq(taken as u64));
    log.trim(seq(5)).await.unwrap();
    assert_eq!(log.append(&sent[taken]).await.unwrap().seq, seq(taken as u64 + 1));
}

#[tokio::test]
async fn foreign_message_is_corrupt_and_never_skipped() {
    let server = NatsServer::start();
    let log = connect(&server.url()).await;
    let sent = frames(1, 2);
    log.append(&sent[0]).await.unwrap();
    let foreign = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    foreign.publish("clicktrail.T_clicks", "hello".into()).await.unwrap().await.unwrap();
    log.append(&sent[1]).await.unwrap();
    assert_eq!(read_now(&log, seq(1)).await.unwrap().len(), 1);
    let outcome = read_now(&log, seq(2)).await;
    assert!(matches!(outcome, Err(Error::Corrupt { seq: found, .. }) if found == seq(2)), "{outcome:?}");
    assert_eq!(read_now(&log, seq(3)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn stream_with_weaker_settings_is_refused_by_name() {
    let server = NatsServer::start();
    let foreign = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    for stream in Stream::ALL {
        let name = format!("T_{}", stream.as_str().to_uppercase());
        let weak = stream::Config {
            name: name.clone(),
            subjects: vec![format!("clicktrail.T_{stream}")],
            discard: stream::DiscardPolicy::New,
            deny_delete: true,
            allow_direct: true,
            max_age: Duration::from_secs(3600),
            duplicate_window: Duration::from_secs(900),
            ..stream::Config::default()
        };
        foreign.create_stream(weak).await.unwrap();
        let refused = JetStreamLog::connect(config(&server.url()), stream).await.unwrap_err();
        assert!(matches!(&refused, Error::Fatal(why) if why.contains(&name) && why.contains("max_age")), "{refused}");
    }
}

/// A broker that an earlier version set up has no stream of issued documents. Opening it makes that one, and changes
/// nothing of the others.
#[tokio::test]
async fn broker_of_an_earlier_version_gets_the_stream_that_it_lacks() {
    let server = NatsServer::start();
    let open = async |stream| JetStreamLog::connect(config(&server.url()), stream).await.unwrap();
    let sent = frames(1, 3);
    for stream in [Stream::Clicks, Stream::Verdicts, Stream::Rejected] {
        let log = open(stream).await;
        for frame in &sent {
            log.append(frame).await.unwrap();
        }
    }
    let documents = open(Stream::Invoices).await;
    let info = documents.info().await.unwrap();
    assert_eq!((info.epoch, info.first, info.last), (Epoch::FIRST, Seq::FIRST, Seq::ZERO));
    let own = frames(2, 2);
    for frame in &own {
        documents.append(frame).await.unwrap();
    }
    assert_holds(&documents, &own).await;
    for stream in [Stream::Clicks, Stream::Verdicts, Stream::Rejected] {
        assert_holds(&open(stream).await, &sent).await;
    }
}

#[tokio::test]
async fn epoch_is_the_streams_for_good() {
    let server = NatsServer::start();
    let third = Config { epoch_if_created: Epoch::new(3).unwrap(), ..config(&server.url()) };
    let log = JetStreamLog::connect(third, Stream::Rejected).await.unwrap();
    assert_eq!(log.info().await.unwrap().epoch.get(), 3);
    let log = JetStreamLog::connect(config(&server.url()), Stream::Rejected).await.unwrap();
    assert_eq!(log.info().await.unwrap().epoch.get(), 3);
}

#[tokio::test]
async fn durability_is_what_the_server_is_set_to() {
    let check = async |sync: &'static str, monitored: bool, expected: &str| {
        let server = NatsServer::start_with_sync(sync);
        let monitor_url = monitored.then(|| server.monitor_url());
        let log = JetStreamLog::connect(Config { monitor_url, ..config(&server.url()) }, Stream::Clicks).await.unwrap();
        let found = log.durability().await.unwrap();
        assert!(found.to_string().contains(expected), "{found}");
        assert_eq!(found == Durability::Fsync, expected == "fsync");
    };
    check("always", true, "fsync").await;
    check("always", false, "give the monitoring URL").await;
    check("\"2m\"", true, "sync_interval is not").await;
}

/// The broker comes back with an older copy of its disk.
#[tokio::test]
async fn broker_that_lost_acknowledged_frames_raises_the_alarm() {
    let mut server = NatsServer::start();
    let log = connect(&server.url()).await;
    let sent = frames(1, 8);
    for frame in &sent[..4] {
        log.append(frame).await.unwrap();
    }
    server.stop();
    let copy = TempDir::new().unwrap();
    copy_tree(&server.store(), copy.path());
    server.restart();
    for frame in &sent[4..7] {
        append_surely(&log, frame).await;
    }
    let waiting = connect(&server.url()).await;
    server.kill();
    fs::remove_dir_all(server.store()).unwrap();
    copy_tree(copy.path(), &server.store());
    server.restart();

    let appended = loop {
        match log.append(&sent[7]).await {
            Err(error) if error.is_transient() => tokio::time::sleep(Duration::from_millis(25)).await,
            other => break other,
        }
    };
    assert!(matches!(appended, Err(Error::Gap { .. })), "{appended:?}");
    let after = log.info().await.unwrap_err();
    assert!(matches!(after, Error::Gap { .. }), "{after}");
    let at_tail = loop {
        match read_now(&waiting, seq(8)).await {
            Err(error) if error.is_transient() => tokio::time::sleep(Duration::from_millis(25)).await,
            other => break other,
        }
    };
    assert!(at_tail.is_err(), "a reader that waited for frame 8: {at_tail:?}");
    // A reader that saw nothing of the past finds the writer's chain broken.
    let fresh = connect(&server.url()).await;
    let mut chain = Chain::default();
    let stored = read_all(&fresh, Seq::FIRST).await.unwrap();
    let broken = stored.iter().any(|logged| matches!(chain.admit(&logged.frame.header), Admission::Broken(_)));
    assert!(broken, "{} frames without an alarm", stored.len());
}

/// Flips one byte of the stored frames, at places all through the file. A reader that gets anything but what was sent
/// is told so by the log, by the frame or by the chain.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flipped_byte_is_never_silent() {
    for (per_mille, stop_first) in [(100, true), (500, true), (900, true), (300, false), (950, false)] {
        let mut server = NatsServer::start();
        let log = connect(&server.url()).await;
        let mut writer = writer(1);
        let sent: Vec<Frame> = (0..20).map(|_| large_frame(&mut writer, 3_000)).collect();
        for frame in &sent[..19] {
            log.append(frame).await.unwrap();
        }
        if stop_first {
            server.stop()
        } else {
            server.kill()
        }
        flip(&block_of(&server.store()), per_mille);
        server.restart();
        let found = noticed(&server, &sent).await;
        assert!(found.is_some(), "a byte flipped at {per_mille} per mille of the block went unnoticed");
    }
}

/// How a reader that saw nothing before learns of the damage, once the writer has appended another frame.
async fn noticed(server: &NatsServer, sent: &[Frame]) -> Option<String> {
    let log = connect(&server.url()).await;
    if let Err(error) = log.append(&sent[19]).await {
        return Some(error.to_string());
    }
    let stored = match read_all(&log, Seq::FIRST).await {
        Ok(stored) => stored,
        Err(error) => return Some(error.to_string()),
    };
    let mut chain = Chain::default();
    for logged in &stored {
        if let Admission::Broken(alarm) = chain.admit(&logged.frame.header) {
            return Some(alarm.to_string());
        }
    }
    assert!(stored.iter().map(|logged| &logged.frame).eq(sent), "no alarm, and other frames than were sent");
    None
}

fn flip(path: &Path, per_mille: usize) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.len() * per_mille / 1000;
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// The file that holds the messages.
fn block_of(store: &Path) -> PathBuf {
    let mut dirs = vec![store.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in dir.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|extension| extension == "blk") {
                return path;
            }
        }
    }
    panic!("no block in {}", store.display());
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_tree(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
