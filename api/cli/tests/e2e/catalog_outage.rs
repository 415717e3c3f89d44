//! A catalog whose connections are cut under load, now and then in the middle of a commit: capture does not need it,
//! and what is counted meanwhile is counted once.

use std::time::Duration;

use clicktrail_log::log::Stream;
use tokio_util::sync::CancellationToken;

use crate::{
    installation::{Installation, postgres_port},
    loader::{self, AD, Loader},
    proxy::{Answers, Proxy},
    recount::Recount,
    server::Server,
};

/// How often the catalog goes away, for how long, and how long it is back.
const OUTAGES: usize = 5;
const AWAY: Duration = Duration::from_millis(1_200);
const BACK: Duration = Duration::from_millis(1_700);

/// What a server says about a catalog that is away.
const EXPECTED: [&str; 6] = [
    "counting is tried again",
    "sealing is tried again",
    "judging is tried again",
    "the log was not trimmed",
    "the ad registry cannot be read; the ads known so far go on serving",
    "error occurred while testing the connection on-release",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_catalog_turns_nobody_away_and_everything_is_counted_once() {
    let proxy = Proxy::start(postgres_port());
    let port = proxy.url().rsplit(':').next().unwrap().parse().unwrap();
    let installation = Installation::on_postgres_through(port).await;
    installation.register_ads(&[AD]);
    let server = Server::start(&installation);
    let (loader, stop) = (Loader::default(), CancellationToken::new());
    let clients = loader.start(&server.url(), &stop);
    let progress = || loader.look(|record| (record.acknowledged.len(), record.redirects));
    for _ in 0..OUTAGES {
        proxy.set(Answers::Cut);
        let before = progress();
        tokio::time::sleep(AWAY).await;
        let after = progress();
        assert!(after.0 > before.0 && after.1 > before.1, "capture stands still while the catalog is away: {after:?}");
        proxy.set(Answers::Pass);
        tokio::time::sleep(BACK).await;
    }
    stop.cancel();
    loader::ended(clients).await;
    server.stop(&EXPECTED);

    let log = installation.log(Stream::Clicks).await;
    let recount = Recount::of(log.as_ref()).await;
    recount.check_acknowledged(&loader);
    recount.check_verdicts(&installation).await;
    recount.check_counters(&installation);
    assert_eq!(loader.look(|record| record.refused), 0, "somebody was turned away");
    installation.remove().await;
}
