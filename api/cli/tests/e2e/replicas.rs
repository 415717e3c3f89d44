//! JetStream on three servers with three copies of each stream: its leader is killed and stopped under load, and its
//! quorum is lost and found. Nobody is turned away, and what was acknowledged is counted once.

use std::time::{Duration, Instant};

use clicktrail_log::log::Stream;
use tokio_util::sync::CancellationToken;

use crate::{
    cluster::Cluster,
    installation::Installation,
    loader::{self, AD, Loader},
    recount::{Recount, until_all_is_logged},
    seed::Seed,
    server::Server,
};

/// How long load runs between two blows.
const LOAD_MS: std::ops::Range<u64> = 500..1_500;
/// How long a server stands still, or the quorum is away.
const AWAY: Duration = Duration::from_secs(4);
/// How long the log may take to be back once there is a quorum: an election, and the spool.
const BACK: Duration = Duration::from_secs(45);
/// What anybody may wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(6);

const EXPECTED: [&str; 8] = [
    "the broker's connection is lost",
    "the broker is not reached; connecting is tried again",
    "the log is away; frames go to the spool",
    "judging is tried again",
    "counting is tried again",
    "sealing is tried again",
    "frame is sent again",
    "the log was not trimmed",
];

/// A cluster with a server on it, under load.
struct Bed<'b> {
    server: &'b Server<'b>,
    loader: &'b Loader,
}

impl Bed<'_> {
    /// Events of batches that were in the log when they were acknowledged.
    fn logged(&self) -> usize {
        self.loader.look(|record| record.acknowledged.values().flatten().count())
    }

    /// Waits until events are logged again, not only spooled.
    async fn until_it_is_back(&self, after: &str) {
        let (begin, before) = (Instant::now(), self.logged());
        while self.logged() == before {
            assert!(begin.elapsed() < BACK, "{after}: {BACK:?} later still nothing reaches the log");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Readiness says what a visitor sees: ready if clicks are answered, and not if they are turned away.
    async fn readiness_is_true(&self) {
        let refused = self.loader.look(|record| record.refused);
        let redirects = self.loader.look(|record| record.redirects);
        let answer = reqwest::get(format!("{}/readyz", self.server.url())).await.unwrap();
        let begin = Instant::now();
        while self.loader.look(|record| record.redirects + record.refused) < redirects + refused + 20 {
            assert!(begin.elapsed() < Duration::from_secs(30), "nobody is answered");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let turned_away = self.loader.look(|record| record.refused) > refused;
        assert_eq!(answer.status().is_success(), !turned_away, "{}", answer.text().await.unwrap());
    }
}

async fn some_load(seed: &mut Seed) {
    tokio::time::sleep(Duration::from_millis(seed.draw(LOAD_MS))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_brokers_lose_leaders_and_their_quorum_and_no_acknowledged_event() {
    let mut cluster = Cluster::start().await;
    let installation = Installation::on_brokers(&cluster.urls());
    installation.register_ads(&[AD]);
    let server = Server::start(&installation);
    let (loader, stop) = (Loader::default(), CancellationToken::new());
    let clients = loader.start(&server.url(), &stop);
    let (bed, mut seed) = (Bed { server: &server, loader: &loader }, Seed::take());
    bed.until_it_is_back("the start").await;

    for stream in ["CLICKS", "VERDICTS"] {
        some_load(&mut seed).await;
        let leader = cluster.leader(stream).await;
        cluster.kill(leader);
        bed.until_it_is_back("a killed leader").await;
        bed.readiness_is_true().await;
        cluster.restart(leader);
    }

    some_load(&mut seed).await;
    let leader = cluster.leader("CLICKS").await;
    cluster.signal(leader, "-STOP");
    tokio::time::sleep(AWAY).await;
    bed.until_it_is_back("a leader that stands still").await;
    cluster.signal(leader, "-CONT");

    some_load(&mut seed).await;
    let leader = cluster.leader("CLICKS").await;
    let other = (leader + 1) % 3;
    cluster.kill(leader);
    cluster.kill(other);
    tokio::time::sleep(AWAY).await;
    bed.readiness_is_true().await;
    cluster.restart(leader);
    cluster.restart(other);
    bed.until_it_is_back("a quorum that was lost").await;
    bed.readiness_is_true().await;

    stop.cancel();
    loader::ended(clients).await;
    until_all_is_logged(&installation, &loader).await;
    server.stop(&EXPECTED);
    let log = installation.log(Stream::Clicks).await;
    let recount = Recount::of(log.as_ref()).await;
    recount.check_acknowledged(&loader);
    recount.check_verdicts(&installation).await;
    recount.check_counters(&installation);
    loader.look(|record| {
        assert_eq!(record.refused, 0, "somebody was turned away");
        assert!(record.slowest < ANSWER_MAX, "somebody waited for {:?}", record.slowest);
    });
}
