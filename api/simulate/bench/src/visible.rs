//! From an event that is posted to the live counter that shows it, with other traffic beside it.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use arrow::array::AsArray as _;
use clicktrail_catalog::{Catalog as _, Sqlite};
use clicktrail_log::time::{Clock as _, SystemClock};
use clicktrail_projections::counters;
use clicktrail_simulate::{Config, Simulation};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    client::{self, Client},
    server::{Broker, Server},
    sizes::Sizes,
    table::{Table, Target, millis, quantile},
};

/// How often the counters are looked at: a time is too long by up to this.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Between events that are timed: out of step with the ticks.
const SEND_INTERVAL: Duration = Duration::from_millis(107);
/// Nothing takes longer.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Other events, so often in batches of this size.
const TRAFFIC_INTERVAL: Duration = Duration::from_millis(100);
const TRAFFIC_EVENTS: usize = 1_000;
const CAMPAIGN: &str = "timed-";

pub(crate) async fn run(sizes: &Sizes, table: &mut Table) -> anyhow::Result<()> {
    let simulation = Simulation::new(&Config::new(2_000_000, 1, 1, SystemClock.now()));
    let broker = Broker::start().await?;
    let ads = simulation.ads().to_vec();
    let server = Server::start(&broker, "seen-", "capture,judge,project,archive", &ads).await?;
    let traffic = AbortOnDropHandle::new(tokio::spawn(traffic(server.address, simulation)));
    let probes = usize::try_from(sizes.probes)?;
    let sending = tokio::spawn(send(server.address, probes));
    let seen = watch(&server, probes).await?;
    let sent = sending.await??;
    ensure!(!traffic.is_finished(), "the traffic stopped: {:?}", traffic.await?);
    let mut times: Vec<Duration> =
        sent.iter().zip(&seen).map(|(sent, seen)| seen.saturating_duration_since(*sent)).collect();
    times.sort_unstable();
    let at = |permille| quantile(&times, permille).map(|time| time.as_secs_f64()).context("some events");
    table.say("visible: event to live counter, p50", millis(at(500)?));
    table.judge("visible: event to live counter, p99", at(990)?, Target::AtMost(2.0), millis);
    Ok(())
}

async fn traffic(address: std::net::SocketAddr, mut simulation: Simulation) -> anyhow::Result<()> {
    let mut client = Client::connect(address).await?;
    let mut interval = tokio::time::interval(TRAFFIC_INTERVAL);
    while let Some(batch) = simulation.next_json_batch(TRAFFIC_EVENTS) {
        interval.tick().await;
        let status = client.send(&client::post("/v1/events", &batch.body)).await?;
        ensure!(status == 200, "{}", client.answer());
    }
    Ok(())
}

/// Sends the timed events; when each request was begun.
async fn send(address: std::net::SocketAddr, probes: usize) -> anyhow::Result<Vec<Instant>> {
    let mut client = Client::connect(address).await?;
    let mut interval = tokio::time::interval(SEND_INTERVAL);
    let mut sent = Vec::with_capacity(probes);
    for probe in 0..probes {
        interval.tick().await;
        let event = serde_json::json!({
            "event_id": format!("{CAMPAIGN}{probe}"), "kind": "click", "advertiser_id": "bench",
            "campaign_id": format!("{CAMPAIGN}{probe}"), "ad_id": "bench", "price_micros": 1, "currency": "EUR",
        });
        sent.push(Instant::now());
        let status = client.send(&client::post("/v1/events", event.to_string().as_bytes())).await?;
        ensure!(status == 200 && client.count(b"\"logged\"") == 1, "{}", client.answer());
    }
    Ok(sent)
}

/// When each timed event was first in the counters.
async fn watch(server: &Server, probes: usize) -> anyhow::Result<Vec<Instant>> {
    let catalog = Sqlite::open(&server.data.join("catalog.sqlite")).await?;
    let from = SystemClock.now().hour();
    let mut seen: Vec<Option<Instant>> = vec![None; probes];
    let mut known = HashSet::new();
    let deadline = Instant::now() + TIMEOUT + SEND_INTERVAL * u32::try_from(probes)?;
    while seen.contains(&None) {
        ensure!(Instant::now() < deadline, "an event was not counted within {TIMEOUT:?}");
        tokio::time::sleep(LOOK_INTERVAL).await;
        let snapshot = catalog.snapshot(counters::NAME, from, from.next()).await?;
        let now = Instant::now();
        for partial in snapshot.partials {
            if !known.insert((partial.first_seq, partial.last_seq)) {
                continue;
            }
            for rows in counters::hot::decode(&partial.payload)? {
                let campaigns = rows.column_by_name("campaign_id").context("counters have campaigns")?;
                for campaign in campaigns.as_string::<i32>().iter().flatten() {
                    let probe = campaign.strip_prefix(CAMPAIGN).and_then(|number| number.parse::<usize>().ok());
                    if let Some(seen) = probe.and_then(|probe| seen.get_mut(probe)) {
                        seen.get_or_insert(now);
                    }
                }
            }
        }
    }
    Ok(seen.into_iter().flatten().collect())
}
