//! `clicktrail simulate`

#![expect(clippy::disallowed_methods, reason = "a load over HTTP is measured, and pauses before it tries again")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use clicktrail_live::backfill::Written;
use clicktrail_log::{
    frame::Digest,
    time::{Clock as _, ManualClock, SystemClock, Timestamp},
};
use clicktrail_simulate::{Config, Simulation};
use serde_json::{Value, json};

use crate::{
    behind,
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    made_up, output, progress,
};

/// How long a request may take before its outcome is unknown.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Number of events, of all kinds together
    #[arg(long, default_value_t = 100_000)]
    pub(super) events: u64,
    /// Hours of simulated time that they are spread over
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=87_600))]
    pub(super) hours: u32,
    /// Seed of the random numbers: the same seed gives the same events
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Beginning of the first hour
    #[arg(long, default_value = "2026-01-01T00:00:00Z", value_parser = start)]
    pub(super) start: Timestamp,
    /// Send the events to a running server instead, as fast as it takes them: http://HOST:PORT
    #[arg(long)]
    pub(super) url: Option<String>,
    /// Events in each request (with --url)
    #[arg(long, default_value_t = 1_000)]
    pub(super) batch: usize,
    /// Requests in progress at a time (with --url)
    #[arg(long, default_value_t = 4)]
    pub(super) connections: usize,
}

fn start(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text).ok_or_else(|| "use RFC 3339, as in 2026-01-01T00:00:00Z".to_owned())
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let config = Config::new(arguments.events, arguments.hours, arguments.seed, arguments.start);
    if let Some(url) = &arguments.url {
        return send(global, Simulation::new(&config), url, &arguments).await;
    }
    let written = Box::pin(write(global, &config)).await?;
    match global.output {
        Format::Json => output::json(&json!({
            "logged": written.logged,
            "duplicates": written.duplicates,
            "hours_sealed": written.hours_sealed,
            "hours_reconciled": written.hours_equal,
        })),
        Format::Table => print(&written),
    }
    Ok(Exit::Ok)
}

pub(super) fn print(written: &Written) {
    let logged = output::count(written.logged, "event");
    output::line(&format!("{logged} logged, {} were in the log already", written.duplicates));
    output::line(&format!(
        "{} sealed, {} of them equal to what was counted live",
        output::count(written.hours_sealed, "hour"),
        written.hours_equal
    ));
}

/// Writes a simulation as history, and registers its ads, in a directory that holds nothing else.
pub(super) async fn write(global: &Global, config: &Config) -> anyhow::Result<Written> {
    let places = global.places()?;
    let rules = global.rules()?;
    let present = SystemClock.now();
    let hours = i64::from(config.hours) * 3_600_000_000;
    ensure!(
        config.start.plus_micros(hours) <= present,
        "the simulated time ends in the future: choose an earlier --start"
    );
    // Nothing is opened, made or registered before this.
    let _lock = made_up::claim(&places)?;
    let clock = Arc::new(ManualClock::new(present));
    let instance = Installation::open(places, Arc::clone(&clock) as Arc<_>).await?;
    behind::check(&instance).await?;
    let mut simulation = Simulation::new(config);
    instance.catalog.put_ads(simulation.ads(), "simulate", present).await?;
    let digest = Digest::of(format!("simulation {config:?}").as_bytes());
    let identity =
        uuid::Builder::from_custom_bytes(*digest.0.first_chunk().expect("a digest has 32 bytes")).into_uuid();
    let mut backfill = instance.backfill(rules, clock, present, identity)?;
    let bar = progress::bar(config.events, "simulate");
    while let Some(batch) = simulation.next_batch() {
        backfill.append(&batch.events, batch.first, batch.last).await?;
        bar.set_position(simulation.made());
    }
    let written = backfill.finish().await?;
    bar.finish_and_clear();
    Ok(written)
}

/// What a server answered, item by item.
#[derive(Debug, Clone, Copy, Default)]
struct Answers {
    sent: u64,
    logged: u64,
    rejected: u64,
    retried: u64,
}

async fn send(global: &Global, mut simulation: Simulation, url: &str, arguments: &Arguments) -> anyhow::Result<Exit> {
    ensure!(arguments.batch > 0 && arguments.connections > 0, "--batch and --connections must be at least 1");
    let client = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).build()?;
    let url = reqwest::Url::parse(url)?.join("/v1/events")?;
    let bar = progress::bar(arguments.events, "send");
    let started = Instant::now();
    let mut open = tokio::task::JoinSet::new();
    let mut total = Answers::default();
    loop {
        while open.len() < arguments.connections {
            let Some(batch) = simulation.next_json_batch(arguments.batch) else { break };
            open.spawn(post(client.clone(), url.clone(), batch.body, batch.events as u64));
        }
        let Some(done) = open.join_next().await else { break };
        let answers = done??;
        total.sent += answers.sent;
        total.logged += answers.logged;
        total.rejected += answers.rejected;
        total.retried += answers.retried;
        bar.inc(answers.sent);
    }
    bar.finish_and_clear();
    let seconds = started.elapsed().as_secs_f64();
    let Answers { sent, logged, rejected, retried } = total;
    match global.output {
        Format::Json => output::json(
            &json!({"sent": sent, "logged": logged, "rejected": rejected, "retried": retried, "seconds": seconds}),
        ),
        Format::Table => output::line(&format!(
            "{} sent: {logged} logged, {rejected} rejected, {retried} sent again; {seconds:.1} s",
            output::count(sent, "event")
        )),
    }
    Ok(Exit::Ok)
}

/// Sends one body until the server has an outcome for it; the ids in it make a second copy recognizable.
async fn post(client: reqwest::Client, url: reqwest::Url, body: Vec<u8>, events: u64) -> anyhow::Result<Answers> {
    let body = bytes::Bytes::from(body);
    let mut retried = 0;
    for attempt in 0..60_u64 {
        let request = client.post(url.clone()).header("content-type", "application/json").body(body.clone());
        let response = request.send().await.with_context(|| format!("send to {url}"))?;
        if response.status() == reqwest::StatusCode::SERVICE_UNAVAILABLE {
            retried += events;
            tokio::time::sleep(Duration::from_millis(100 * (attempt + 1).min(10))).await;
            continue;
        }
        let status = response.status();
        let text = response.bytes().await?;
        ensure!(status.is_success(), "{url} answered {status}: {}", String::from_utf8_lossy(&text));
        let answer: Value = serde_json::from_slice(&text)?;
        let items = answer.get("results").and_then(Value::as_array).or_else(|| answer.as_array());
        let items = items.context("the answer has no results")?;
        let count = |status: &str| items.iter().filter(|item| item["status"] == status).count() as u64;
        return Ok(Answers {
            sent: events,
            logged: count("logged"),
            rejected: count("rejected"),
            retried: retried + count("retry"),
        });
    }
    bail!("{url} did not take the events in 60 attempts")
}
