//! Evidence of what was issued and corrected, where the log is on a broker, the archive on S3 and the catalog on
//! PostgreSQL: an invoice with its note, and that both were issued, by two verifiers that share no code.

use clicktrail_log::time::{Clock as _, SystemClock};
use serde_json::Value;

use crate::{
    auditor::{Auditor, bundle, export, sign},
    installation::Installation,
    invoices::{add_accounts, clicks, last_week, story},
    nats_server::NatsServer,
    production::becomes_counted,
    sealed::{seal_all, seal_through},
    server::Server,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invoice_with_its_note_is_proved_to_be_issued_on_postgres_s3_and_jetstream() {
    let broker = NatsServer::start();
    let installation = Installation::in_production(&broker).await;
    let server = Server::start_with(&installation, &["--event-age-max", "2000000"]);
    let (period, from) = last_week();
    let mut events = clicks("acme", 60, from, 100);
    events.extend(clicks("kavi", 20, from, 300));
    let client = reqwest::Client::new();
    let answer = client.post(format!("{}/v1/events", server.url())).json(&events).send().await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
    becomes_counted(&installation, 80).await;
    server.stop(&[]);
    seal_all(&installation).await;
    tokio::task::block_in_place(|| {
        // The documents stand on this head; the log goes on from there.
        sign(&installation);
        add_accounts(&installation, &["acme", "kavi"]);
        story(&installation, &period, "0h");
    });
    // What was ruled and issued since is in the hour behind the last.
    seal_through(&installation, SystemClock.now().hour().next()).await;
    tokio::task::block_in_place(|| checked(&installation, &period));
    installation.remove().await;
}

fn checked(installation: &Installation, period: &str) {
    let auditor = Auditor::new(&sign(installation));
    for (asked, documents) in [("INV-00000001", 2), ("CN-00000001", 2), ("INV-00000002", 1)] {
        let exported = export(installation, &["--invoice", asked, "--output", "json"], &format!("{asked}.zip"));
        let exported = exported.exits(0).json();
        assert_eq!(exported["unlogged"], Value::Array(Vec::new()), "all are in a sealed hour: {exported}");
        let file = bundle(installation, &format!("{asked}.zip"));
        let (code, said) = auditor.verify(&file, &["--output", "json"]);
        assert_eq!(code, 0, "{asked}: {said}");
        let ours: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(ours["numbers"]["documents"], documents, "{asked}: {said}");
        let issued = format!("with these very bytes: {documents} of them");
        assert!(said.contains(&issued), "{asked}: {said}");
        let (code, said) = auditor.verify_by_script(&file, &["--output", "json"]);
        assert_eq!(code, 0, "{asked}: {said}");
        let theirs: Value = serde_json::from_str(&said).unwrap();
        for number in ["total", "rows", "verdicts", "documents", "clicks"] {
            assert_eq!(ours["numbers"][number], theirs["numbers"][number], "{asked}: {number}");
        }
        assert!(ours["numbers"]["total"].is_string(), "{asked} of {period}: {said}");
    }
    // A note is proved with its invoice: it is the same bundle but for the name that was asked for.
    let lines = export(installation, &["--invoice", "CN-00000001", "--lines", "spring"], "lines.zip");
    lines.exits(0);
    let file = bundle(installation, "lines.zip");
    let (code, said) = auditor.verify(&file, &[]);
    assert_eq!((code, auditor.verify_by_script(&file, &[]).0), (0, 0), "{said}");
}
