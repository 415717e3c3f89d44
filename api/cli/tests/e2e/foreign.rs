//! A log of another copy is refused, however long it is: the catalog knows its frames by digest, not by number alone.

use std::fs;

use serde_json::{Value, json};

use crate::{
    complete::delete_catalog, installation::Installation, loader::AD, nats_server::NatsServer, recount::sum,
    server::Server,
};

/// Serves until so many batches of one impression each are counted.
async fn serve(installation: &Installation, name: &str, frames: u64) {
    let server = Server::start(installation);
    let client = reqwest::Client::new();
    for number in 0..frames {
        let event = json!([{
            "event_id": format!("{name}-{number}"), "kind": "impression", "advertiser_id": "acme",
            "campaign_id": "spring", "ad_id": AD, "price_micros": 0, "currency": "EUR",
        }]);
        let answer = client.post(format!("{}/v1/events", server.url())).json(&event).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }
    installation.run(&["counters", "--complete"]).exits(0);
    server.stop(&[]);
}

fn impressions(installation: &Installation) -> i64 {
    sum(&installation.ask(&["counters"]), "impressions")
}

/// Every command that answers from both or writes says which frame is another, and what helps.
#[track_caller]
fn is_refused(installation: &Installation, frame: &str) {
    let commands: [&[&str]; 7] = [
        &["counters"],
        &["counters", "--as-of", "latest"],
        &["counters", "--tiers"],
        &["log", "hours"],
        &["verdicts", "stale"],
        &["catalog", "rebuild"],
        &["serve", "--listen", "127.0.0.1:0"],
    ];
    for command in commands {
        let refused = installation.run(command).exits(1);
        for part in [frame, "but the catalog ", " another, ", "`clicktrail catalog rebuild --trust-log`"] {
            assert!(refused.stderr().contains(part), "{command:?} {part}: {refused}");
        }
        assert_eq!(refused.stdout(), "", "{command:?}");
    }
    let found = installation.run(&["log", "verify", "--counters"]).exits(2);
    assert!(found.stdout().contains("PROBLEM open  ") && found.stdout().contains(frame), "{found}");
}

/// Puts the named databases of one data directory in place of those of another.
fn put(names: &[&str], from: &Installation, to: &Installation) {
    for name in names {
        for end in ["", "-wal", "-shm"] {
            let (from, to) = (from.data().join(format!("{name}{end}")), to.data().join(format!("{name}{end}")));
            let _ = fs::remove_file(&to);
            if from.exists() {
                fs::copy(&from, &to).unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn longer_click_log_of_another_copy_is_refused_and_a_rebuild_may_trust_it() {
    let one = Installation::embedded();
    serve(&one, "both", 2).await;
    let other = one.copied();
    serve(&one, "one", 2).await;
    serve(&other, "other", 6).await;
    let present = one.copied();
    put(&["clicks.sqlite"], &other, &one);
    is_refused(&one, "frame 4 of the log of clicks is ");
    // The right one again: nothing was changed.
    put(&["clicks.sqlite"], &present, &one);
    assert_eq!(impressions(&one), 4);
    one.run(&["counters", "--complete"]).exits(0);

    put(&["clicks.sqlite", "verdicts.sqlite"], &other, &one);
    one.run(&["catalog", "rebuild", "--trust-log"]).exits(4);
    let waits = one.run(&["counters"]).exits(0);
    assert!(waits.stderr().contains("frames logged since"), "{waits}");
    serve(&one, "later", 1).await;
    assert_eq!(impressions(&one), 9, "what the trusted log holds, and what came since");
    one.run(&["log", "verify", "--counters"]).exits(4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn catalog_of_another_broker_is_refused() {
    let (broker, other_broker) = (NatsServer::start(), NatsServer::start());
    let (one, other) = (Installation::on_broker(&broker), Installation::on_broker(&other_broker));
    serve(&one, "one", 2).await;
    serve(&other, "other", 5).await;
    put(&["catalog.sqlite"], &one, &other);
    is_refused(&other, "frame 2 of the log of clicks is ");
    delete_catalog(&other);
    let empty: Value = other.ask(&["counters"]);
    assert_eq!(sum(&empty, "impressions"), 0);
}
