//! `kill -9` of a server at random moments under load: what it acknowledged is kept, judged once, and counted once.

use std::time::Duration;

use clicktrail_log::log::Stream;
use tokio_util::sync::CancellationToken;

use crate::{
    installation::Installation,
    loader::{self, AD, Loader},
    nats_server::NatsServer,
    recount::{Recount, until_all_is_logged},
    seed::Seed,
    server::Server,
};

/// How often the server is killed.
const KILLS: u64 = 50;
/// When, after it has begun to listen.
const LIFE_MS: std::ops::Range<u64> = 20..300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_server_on_the_embedded_log_keeps_judges_and_counts_every_acknowledged_event_once() {
    check(&Installation::embedded(), &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_server_on_jetstream_s3_and_postgres_keeps_judges_and_counts_every_acknowledged_event_once() {
    let broker = NatsServer::start();
    let installation = Installation::in_production(&broker).await;
    // A busy disk may take its time, and then frames go by way of the spool.
    check(&installation, &["the log is away; frames go to the spool", "frame is sent again"]).await;
    installation.remove().await;
}

/// `expected` is what servers may warn of.
async fn check(installation: &Installation, expected: &[&str]) {
    installation.register_ads(&[AD]);
    let loader = Loader::default();
    let mut seed = Seed::take();
    for _ in 0..KILLS {
        let server = Server::start(installation);
        let clients = loader.start(&server.url(), &CancellationToken::new());
        tokio::time::sleep(Duration::from_millis(seed.draw(LIFE_MS))).await;
        server.kill();
        loader::ended(clients).await;
    }
    let server = Server::start(installation);
    until_all_is_logged(installation, &loader).await;
    server.stop(expected);

    let log = installation.log(Stream::Clicks).await;
    let recount = Recount::of(log.as_ref()).await;
    recount.check_acknowledged(&loader);
    recount.check_verdicts(installation).await;
    recount.check_counters(installation);
    // Kills hit the judge at work: most of the load's clicks repeat each other.
    assert!(recount.findings.len() > 20 * 50, "{}", recount.findings.len());
    // The load was one: events were acknowledged as batches and as redirects, and kills hit requests under way.
    loader.look(|record| {
        let acknowledged = record.acknowledged.len() as u64;
        assert!(acknowledged > 20 * KILLS && record.redirects > KILLS, "{acknowledged}, {}", record.redirects);
        assert!(acknowledged + record.refused < record.sent, "no request was under way when the server was killed");
    });
}
