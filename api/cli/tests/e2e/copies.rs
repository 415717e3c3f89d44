//! Copied and restored data directories, a removed lock, an older log put back: whatever was acknowledged is counted,
//! or the server refuses to start.

use std::{fs, time::Duration};

use clicktrail_log::log::Stream;
use tokio_util::sync::CancellationToken;

use crate::{
    installation::Installation,
    loader::{self, AD, Loader},
    nats_server::NatsServer,
    recount::{Recount, until_all_is_logged},
    server::Server,
};

/// What servers say that judge, count and seal one log beside each other, and when a disk is busy.
const BESIDE: [&str; 5] = [
    "judging is tried again",
    "counting is tried again",
    "sealing is tried again",
    "the log is away; frames go to the spool",
    "frame is sent again",
];
const LOAD: Duration = Duration::from_millis(700);

/// Puts the load on all of these for a while.
async fn load(loader: &Loader, servers: &[&Server<'_>]) {
    let stop = CancellationToken::new();
    let clients: Vec<_> = servers.iter().map(|server| loader.start(&server.url(), &stop)).collect();
    tokio::time::sleep(LOAD).await;
    stop.cancel();
    for clients in clients {
        loader::ended(clients).await;
    }
}

/// Everything acknowledged is in the log once and in order, no chain is broken, and each of these counts all of it.
async fn check(loader: &Loader, installations: &[&Installation]) {
    let log = installations[0].log(Stream::Clicks).await;
    let recount = Recount::of(log.as_ref()).await;
    recount.check_acknowledged(loader);
    for installation in installations {
        recount.check_counters(installation);
    }
    let acknowledged = loader.look(|record| record.acknowledged.len());
    assert!(acknowledged > 100, "{acknowledged} events are no load");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_on_copies_of_one_directory_lose_nothing() {
    let broker = NatsServer::start();
    let one = Installation::on_broker(&broker);
    one.register_ads(&[AD]);
    let loader = Loader::default();
    let server = Server::start(&one);
    load(&loader, &[&server]).await;
    server.stop(&BESIDE);
    let copy = one.copied();
    let servers = (Server::start(&one), Server::start(&copy));
    load(&loader, &[&servers.0, &servers.1]).await;
    until_all_is_logged(&one, &loader).await;
    servers.0.stop(&BESIDE);
    // The one that is left counts what the other logged last.
    load(&loader, &[&servers.1]).await;
    until_all_is_logged(&one, &loader).await;
    servers.1.stop(&BESIDE);
    Server::start(&one).stop(&BESIDE);
    check(&loader, &[&one, &copy]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restored_older_directory_loses_nothing() {
    let broker = NatsServer::start();
    let installation = Installation::on_broker(&broker);
    installation.register_ads(&[AD]);
    let loader = Loader::default();
    let mut backups = Vec::new();
    for _ in 0..3 {
        let server = Server::start(&installation);
        load(&loader, &[&server]).await;
        until_all_is_logged(&installation, &loader).await;
        server.stop(&BESIDE);
        backups.push(installation.copied());
    }
    // The state after the first start comes back, and is started again and again.
    for _ in 0..2 {
        let server = Server::start(&backups[0]);
        load(&loader, &[&server]).await;
        until_all_is_logged(&backups[0], &loader).await;
        server.stop(&BESIDE);
    }
    check(&loader, &[&backups[0]]).await;
}

/// What a server says while its broker is away.
const AWAY: [&str; 2] = ["the broker's connection is lost", "the broker is not reached; connecting is tried again"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spool_of_a_killed_server_counts_once_from_all_copies_of_its_directory() {
    let mut broker = NatsServer::start();
    let one = Installation::on_broker(&broker);
    one.register_ads(&[AD]);
    let loader = Loader::default();
    let server = Server::start(&one);
    load(&loader, &[&server]).await;
    broker.kill();
    load(&loader, &[&server]).await;
    server.kill();
    let copies = [one.copied(), one.copied()];
    broker.restart();
    let servers = [Server::start(&one), Server::start(&copies[0])];
    load(&loader, &[&servers[0], &servers[1]]).await;
    until_all_is_logged(&one, &loader).await;
    let expected = [&BESIDE[..], &AWAY].concat();
    for server in servers {
        server.stop(&expected);
    }
    // A restored state whose spool drained long ago.
    for installation in [&copies[1], &one, &copies[0]] {
        Server::start(installation).stop(&expected);
    }
    check(&loader, &[&one, &copies[0], &copies[1]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_server_is_refused_although_the_lock_was_removed() {
    let installation = Installation::embedded();
    installation.register_ads(&[AD]);
    let loader = Loader::default();
    let server = Server::start(&installation);
    load(&loader, &[&server]).await;
    fs::remove_file(installation.data().join("write.lock")).unwrap();
    let refused = installation.run(&["serve", "--listen", "127.0.0.1:0"]).exits(1);
    assert!(refused.stderr().contains("another clicktrail process writes"), "{refused}");
    load(&loader, &[&server]).await;
    server.stop(&BESIDE);
    check(&loader, &[&installation]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn older_log_beside_a_newer_catalog_is_refused_and_the_newer_one_goes_on() {
    let installation = Installation::embedded();
    installation.register_ads(&[AD]);
    let loader = Loader::default();
    let mut states = Vec::new();
    for _ in 0..2 {
        let server = Server::start(&installation);
        load(&loader, &[&server]).await;
        server.stop(&BESIDE);
        states.push(installation.copied());
    }
    for log in ["clicks.sqlite", "verdicts.sqlite"] {
        put_back(&states[0], &installation, log);
        for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["rejected", "retry"]] {
            let refused = installation.run(command).exits(1);
            let said = refused.stderr();
            assert!(said.contains("is an older copy") && said.contains("the log of "), "{refused}");
        }
        put_back(&states[1], &installation, log);
    }
    let server = Server::start(&installation);
    load(&loader, &[&server]).await;
    server.stop(&BESIDE);
    check(&loader, &[&installation]).await;
}

/// Replaces a log by another state of it.
fn put_back(from: &Installation, into: &Installation, log: &str) {
    for end in ["", "-wal", "-shm"] {
        let name = format!("{log}{end}");
        let _ = fs::remove_file(into.data().join(&name));
        if from.data().join(&name).exists() {
            fs::copy(from.data().join(&name), into.data().join(&name)).unwrap();
        }
    }
}
