//! Batches over HTTP into JetStream, beside publishing the very same frames with nothing in front.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use clicktrail_log::{
    log::{Log, Logged, ReadLimit},
    position::Seq,
    time::{Clock as _, SystemClock},
};
use clicktrail_simulate::{Config, Simulation};
use tokio::task::JoinSet;

use crate::{
    client::{self, Client},
    server::{Broker, Server},
    sizes::Sizes,
    table::{Table, Target, float, note, rate, ratio},
};

const BATCH_EVENTS: usize = 1_000;
/// So many that a frame's worth waits while another is made and a third is in flight.
const CONNECTIONS: usize = 16;
/// Distinct bodies; after the last the first comes again.
const BODIES: usize = 500;
/// As many frames are published again at the most: they are held in memory.
const FRAMES_BYTES_MAX: usize = 1 << 30;
/// Sent before the clock starts.
const WARM_UP: Duration = Duration::from_secs(2);

pub(crate) async fn run(sizes: &Sizes, table: &mut Table) -> anyhow::Result<()> {
    note("make bodies of 1,000 events");
    let mut simulation = Simulation::new(&Config::new(1_000_000, 1, 1, SystemClock.now()));
    let ads = simulation.ads().to_vec();
    let mut requests = Vec::with_capacity(BODIES);
    let mut bytes = 0;
    while let Some(batch) = simulation.next_json_batch(BATCH_EVENTS)
        && requests.len() < BODIES
    {
        bytes += batch.body.len();
        requests.push((client::post("/v1/events", &batch.body), batch.events as u64));
    }
    let events: u64 = requests.iter().map(|(_, events)| events).sum();
    table.say("http: an event as JSON", format!("{:.0} B", bytes as f64 / float(events)));
    let requests = Arc::new(requests);
    for (prefix, roles) in [("alone-", "capture"), ("all-", "capture,judge,project,archive")] {
        let broker = Broker::start().await?;
        let server = Server::start(&broker, prefix, roles, &ads).await?;
        post(&server, &requests, WARM_UP).await?;
        let (events, seconds) = post(&server, &requests, Duration::from_secs(sizes.seconds)).await?;
        drop(server);
        let achieved = float(events) / seconds;
        let (raw, rows_each) = publish_again(&broker, prefix, Duration::from_secs(sizes.seconds)).await?;
        let what = format!("http ({roles})");
        table.judge(format!("{what}: events acknowledged"), achieved, Target::AtLeast(150_000.0), rate);
        table.say(format!("{what}: the same frames raw, {rows_each} events each"), rate(raw));
        // Nothing is judged, counted or sealed beside the raw frames either.
        if roles == "capture" {
            table.judge(format!("{what}: of raw"), achieved / raw, Target::AtLeast(0.4), ratio);
        } else {
            table.say(format!("{what}: of raw"), ratio(achieved / raw));
        }
    }
    Ok(())
}

/// Posts for so long; events acknowledged, and the seconds that it took.
async fn post(server: &Server, requests: &Arc<Vec<(Vec<u8>, u64)>>, time: Duration) -> anyhow::Result<(u64, f64)> {
    let started = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let mut open = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (requests, next, address) = (Arc::clone(requests), Arc::clone(&next), server.address);
        open.spawn(async move {
            let mut client = Client::connect(address).await?;
            let mut logged = 0;
            while started.elapsed() < time {
                let (request, events) = &requests[next.fetch_add(1, Ordering::Relaxed) % requests.len()];
                let status = client.send(request).await?;
                ensure!(status == 200, "{}", client.answer());
                let stored = client.count(b"\"status\":\"logged\"");
                ensure!(stored == *events, "{stored} of {events} logged: {}", client.answer());
                logged += stored;
            }
            Ok(logged)
        });
    }
    let mut logged = 0;
    while let Some(done) = open.join_next().await {
        logged += done??;
    }
    Ok((logged, started.elapsed().as_secs_f64()))
}

/// Reads the frames that were logged, and publishes them under other names, the next when the last is acknowledged.
/// Events a second, and rows of a frame.
async fn publish_again(broker: &Broker, prefix: &str, time: Duration) -> anyhow::Result<(f64, u64)> {
    let logged = broker.log(prefix).await?;
    let mut frames: Vec<Logged> = Vec::new();
    let mut bytes = 0;
    // The first are those of the warm-up.
    let info = logged.info().await?;
    let middle = Seq::new((info.first.get() + info.last.get()) / 2).context("a sequence")?;
    while bytes < FRAMES_BYTES_MAX {
        let next = frames.last().map_or(middle, |frame| frame.seq.next());
        let more = logged.read(next, ReadLimit::waiting(Duration::ZERO)).await?;
        if more.is_empty() {
            break;
        }
        bytes += more.iter().map(|frame| frame.frame.payload.len()).sum::<usize>();
        frames.extend(more);
    }
    let again = broker.log("raw-").await?;
    let started = Instant::now();
    let (mut rows, mut published) = (0, 0);
    for Logged { frame, .. } in &frames {
        if started.elapsed() >= time {
            break;
        }
        again.append(frame).await?;
        rows += u64::from(frame.header.rows);
        published += 1;
    }
    ensure!(published > 0, "nothing was logged");
    Ok((float(rows) / started.elapsed().as_secs_f64(), rows / published))
}
