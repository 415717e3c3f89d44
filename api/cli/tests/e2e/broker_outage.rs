//! A broker that is stopped under load: nobody is turned away, and what waits on the spool follows in order.

use std::time::{Duration, Instant};

use clicktrail_log::log::Stream;
use tokio_util::sync::CancellationToken;

use crate::{
    installation::Installation,
    loader::{self, AD, Loader},
    nats_server::NatsServer,
    recount::{Recount, until_all_is_logged},
    server::Server,
};

/// How long the broker is away.
const OUTAGE: Duration = Duration::from_secs(5);

/// What a server says about a broker that is away.
pub(crate) const EXPECTED: [&str; 7] = [
    "the broker's connection is lost",
    "the broker is not reached; connecting is tried again",
    "the log is away; frames go to the spool",
    "judging is tried again",
    "counting is tried again",
    "sealing is tried again",
    "frame is sent again",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_broker_turns_nobody_away_and_the_spool_drains_in_order() {
    check(NatsServer::stop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_broker_turns_nobody_away_and_the_spool_drains_in_order() {
    check(NatsServer::kill).await;
}

async fn check(end: fn(&mut NatsServer)) {
    let mut broker = NatsServer::start();
    let installation = Installation::on_broker(&broker);
    installation.register_ads(&[AD]);
    let server = Server::start(&installation);
    let (loader, stop) = (Loader::default(), CancellationToken::new());
    let clients = loader.start(&server.url(), &stop);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(with_position(&loader) > 0, "nothing was logged before the outage");

    end(&mut broker);
    tokio::time::sleep(OUTAGE / 2).await;
    let (waiting, redirects) = (without_position(&loader), loader.look(|record| record.redirects));
    tokio::time::sleep(OUTAGE / 2).await;
    assert!(without_position(&loader) > waiting, "batches do not go on while the broker is away");
    assert!(loader.look(|record| record.redirects) > redirects, "redirects do not go on while the broker is away");

    broker.restart();
    let back = Instant::now();
    let logged = with_position(&loader);
    while with_position(&loader) == logged {
        assert!(back.elapsed() < Duration::from_secs(30), "the spool does not drain: events still get no position");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
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
        assert_eq!(
            record.acknowledged.len(),
            recount.positions.len(),
            "every request was answered: nothing else is logged"
        );
    });
}

/// Events of batches that were in the log when they were acknowledged.
fn with_position(loader: &Loader) -> usize {
    loader.look(|record| record.acknowledged.values().flatten().count())
}

/// Events that were acknowledged when they were on the spool; and all redirects, whose answer has no position.
fn without_position(loader: &Loader) -> usize {
    loader.look(|record| {
        record.acknowledged.len()
            - record.acknowledged.values().flatten().count()
            - usize::try_from(record.redirects).unwrap()
    })
}
