//! A bad network between clients, server, broker and catalog, under load: whatever it does, what was acknowledged is
//! counted once, nothing is counted twice, and nobody waits for the network of somebody else.

use std::time::Duration;

use clicktrail_log::log::Stream;
use tokio_util::sync::CancellationToken;

use crate::{
    installation::{Installation, postgres_port},
    loader::{self, AD, Loader},
    nats_server::NatsServer,
    recount::{Recount, until_all_is_logged},
    seed::Seed,
    server::Server,
    weather::{Network, Weather},
};

/// Every kind of bad weather.
const ALL: [Weather; 6] =
    [Weather::Slow(30), Weather::Stalled, Weather::Deaf, Weather::Mute, Weather::HalfClosed, Weather::Refused];
/// How long the weather is fair between two storms.
const FAIR_MS: std::ops::Range<u64> = 400..1_200;
/// What anybody may wait for an answer while the server waits for its broker: two seconds, and the spool.
const ANSWER_MAX: Duration = Duration::from_secs(6);

/// What a server says of a broker that it cannot reach.
const BROKER: [&str; 8] = [
    "the broker's connection is lost",
    "the broker is not reached; connecting is tried again",
    "the log is away; frames go to the spool",
    "judging is tried again",
    "counting is tried again",
    "sealing is tried again",
    "frame is sent again",
    "the log was not trimmed",
];
/// What it says of a catalog.
const CATALOG: [&str; 6] = [
    "counting is tried again",
    "sealing is tried again",
    "judging is tried again",
    "the log was not trimmed",
    "the ad registry cannot be read; the ads known so far go on serving",
    "time to acquire exceeded slow threshold",
];

/// Goes through all weathers in a drawn order, each for a drawn time; `during` is told of each before it ends.
async fn storms(network: &Network, lasts_ms: std::ops::Range<u64>, mut during: impl FnMut(Weather)) {
    let mut seed = Seed::take();
    let mut weathers = ALL.to_vec();
    while !weathers.is_empty() {
        let drawn = seed.draw(0..weathers.len() as u64);
        let weather = weathers.remove(usize::try_from(drawn).unwrap());
        network.set(weather);
        tokio::time::sleep(Duration::from_millis(seed.draw(lasts_ms.clone()))).await;
        during(weather);
        network.set(Weather::Fair);
        tokio::time::sleep(Duration::from_millis(seed.draw(FAIR_MS))).await;
        network.cut();
        tokio::time::sleep(Duration::from_millis(seed.draw(FAIR_MS))).await;
    }
}

/// What was acknowledged is there once, judged once and counted once.
async fn check(installation: &Installation, loader: &Loader) {
    let log = installation.log(Stream::Clicks).await;
    let recount = Recount::of(log.as_ref()).await;
    recount.check_acknowledged(loader);
    recount.check_verdicts(installation).await;
    recount.check_counters(installation);
    assert!(loader.look(|record| record.acknowledged.len() > 500), "hardly anything was sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_network_between_clients_and_server_loses_and_doubles_nothing_that_was_acknowledged() {
    let installation = Installation::embedded();
    installation.register_ads(&[AD]);
    let server = Server::start(&installation);
    let port = server.url().rsplit(':').next().unwrap().parse().unwrap();
    let network = Network::before(port);
    let (loader, stop) = (Loader::default(), CancellationToken::new());
    // Clients whose connection was lost are followed by others: none sends an event twice.
    let clients = tokio::spawn({
        let (loader, stop, url) = (loader.clone(), stop.clone(), format!("http://127.0.0.1:{}", network.port()));
        async move {
            while !stop.is_cancelled() {
                loader::ended(loader.start(&url, &stop)).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
    storms(&network, 300..1_200, |_| {}).await;
    stop.cancel();
    clients.await.unwrap();
    server.stop(&[]);
    check(&installation, &loader).await;
}

/// Load on a server whose other connection is bad: everybody is answered meanwhile, and nobody late.
async fn under_load(installation: &Installation, network: &Network, expected: &[&str]) {
    installation.register_ads(&[AD]);
    let server = Server::start(installation);
    let (loader, stop) = (Loader::default(), CancellationToken::new());
    let clients = loader.start(&server.url(), &stop);
    let progress = || loader.look(|record| (record.acknowledged.len(), record.redirects));
    let mut before = progress();
    storms(network, 2_500..4_000, |weather| {
        let now = progress();
        assert!(now.0 > before.0 && now.1 > before.1, "capture stands still: {weather:?}, {now:?}");
        before = now;
    })
    .await;
    stop.cancel();
    loader::ended(clients).await;
    until_all_is_logged(installation, &loader).await;
    server.stop(expected);
    check(installation, &loader).await;
    loader.look(|record| {
        assert_eq!(record.refused, 0, "somebody was turned away");
        assert!(record.slowest < ANSWER_MAX, "somebody waited for {:?}", record.slowest);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_network_before_the_broker_delays_nobody_and_everything_is_counted_once() {
    let broker = NatsServer::start();
    let network = Network::before(broker.port());
    let installation = Installation::on_broker_through(network.port(), &broker);
    under_load(&installation, &network, &BROKER).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_network_before_the_catalog_delays_nobody_and_everything_is_counted_once() {
    let network = Network::before(postgres_port());
    let installation = Installation::on_postgres_through(network.port()).await;
    under_load(&installation, &network, &CATALOG).await;
    installation.remove().await;
}
