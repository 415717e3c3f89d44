//! Somebody is erased from JetStream, S3 and PostgreSQL, what is too old goes, code and key change: the value is
//! nowhere after the stated time, and evidence of the same period verifies before and after each of it.

use std::{fs, sync::Arc};

use clicktrail_live::sealing::Archiver;
use clicktrail_log::{
    log::Stream,
    time::{Clock as _, Hour, ManualClock, SystemClock, Timestamp},
};
use clicktrail_projections::session;
use clicktrail_verdicts::reader::VerdictReader;
use serde_json::{Value, json};

use crate::{
    auditor::{Auditor, ORIGIN, bundle, export, key, sign},
    broker_outage,
    installation::Installation,
    invoices::{add_accounts, bumped, click, clicks, draft_and_approve, issue, last_week, regenerates},
    nats_server::NatsServer,
    production::{becomes_counted, seal_as_if},
    rejected::broker_frees,
    sealed::seal_rejected,
    searching::{look, marked, places},
    server::Server,
};

/// Whoever is to go: a click of the week, one that waits on the spool, and one that is rejected.
const USER: &str = "acmeu59";
const DAY: i64 = 24 * 3_600_000_000;
/// For so long events may come from spools: a request on a broker stays open, as `docs/operations.md` says.
const STATED_DAYS: i64 = 7;

/// What captured the week, with the broker away in the middle of it.
async fn captured(broker: &mut NatsServer, installation: &Installation, from: Timestamp) {
    let server = Server::start_with(installation, &["--event-age-max", "2000000"]);
    let client = reqwest::Client::new();
    let post = async |events: &[Value]| -> Value {
        let answer = client.post(format!("{}/v1/events", server.url())).json(events).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
        answer.json().await.unwrap()
    };
    let mut events = clicks("acme", 60, from, 100);
    events.extend(clicks("kavi", 20, from, 300));
    for chunk in events.chunks(20) {
        post(chunk).await;
    }
    becomes_counted(installation, 80).await;
    broker.kill();
    let mut spooled = click("acme", 300, from.plus_micros(7));
    spooled["user_id"] = json!(USER);
    let told = post(&[spooled]).await;
    assert_eq!(told["results"][0]["position"], Value::Null, "{told}");
    broker.restart();
    becomes_counted(installation, 81).await;
    let mut wrong = click("acme", 301, from);
    (wrong["user_id"], wrong["currency"]) = (json!(USER), json!("EURO"));
    let told = post(&[wrong]).await;
    assert_eq!(told["results"][0]["status"], json!("rejected"), "{told}");
    server.stop(&broker_outage::EXPECTED);
}

/// What the role `archive` does at another time.
async fn archiver(installation: &Installation) -> Archiver {
    let verdicts = installation.log(Stream::Verdicts).await;
    let history = VerdictReader::new(Arc::clone(&verdicts), installation.archive());
    let (clicks, catalog) = (installation.log(Stream::Clicks).await, installation.catalog().await);
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let archiver = Archiver::new(clicks, installation.archive(), catalog, clock, session::Limits::default());
    archiver.behind_judge(verdicts, history).with_rejected(installation.log(Stream::Rejected).await)
}

async fn seals(installation: &Installation, hour: Hour) {
    seal_as_if(installation, installation.log(Stream::Clicks).await, hour, true).await;
    seal_rejected(installation).await;
}

/// A period that was billed, and what its evidence must say as long as there is an archive.
struct Proved<'i> {
    installation: &'i Installation,
    invoice: String,
    /// The range of the advertiser's events.
    range: String,
    /// Evidence of the invoice as it was first.
    before: Vec<u8>,
}

impl<'i> Proved<'i> {
    fn new(installation: &'i Installation, invoice: String, range: String, auditor: &Auditor) -> Self {
        let proved = Self { installation, invoice, range, before: Vec::new() };
        Self { before: proved.verifies("before", auditor, 0), ..proved }
    }

    /// Exports and checks both kinds of evidence, `gone` events of which have no personal columns, by both verifiers.
    /// Returns the bundle about the invoice.
    fn verifies(&self, name: &str, auditor: &Auditor, gone: u64) -> Vec<u8> {
        let document = bundle(self.installation, "invoice.json");
        let whole = ["--invoice", &self.invoice];
        let people = ["--query", &self.range, "--with-personal", "--case", "A-1"];
        for (kind, what) in [("whole", &whole[..]), ("people", &people[..])] {
            let file = format!("{name}-{kind}.zip");
            let exported = export(self.installation, what, &file).exits(0);
            let further = ["--document", document.to_str().unwrap()];
            let further = if kind == "whole" { &further[..] } else { &[] };
            let (code, said) = auditor.verify(&bundle(self.installation, &file), further);
            assert_eq!(code, 0, "{file}: {said}");
            assert_eq!(said.contains("they were erased"), kind == "people" && gone > 0, "{file}: {said}");
            assert_eq!(exported.stderr().contains("are erased"), kind == "people" && gone > 0, "{exported}");
            let (code, said) = auditor.verify_by_script(&bundle(self.installation, &file), further);
            assert_eq!(code, 0, "{file}: {said}");
        }
        fs::read(bundle(self.installation, &format!("{name}-whole.zip"))).unwrap()
    }

    /// Billing, counting, proof and verification go on, also in a catalog that is made anew.
    fn goes_on(&self, name: &str, auditor: &Auditor, gone: u64) {
        let installation = self.installation;
        let verified = installation.ask(&["log", "verify", "--deep"]);
        assert_eq!((&verified["erased"], &verified["problems"]), (&json!(gone), &json!([])), "{verified}");
        assert_eq!(self.verifies(&format!("{name}-1"), auditor, gone), self.before);
        let counted = installation.ask(&["counters", "--by", "advertiser"]);
        installation.run(&["catalog", "rebuild"]).exits(0);
        assert_eq!(installation.ask(&["counters", "--by", "advertiser"]), counted);
        regenerates(installation, &self.invoice);
        assert_eq!(self.verifies(&format!("{name}-2"), auditor, gone), self.before);
    }
}

/// The period drafted, issued and signed; the key that others verify with, and the invoice.
fn billed(installation: &Installation, period: &str) -> (String, String) {
    add_accounts(installation, &["acme", "kavi"]);
    let key = sign(installation);
    draft_and_approve(installation, period, "0h");
    let invoice = issue(installation, period)[0].clone();
    let exported = installation.run(&["invoice", "export", &invoice, "--format", "json", "--out", "-"]).exits(0);
    fs::write(bundle(installation, "invoice.json"), exported.stdout()).unwrap();
    (key, invoice)
}

/// Signs with the key of before and one of the same name; the verifier key of the second.
fn rotated(installation: &Installation) -> String {
    let (first, second) = (key(installation).0, bundle(installation, "second.key"));
    let second = second.to_str().unwrap();
    let made = installation.run(&["evidence", "keygen", "--name", ORIGIN, "--out", second]).exits(0);
    installation.run(&["log", "sign", "--evidence-key", &format!("{first},{second}")]).exits(0);
    made.stdout().trim_end().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn erased_value_is_nowhere_and_evidence_verifies_through_erasure_retention_rebuild_rotation_and_new_code() {
    let mut broker = NatsServer::start();
    let installation = Installation::in_production(&broker).await;
    let (period, from) = last_week();
    captured(&mut broker, &installation, from).await;
    let hour = SystemClock.now().hour();
    seals(&installation, hour).await;
    let (key, invoice) = tokio::task::block_in_place(|| billed(&installation, &period));
    let auditor = Auditor::new(&key);
    let range = format!("advertiser=acme,from={from},to={}", from.plus_micros(7 * DAY));
    let proved = tokio::task::block_in_place(|| Proved::new(&installation, invoice, range, &auditor));

    let held = look(&installation, USER).await;
    for place in ["of clicks", "of rejected", "object clicks/"] {
        assert!(held.places.iter().any(|found| found.contains(place)), "{place}: {:?}", held.places);
    }
    assert!(!marked(&broker.store(), &held.marks).is_empty(), "frames can be seen in the broker's files");
    let erase = ["personal", "erase", "--user", USER, "--yes", "--reason", "DSR-17", "--output", "json"];
    let erased = installation.run(&erase).exits(5);
    let request = &erased.json()["requests"][0];
    assert_eq!((&request["erased"], &request["rejected"], &request["done"]), (&json!(2), &json!(1), &json!(false)));
    assert_eq!(places(&installation, USER).await, Vec::<String>::new());
    assert_eq!(marked(&installation.data(), &held.marks), Vec::<String>::new());
    // All is sealed, so the broker frees its files.
    assert_eq!(held.marks.len(), 3, "{:?}", held.places);
    broker_frees(&broker, &held.marks).await;
    tokio::task::block_in_place(|| proved.goes_on("erased", &auditor, 2));

    let later = SystemClock.now().plus_micros((STATED_DAYS * DAY) + 1);
    let done = archiver(&installation).await.erase(later, "archive").await.unwrap();
    assert!(done.len() == 1 && done[0].is_done, "{done:?}");
    assert_eq!(installation.ask(&["personal", "list"]), json!([]));
    assert_eq!(places(&installation, USER).await, Vec::<String>::new());

    tokio::task::block_in_place(|| {
        assert_eq!(installation.ask(&["retention", "apply", "--yes"])["hours"], json!(0), "nothing is too old");
    });
    let retained = archiver(&installation).await.retain(SystemClock.now().plus_micros(400 * DAY), 12).await.unwrap();
    assert_eq!((retained.clicks.rows, retained.clicks.left_alone), (79, 0), "{retained:?}");
    for gone in ["198.51.", "kaviu", "Mozilla"] {
        assert_eq!(places(&installation, gone).await, Vec::<String>::new(), "{gone}");
    }
    tokio::task::block_in_place(|| {
        proved.goes_on("retained", &auditor, 81);
        bumped(&installation);
        proved.goes_on("bumped", &auditor, 81);
    });

    seals(&installation, hour.next()).await;
    tokio::task::block_in_place(|| {
        let second = rotated(&installation);
        for (name, key) in [("rotated-first", &key), ("rotated-second", &second)] {
            proved.verifies(name, &Auditor::new(key), 81);
        }
        let document = bundle(&installation, "invoice.json");
        let (code, said) =
            auditor.verify(&bundle(&installation, "before-whole.zip"), &["--document", document.to_str().unwrap()]);
        assert_eq!(code, 0, "what was handed out before is proved as it was: {said}");
    });
    installation.remove().await;
}
