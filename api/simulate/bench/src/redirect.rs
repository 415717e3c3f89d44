//! Single redirects on many connections, beside a handler that publishes one message per click and awaits its ack.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing};
use clicktrail_catalog::Ad;
use clicktrail_log::{
    frame::{Digest, FORMAT_VERSION, Frame, Header},
    jetstream::{Config, JetStreamLog},
    log::{Log as _, Stream},
    time::{Clock as _, SystemClock},
};
use tokio::{net::TcpListener, task::JoinSet};
use uuid::Uuid;

use crate::{
    client::Client,
    fsync,
    server::{Broker, Running, Server, await_file},
    sizes::Sizes,
    table::{Table, Target, float, millis, quantile, rate, ratio},
};

const CONNECTIONS: usize = 64;
const WARM_UP: Duration = Duration::from_secs(2);
/// A click on [`ad`].
pub(crate) const REQUEST: &[u8] = b"GET /c/ad-1?pub=site-1&uid=7f3a9c HTTP/1.1\r\nhost: bench\r\n\
    user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    referer: https://example.com/page/1\r\n\r\n";
const TARGET_URL: &str = "https://example.com/landing";

/// The ad that is clicked.
pub(crate) fn ad() -> Ad {
    Ad {
        ad_id: "ad-1".into(),
        advertiser_id: "advertiser-1".into(),
        campaign_id: "campaign-1".into(),
        target_url: TARGET_URL.into(),
        price_micros: 250_000,
        currency: "EUR".into(),
    }
}

pub(crate) async fn run(sizes: &Sizes, table: &mut Table) -> anyhow::Result<()> {
    let broker = Broker::start().await?;
    let (fsync_p50, fsync_p99) = fsync::measure(broker.home())?;
    let time = Duration::from_secs(sizes.seconds);
    let naive = naive(&broker, &broker.url, CONNECTIONS, time).await?;
    let server = Server::start(&broker, "click-", "capture,project,archive", &[ad()]).await?;
    click(server.address, CONNECTIONS, WARM_UP).await?;
    let log = broker.log("click-").await?;
    let before = log.info().await?.last;
    let ours = click(server.address, CONNECTIONS, time).await?;
    let frames = log.info().await?.last.get() - before.get();
    table.say("redirect: clicks of a frame", format!("{:.1}", float(ours.micros.len() as u64) / float(frames)));
    table.say("redirect: the disk's fsync, p50 and p99", format!("{} {}", millis(fsync_p50), millis(fsync_p99)));
    for (name, figures) in [("clicktrail", &ours), ("one message per click", &naive)] {
        table.say(format!("redirect: {name}"), rate(figures.per_second));
        for (point, permille) in [("p50", 500), ("p99", 990), ("p99.9", 999)] {
            let micros = quantile(&figures.micros, permille).context("some clicks")?;
            table.say(format!("redirect: {name}, {point}"), millis(f64::from(micros) / 1e6));
        }
    }
    let against = ours.per_second / naive.per_second;
    table.judge("redirect: against one message per click", against, Target::AtLeast(8.0), ratio);
    Ok(())
}

#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    /// What each took, sorted.
    pub(crate) micros: Vec<u32>,
}

/// Clicks for so long, on so many connections at once.
pub(crate) async fn click(address: SocketAddr, connections: usize, time: Duration) -> anyhow::Result<Figures> {
    let started = Instant::now();
    let mut open = JoinSet::new();
    for _ in 0..connections {
        open.spawn(async move {
            let mut client = Client::connect(address).await?;
            let mut micros = Vec::with_capacity(1 << 14);
            while started.elapsed() < time {
                let sent = Instant::now();
                let status = client.send(REQUEST).await?;
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
    let per_second = float(micros.len() as u64) / started.elapsed().as_secs_f64();
    micros.sort_unstable();
    Ok(Figures { per_second, micros })
}

/// Where the handler that is compared with stores its clicks, and the file to which it writes its address
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    url: String,
    listening: PathBuf,
}

/// The same for a handler that publishes one message per click at `url`, by which the broker is reached.
pub(crate) async fn naive(broker: &Broker, url: &str, connections: usize, time: Duration) -> anyhow::Result<Figures> {
    // The stream is made here, so that the handler finds it as it is.
    drop(broker.log("naive-").await?);
    let listening = broker.home().join("naive");
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("one-message-per-click").arg(url).arg(&listening);
    let _process = Running::spawn(&mut command, &broker.home().join("naive.log"))?;
    let address = await_file(&listening).await?.parse()?;
    click(address, connections, WARM_UP).await?;
    click(address, connections, time).await
}

/// Serves until it is killed.
pub(crate) async fn child(Arguments { url, listening }: Arguments) -> anyhow::Result<()> {
    let mut config = Config::new(url);
    config.prefix = "naive-".to_owned();
    let log = Arc::new(JetStreamLog::connect(config, Stream::Clicks).await?);
    let app = Router::new().route("/c/{ad_id}", routing::get(publish_and_redirect)).with_state(log);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    // Whole or not at all: the file appears under its name when it is written.
    let fresh = listening.with_extension("new");
    std::fs::write(&fresh, listener.local_addr()?.to_string())?;
    std::fs::rename(fresh, listening)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = hyper_util::service::TowerToHyperService::new(app.clone());
        let connection = hyper::server::conn::http1::Builder::new();
        tokio::spawn(connection.serve_connection(hyper_util::rt::TokioIo::new(stream), service));
    }
}

async fn publish_and_redirect(State(log): State<Arc<JetStreamLog>>) -> impl IntoResponse {
    let now = SystemClock.now();
    // As small as a click can be: what it would cost to encode one is not held against the handler.
    let header = Header {
        format: FORMAT_VERSION,
        schema_id: String::new(),
        rows: 1,
        writer: Uuid::now_v7(),
        writer_epoch: 1,
        number: 1,
        payload_digest: Digest::ZERO,
        previous: Digest::ZERO,
        first_captured: now,
        last_captured: now,
    };
    let frame = Frame { header, payload: bytes::Bytes::from_static(&[b'x'; 300]) };
    match log.append(&frame).await {
        Ok(_) => (StatusCode::FOUND, [("location", TARGET_URL)]),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")]),
    }
}
