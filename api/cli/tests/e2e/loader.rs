//! Load on a server, and what it has acknowledged.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use reqwest::{Client, StatusCode, redirect::Policy};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Clients that send batches, and clients that follow links.
const BATCH_CLIENTS: usize = 3;
const LINK_CLIENTS: usize = 2;
/// Events in a batch.
const BATCH_EVENTS: usize = 20;
/// The ad that links lead through; to be registered beforehand.
pub(crate) const AD: &str = "ad-1";

/// What was sent and what came back, over all clients and all servers of a test.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// Acknowledged event ids; the position where the answer gave one.
    pub(crate) acknowledged: BTreeMap<String, Option<String>>,
    /// For each client the ids that were acknowledged to it, in the order in which it sent them, one after the other.
    pub(crate) orders: Vec<Vec<String>>,
    /// Event ids that were sent. No id is ever sent twice.
    pub(crate) sent: u64,
    /// Clicks that were acknowledged as redirects.
    pub(crate) redirects: u64,
    /// Events that the server asked to send again.
    pub(crate) refused: u64,
    /// When each was acknowledged.
    pub(crate) acknowledged_at: BTreeMap<String, SystemTime>,
    /// The longest that anybody waited for an answer.
    pub(crate) slowest: Duration,
}

/// Shared by the clients of a test.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loader {
    record: Arc<Mutex<Record>>,
}

impl Loader {
    /// Looks at the record.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Record) -> T) -> T {
        look(&self.record.lock().unwrap())
    }

    /// Puts all clients on the server at `url`. Each goes on until `stop`, or until the server is gone.
    pub(crate) fn start(&self, url: &str, stop: &CancellationToken) -> JoinSet<()> {
        let mut clients = JoinSet::new();
        for number in 0..BATCH_CLIENTS + LINK_CLIENTS {
            let mut record = self.record.lock().unwrap();
            let order = record.orders.len();
            record.orders.push(Vec::new());
            drop(record);
            let client = LoadClient {
                http: Client::builder().redirect(Policy::none()).timeout(Duration::from_secs(30)).build().unwrap(),
                url: url.to_owned(),
                order,
                next: 0,
                record: Arc::clone(&self.record),
            };
            clients.spawn(client.run(number < BATCH_CLIENTS, stop.clone()));
        }
        clients
    }
}

/// Waits until all clients have ended, and fails if one of them did.
pub(crate) async fn ended(mut clients: JoinSet<()>) {
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
}

struct LoadClient {
    http: Client,
    url: String,
    /// Its place in [`Record::orders`]; also what makes its ids unlike those of others.
    order: usize,
    next: u64,
    record: Arc<Mutex<Record>>,
}

impl LoadClient {
    async fn run(mut self, sends_batches: bool, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let begin = Instant::now();
            let sent = if sends_batches { self.send_batch().await } else { self.follow_link().await };
            let mut record = self.record.lock().unwrap();
            record.slowest = record.slowest.max(begin.elapsed());
            drop(record);
            if sent.is_err() {
                // The server is gone: what became of the last request is not known.
                return;
            }
        }
    }

    fn next_id(&mut self) -> String {
        self.next += 1;
        self.record.lock().unwrap().sent += 1;
        format!("e{}-{}", self.order, self.next)
    }

    async fn send_batch(&mut self) -> reqwest::Result<()> {
        let ids: Vec<String> = (0..BATCH_EVENTS).map(|_| self.next_id()).collect();
        let event = |(place, id): (usize, &String)| {
            let kind = if place % 4 == 0 { "click" } else { "impression" };
            json!({
                "event_id": id, "kind": kind, "advertiser_id": "acme", "campaign_id": "spring", "ad_id": AD,
                "price_micros": 250_000, "currency": "EUR", "user_id": "u1",
            })
        };
        let events: Vec<Value> = ids.iter().enumerate().map(event).collect();
        let answer = self.http.post(format!("{}/v1/events", self.url)).json(&events).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if status == StatusCode::SERVICE_UNAVAILABLE {
            self.refused(ids.len()).await;
            return Ok(());
        }
        assert_eq!(status, StatusCode::OK, "{text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        let results = answer["results"].as_array().unwrap();
        assert_eq!(results.len(), ids.len(), "one result per item: {text}");
        for (id, result) in ids.iter().zip(results) {
            assert_eq!(result["status"], "logged", "{result}");
            assert_eq!(result["event_id"], json!(id), "results come in the order of the items");
            self.acknowledged(id, result["position"].as_str().map(str::to_owned));
        }
        Ok(())
    }

    async fn follow_link(&mut self) -> reqwest::Result<()> {
        let id = self.next_id();
        let answer = self.http.get(format!("{}/c/{AD}?eid={id}&uid=u2", self.url)).send().await?;
        if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
            self.refused(1).await;
            return Ok(());
        }
        assert_eq!(answer.status(), StatusCode::FOUND);
        assert_eq!(answer.headers()["location"], format!("https://example.com/{AD}"));
        self.record.lock().unwrap().redirects += 1;
        self.acknowledged(&id, None);
        Ok(())
    }

    fn acknowledged(&self, id: &str, position: Option<String>) {
        let mut record = self.record.lock().unwrap();
        record.orders[self.order].push(id.to_owned());
        record.acknowledged.insert(id.to_owned(), position);
        record.acknowledged_at.insert(id.to_owned(), SystemTime::now());
    }

    async fn refused(&self, events: usize) {
        self.record.lock().unwrap().refused += events as u64;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
