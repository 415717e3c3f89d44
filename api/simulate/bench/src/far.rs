//! A broker that is 30 ms away: single redirects beside one message per click, and how fast a spool empties.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use clicktrail_log::{
    spool,
    time::{Clock as _, SystemClock},
};
use clicktrail_simulate::{Config, Simulation};
use tokio::{task::JoinSet, time::MissedTickBehavior};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    client::{self, Client},
    link::Link,
    redirect,
    server::{Broker, Server},
    sizes::Sizes,
    table::{Table, Target, float, millis, note, quantile, rate, ratio},
};

/// To the broker, and back again as long.
const DELAY: Duration = Duration::from_millis(30);
/// As many visitors as wait at once.
const CONNECTIONS: [usize; 2] = [64, 1_000];
const WARM_UP: Duration = Duration::from_secs(2);

const BATCH_EVENTS: usize = 1_000;
/// Clicks a second while the spool empties.
const CLICKS: u32 = 2_000;
/// They take turns, so that one that waits keeps no other from clicking.
const CLICKERS: u32 = 1_000;
/// A spool that is not empty by then never is.
const TIMEOUT: Duration = Duration::from_secs(600);
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

pub(crate) async fn run(sizes: &Sizes, table: &mut Table) -> anyhow::Result<()> {
    Box::pin(redirects(sizes, table)).await?;
    Box::pin(spooled(sizes, table)).await
}

async fn redirects(sizes: &Sizes, table: &mut Table) -> anyhow::Result<()> {
    let time = Duration::from_secs(sizes.seconds);
    for connections in CONNECTIONS {
        let broker = Broker::start().await?;
        let link = Link::to(&broker.url, DELAY).await?;
        let naive = redirect::naive(&broker, &link.url, connections, time).await?;
        let ads = [redirect::ad()];
        let server = Server::start_over(&broker, &link.url, "far-", "capture,judge,project,archive", &ads).await?;
        redirect::click(server.address, connections, WARM_UP).await?;
        let ours = redirect::click(server.address, connections, time).await?;
        let what = format!("far: {connections} visitors, 30 ms to the broker");
        for (name, figures) in [("redirects", &ours), ("one message per click", &naive)] {
            let p99 = quantile(&figures.micros, 990).context("some clicks")?;
            table.say(
                format!("{what}: {name}, and p99"),
                format!("{} {}", rate(figures.per_second), millis(f64::from(p99) / 1e6)),
            );
        }
        table.say(format!("{what}: against one message per click"), ratio(ours.per_second / naive.per_second));
    }
    Ok(())
}

/// Fills a spool while the broker is away, and waits until it is empty while visitors click.
async fn spooled(sizes: &Sizes, table: &mut Table) -> anyhow::Result<()> {
    let mut simulation = Simulation::new(&Config::new(sizes.spooled_events, 1, 1, SystemClock.now()));
    let mut ads = simulation.ads().to_vec();
    ads.push(redirect::ad());
    let broker = Broker::start().await?;
    let link = Link::to(&broker.url, DELAY).await?;
    let roles = "capture,judge,project,archive";
    let server = Server::start_over(&broker, &link.url, "spooled-", roles, &ads).await?;
    link.cut();
    note(&format!("put {} events on a spool", sizes.spooled_events));
    let mut client = Client::connect(server.address).await?;
    let mut spooled = 0;
    let begun = Instant::now();
    while let Some(batch) = simulation.next_json_batch(BATCH_EVENTS) {
        let status = client.send(&client::post("/v1/events", &batch.body)).await?;
        ensure!(status == 200, "{}", client.answer());
        spooled += client.count(b"\"status\":\"logged\"");
    }
    table.say("far: events put on a spool, one client", rate(float(spooled) / begun.elapsed().as_secs_f64()));
    let frames = waiting_frames(&mut client).await?;
    ensure!(frames > 0, "nothing is on the spool");
    table.say("far: frames on it", frames);
    let end = CancellationToken::new();
    let clicking = AbortOnDropHandle::new(tokio::spawn(click(server.address, end.clone())));
    link.mend();
    let begun = Instant::now();
    let mut most = frames;
    while begun.elapsed() < TIMEOUT {
        tokio::time::sleep(LOOK_INTERVAL).await;
        let waiting = waiting_frames(&mut client).await?;
        most = most.max(waiting);
        if waiting == 0 {
            break;
        }
        ensure!(!clicking.is_finished(), "the clicks stopped: {:?}", clicking.await?);
    }
    let took = begun.elapsed();
    end.cancel();
    let micros = clicking.await??;
    let what = format!("far: a spool of {spooled} events empties");
    table.judge(what, took.as_secs_f64(), Target::AtMost(60.0), |seconds| format!("{seconds:.1} s"));
    table.say("far: clicks answered meanwhile", rate(float(micros.len() as u64) / took.as_secs_f64()));
    let p99 = quantile(&micros, 990).context("some clicks")?;
    table.say("far: their p99", millis(f64::from(p99) / 1e6));
    table.say("far: most frames on the spool meanwhile", most);
    Ok(())
}

/// What each click took, sorted, in microseconds.
async fn click(address: SocketAddr, end: CancellationToken) -> anyhow::Result<Vec<u32>> {
    let end = Arc::new(end);
    let mut open = JoinSet::new();
    let pause = Duration::from_secs(1) * CLICKERS / CLICKS;
    for clicker in 0..CLICKERS {
        let end = Arc::clone(&end);
        open.spawn(async move {
            tokio::time::sleep(pause * clicker / CLICKERS).await;
            let mut client = Client::connect(address).await?;
            let mut interval = tokio::time::interval(pause);
            interval.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut micros = Vec::new();
            while !end.is_cancelled() {
                interval.tick().await;
                let sent = Instant::now();
                let status = client.send(redirect::REQUEST).await?;
                ensure!(status == 302, "{}", client.answer());
                micros.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
            }
            Ok(micros)
        });
    }
    let mut micros = Vec::new();
    while let Some(done) = open.join_next().await {
        micros.extend(done??);
    }
    micros.sort_unstable();
    Ok(micros)
}

/// Frames of clicks that are on the server's spool.
async fn waiting_frames(client: &mut Client) -> anyhow::Result<u64> {
    let status = client.send(b"GET /metrics HTTP/1.1\r\nhost: bench\r\n\r\n").await?;
    ensure!(status == 200, "{}", client.answer());
    let answer = client.answer();
    let clicks = |line: &&str| line.starts_with(spool::WAITING_FRAMES) && line.contains("clicks");
    let line = answer.lines().find(clicks).context("a server without a spool's metric")?;
    let count = line.rsplit(' ').next().context("a metric without a value")?;
    Ok(count.parse()?)
}
