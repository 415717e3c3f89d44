//! JetStream, S3 and PostgreSQL together: captured over HTTP, counted live, sealed, verified, rebuilt.

use std::{sync::Arc, time::Duration};

use clicktrail_catalog::Outcome;
use clicktrail_live::sealing::Archiver;
use clicktrail_log::{
    archive::{self, keys::ManifestKey, seal},
    log::{Log, Stream},
    time::{Clock, Hour, ManualClock, SystemClock},
};
use clicktrail_projections::session;
use clicktrail_verdicts::reader::VerdictReader;
use serde_json::{Value, json};

use crate::{
    installation::Installation,
    loader::AD,
    nats_server::NatsServer,
    recount::{Recount, sum},
    server::Server,
};

/// Events that are simulated. Probes and prefetches among them are not sent: they are no events of the API.
const EVENTS: i64 = 20_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn captured_events_are_counted_live_and_the_same_from_the_sealed_archive() {
    let broker = NatsServer::start();
    let installation = Installation::in_production(&broker).await;
    installation.register_ads(&[AD]);
    let server = Server::start(&installation);
    let simulated = EVENTS.to_string();
    let load = ["--events", &simulated, "--hours", "1", "--seed", "7", "--batch", "500"];
    let sent = installation.ask(&[&["simulate", "--url", &server.url()], &load[..]].concat());
    let events = sent["sent"].as_i64().unwrap();
    assert!(events > EVENTS * 9 / 10 && sent["logged"] == sent["sent"] && sent["rejected"] == json!(0), "{sent}");
    becomes_counted(&installation, events).await;
    server.stop(&[]);

    let log = installation.log(Stream::Clicks).await;
    let recount = Recount::of(log.as_ref()).await;
    assert_eq!(recount.kinds.values().sum::<i64>(), events, "{:?}", recount.kinds);
    assert_eq!((recount.repeats, recount.alarms.len()), (0, 0));
    recount.check_verdicts(&installation).await;
    recount.check_counters(&installation);

    let everything = ["counters", "--by", "advertiser,campaign,ad,publisher,country,device", "--granularity", "minute"];
    let live = installation.ask(&everything);
    let sealed = seal(&installation, log).await;
    assert_eq!(installation.ask(&everything), live, "sealed hours count otherwise than the live partials did");
    let hours = installation.ask(&["log", "hours"]);
    assert_eq!(sum(&hours, "rows"), events, "{hours}");
    let verified = installation.ask(&["log", "verify", "--deep"]);
    assert_eq!((&verified["rows"], &verified["problems"]), (&json!(events), &json!([])));
    installation.ask(&["catalog", "rebuild"]);
    assert_eq!(installation.ask(&everything), live, "the rebuilt catalog counts otherwise");

    manifest_cannot_be_replaced(&installation, sealed).await;
    installation.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_finds_jetstream_s3_and_postgres_fit_for_money() {
    let broker = NatsServer::start();
    let installation = Installation::in_production(&broker).await;
    let doctor = installation.run(&["doctor", "--output", "json"]);
    let findings = doctor.json();
    let findings = findings.as_array().unwrap();
    // Not `fsync`: whether the disk under the temporary directory is a real one is the machine's affair.
    for check in ["durability", "clock", "archive", "create-only", "catalog"] {
        let found = findings.iter().find(|finding| finding["check"] == check);
        assert_eq!(found.map(|finding| &finding["ok"]), Some(&json!(true)), "{check}: {doctor}");
    }
    let durability = findings.iter().find(|finding| finding["check"] == "durability").unwrap();
    assert_eq!(durability["detail"], "an acknowledgement means fsync");
    installation.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_refuses_a_broker_that_does_not_fsync() {
    let broker = NatsServer::start_with_sync("2m");
    let installation = Installation::on_broker(&broker);
    let refused = installation.run(&["serve", "--listen", "127.0.0.1:0"]).exits(1);
    let said = refused.stderr();
    assert!(said.contains("acknowledged events could be lost") && said.contains("sync_interval"), "{refused}");
    let doctor = installation.run(&["doctor", "--output", "json"]).exits(2);
    let findings = doctor.json();
    let durability = findings.as_array().unwrap().iter().find(|finding| finding["check"] == "durability").unwrap();
    assert_eq!(durability["ok"], json!(false), "{doctor}");
}

/// Waits until live counting has come to the end of the log.
pub(crate) async fn becomes_counted(installation: &Installation, events: i64) {
    let columns = ["impressions", "clicks", "conversions", "probes", "prefetches"];
    let counted = |rows: &Value| columns.iter().map(|column| sum(rows, column)).sum::<i64>();
    let mut rows = Value::Null;
    for _ in 0..100 {
        rows = installation.ask(&["counters"]);
        if counted(&rows) == events {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{events} events are logged, and live counting stands at {}: {rows}", counted(&rows));
}

/// Seals what is logged as if its hours were over, and gives the last hour.
async fn seal(installation: &Installation, log: Arc<dyn Log>) -> Hour {
    seal_as_if(installation, log, SystemClock.now().hour(), true).await
}

/// Seals everything up to an hour as if it was over. Hours ahead of time may differ from what was counted for others.
pub(crate) async fn seal_as_if(
    installation: &Installation,
    log: Arc<dyn Log>,
    hour: Hour,
    must_be_equal: bool,
) -> Hour {
    // The roles of an archiver are large.
    Box::pin(async move {
        let catalog = installation.postgres().await;
        let later = hour.end_exclusive().plus_micros(i64::try_from(seal::GRACE.as_micros()).unwrap());
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(later));
        let limits = session::Limits::default();
        let verdicts = installation.log(Stream::Verdicts).await;
        let history = VerdictReader::new(Arc::clone(&verdicts), installation.s3());
        let archiver = Archiver::new(log, installation.s3(), Arc::clone(&catalog), clock, limits);
        let mut archiver = archiver.behind_judge(verdicts, history);
        let mut last = None;
        while let Some(sealed) = archiver.seal_next(later).await.unwrap() {
            let is_equal = sealed.reconciliation.outcome == Outcome::Equal;
            assert!(is_equal || !must_be_equal, "{:?}", sealed.reconciliation);
            last = Some(sealed.manifest.hour());
        }
        while archiver.seal_next_verdicts(later).await.unwrap() {}
        last.unwrap()
    })
    .await
}

async fn manifest_cannot_be_replaced(installation: &Installation, hour: Hour) {
    let archive = installation.s3();
    let path = ManifestKey { stream: Stream::Clicks, hour }.path();
    let before = archive.get(&path).await.unwrap();
    let refused = archive.create(&path, "{}".into()).await.unwrap_err();
    assert!(matches!(refused, archive::Error::Conflict(_)), "{refused}");
    assert_eq!(archive.get(&path).await.unwrap(), before);
    archive.create(&path, before).await.expect("the same manifest once more is the same step done again");
}
