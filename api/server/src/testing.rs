//! Doors over real committers, logs and a catalog in a temporary directory, with a log that can be told to fail.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arrow::{
    array::{AsArray as _, RecordBatch},
    datatypes::TimestampMicrosecondType,
    util::display::array_value_to_string,
};
use axum::{
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use clicktrail_catalog::{Ad, Catalog, Sqlite};
use clicktrail_evidence::note::SigningKey;
use clicktrail_log::{
    committer::{Committer, Direct, Sink, Stored},
    embedded::EmbeddedLog,
    frame::{Frame, Writer},
    ids::SeededIds,
    log::{self, Log, ReadLimit, Stream},
    position::{Epoch, Seq},
    time::{ManualClock, Timestamp},
};
use metrics_exporter_prometheus::PrometheusHandle;
use uuid::Uuid;

use crate::{
    limits::Limits,
    metric_names,
    ready::Ready,
    registry::Registry,
    router,
    state::{Setup, State},
    tally,
};

pub(super) const NOW: &str = "2026-11-22T14:00:00Z";
pub(super) const TARGET: &str = "https://shop.example/landing?from=ad";

/// Passes frames on, unless it is told to refuse them for good.
#[derive(Debug)]
struct Switch {
    inner: Direct,
    is_broken: Arc<AtomicBool>,
}

#[async_trait::async_trait]
impl Sink for Switch {
    async fn store(&self, frame: &Frame) -> Result<Stored, log::Error> {
        if self.is_broken.load(Ordering::SeqCst) {
            return Err(log::Error::Fatal("told to fail".into()));
        }
        self.inner.store(frame).await
    }

    fn epoch(&self) -> Epoch {
        self.inner.epoch()
    }
}

/// One log behind a committer.
struct Stage {
    log: Arc<dyn Log>,
    committer: Committer,
    is_broken: Arc<AtomicBool>,
}

impl Stage {
    async fn open(directory: &std::path::Path, stream: Stream, clock: Arc<ManualClock>) -> Self {
        let log = EmbeddedLog::open(&directory.join(stream.as_str()), stream, clock).await.unwrap();
        let log: Arc<dyn Log> = Arc::new(log);
        let is_broken = Arc::new(AtomicBool::new(false));
        let inner = Direct::new(Arc::clone(&log)).await.unwrap();
        let sink = Switch { inner, is_broken: Arc::clone(&is_broken) };
        let (committer, _) = Committer::start(Arc::new(sink), Writer::new(Uuid::from_u128(1), 1));
        Self { log, committer, is_broken }
    }

    async fn batches(&self) -> Vec<RecordBatch> {
        let logged = self.log.read(Seq::FIRST, ReadLimit::waiting(Duration::ZERO)).await.unwrap();
        logged.iter().map(|logged| logged.frame.decode().unwrap()).collect()
    }

    /// Every row as its columns' values, in log order; absent values are empty.
    async fn rows(&self, columns: &[&str]) -> Vec<String> {
        let mut rows = Vec::new();
        for batch in self.batches().await {
            for row in 0..batch.num_rows() {
                let values = columns.iter().map(|column| value(&batch, column, row));
                rows.push(values.collect::<Vec<_>>().join(" | "));
            }
        }
        rows
    }
}

fn value(batch: &RecordBatch, column: &str, row: usize) -> String {
    let array = batch.column_by_name(column).unwrap();
    if let Some(bytes) = array.as_binary_opt::<i32>() {
        return String::from_utf8_lossy(bytes.value(row)).into_owned();
    }
    // Arrow shows times in UTC only where it was built with a time zone database.
    if let Some(times) = array.as_primitive_opt::<TimestampMicrosecondType>() {
        return Timestamp::from_micros(times.value(row)).to_string();
    }
    array_value_to_string(array, row).unwrap()
}

/// The doors and what is behind them.
pub(super) struct Doors {
    pub(super) state: State,
    router: axum::Router,
    pub(super) catalog: Arc<Sqlite>,
    clicks: Stage,
    rejected: Stage,
    metrics: PrometheusHandle,
    _directory: tempfile::TempDir,
}

/// What a request was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Status and problem code, as in `404 unknown_ad`; only the status if the answer is no problem.
    #[track_caller]
    pub(super) fn outcome(&self) -> String {
        let status = self.status.as_u16();
        match self.header("content-type") {
            "application/problem+json" => {
                let problem = self.json();
                assert_eq!(problem["status"], status);
                assert_eq!(problem["request_id"], self.header("x-request-id"));
                format!("{status} {}", problem["code"].as_str().unwrap())
            }
            _ => status.to_string(),
        }
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The status of each result of a batch, with the code of its problem or its position.
    #[track_caller]
    pub(super) fn results(&self) -> Vec<String> {
        assert_eq!(self.status, StatusCode::OK, "{}", String::from_utf8_lossy(&self.body));
        let answer = self.json();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
        let result = |result: &serde_json::Value| match result["status"].as_str().unwrap() {
            "logged" => format!("logged {}", text(&result["position"])),
            status => format!("{status} {}", text(&result["problem"]["code"])),
        };
        answer["results"].as_array().unwrap().iter().map(result).collect()
    }
}

pub(super) fn ad(ad_id: &str) -> Ad {
    Ad {
        ad_id: ad_id.into(),
        advertiser_id: "adv".into(),
        campaign_id: "camp".into(),
        target_url: TARGET.into(),
        price_micros: 250_000,
        currency: "EUR".into(),
    }
}

impl Doors {
    /// Doors with the ads `known` and `a/b c`, at [`NOW`].
    pub(super) async fn open(limits: Limits) -> Self {
        Self::signing(limits, Vec::new()).await
    }

    /// The same, which sign receipts with these keys.
    pub(super) async fn signing(limits: Limits, keys: Vec<SigningKey>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let now = Timestamp::parse_rfc3339(NOW).unwrap();
        let clock = Arc::new(ManualClock::new(now));
        let clicks = Stage::open(directory.path(), Stream::Clicks, Arc::clone(&clock)).await;
        let rejected = Stage::open(directory.path(), Stream::Rejected, Arc::clone(&clock)).await;
        let catalog = Arc::new(Sqlite::open(&directory.path().join("catalog")).await.unwrap());
        catalog.put_ads(&[ad("known"), ad("a/b c")], "test", now).await.unwrap();
        let recorder = tally::recorder().unwrap();
        let handle = recorder.handle();
        let registry = Registry::load(Arc::clone(&catalog) as Arc<dyn Catalog>).await.unwrap();
        let setup = Setup {
            clicks: clicks.committer.clone(),
            rejected: rejected.committer.clone(),
            registry: Arc::new(registry),
            clock,
            ids: Arc::new(SeededIds::new(1)),
            limits,
            receipt_keys: keys.into(),
            redeem: None,
            ready: Ready::default(),
            metrics: handle.clone(),
        };
        let state = ::metrics::with_local_recorder(&recorder, || State::new(setup));
        let router = router::router(state.clone());
        Self { state, router, catalog, clicks, rejected, metrics: handle, _directory: directory }
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let response = router::answer(self.router.clone(), &self.state, request).await;
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// `request` is `METHOD path`.
    pub(super) async fn ask(&self, request: &str, headers: &[(&str, &str)]) -> Answer {
        let (method, path) = request.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(super) async fn post(&self, content_type: &str, encoding: &str, body: impl Into<Body>) -> Answer {
        let request =
            Request::post("/v1/events").header("content-type", content_type).header("content-encoding", encoding);
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(super) fn break_clicks(&self) {
        self.clicks.is_broken.store(true, Ordering::SeqCst);
    }

    pub(super) fn break_rejected(&self) {
        self.rejected.is_broken.store(true, Ordering::SeqCst);
    }

    pub(super) async fn logged(&self, columns: &[&str]) -> Vec<String> {
        self.clicks.rows(columns).await
    }

    /// The frames of the click log.
    pub(super) async fn click_frames(&self) -> Vec<Frame> {
        let logged = self.clicks.log.read(Seq::FIRST, ReadLimit::waiting(Duration::ZERO)).await.unwrap();
        logged.into_iter().map(|logged| logged.frame).collect()
    }

    /// How many frames the click log holds.
    pub(super) async fn frames(&self) -> usize {
        self.clicks.batches().await.len()
    }

    pub(super) async fn rejected(&self, columns: &[&str]) -> Vec<String> {
        self.rejected.rows(columns).await
    }

    /// Checks the counters `(logged, rejected, refused)`, that they add up to what was received (I2), and that the
    /// logs hold as many.
    #[track_caller]
    pub(super) fn check_counts(&self, expected: (u64, u64, u64)) {
        let text = self.metrics.render();
        let count = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name) && line.as_bytes()[name.len()] == b' ');
            line.unwrap_or_else(|| panic!("{name} in {text}")).rsplit(' ').next().unwrap().parse::<u64>().unwrap()
        };
        let names = metric_names::EVENTS_LOGGED;
        let (logged, rejected, refused) =
            (count(names), count(metric_names::EVENTS_REJECTED), count(metric_names::EVENTS_REFUSED));
        assert_eq!((logged, rejected, refused), expected);
        let sampled_out = count(metric_names::EVENTS_SAMPLED_OUT);
        assert_eq!(count(metric_names::EVENTS_RECEIVED), logged + rejected + refused + sampled_out);
    }
}
