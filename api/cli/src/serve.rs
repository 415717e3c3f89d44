//! `clicktrail serve`

#![expect(
    clippy::disallowed_methods,
    reason = "the process: it tidies metrics now and then, and gives its parts a deadline to stop"
)]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, bail, ensure};
use clap::ValueEnum;
use clicktrail_live::verified;
use clicktrail_log::{
    committer::Committer,
    ids::RandomIds,
    log::{Durability, Log, Stream},
    spool::SpooledLog,
};
use clicktrail_projections::session;
use clicktrail_server::{self as http, Limits, Ready, Registry};
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    basis, behind,
    exit::Exit,
    global::Global,
    installation::{Installation, WriteLock, next_writer},
    interrupt::interrupted,
    made_up,
};

/// How often the recorder is tidied when nobody scrapes.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);
/// How long a role may take to finish its last step when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// What a server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Role {
    /// Take events over HTTP.
    Capture,
    /// Judge them as they are logged.
    Judge,
    /// Count live what is judged.
    Project,
    /// Seal hours as they pass.
    Archive,
}

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What this process does; without capture it listens nowhere
    #[arg(long, value_enum, value_delimiter = ',', default_value = "capture,judge,project,archive")]
    roles: Vec<Role>,
    /// IP address and port to listen on; port 0 takes a free one
    #[arg(long, env = "CLICKTRAIL_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Number of your own proxies in front that append to X-Forwarded-For
    #[arg(long, env = "CLICKTRAIL_TRUSTED_HOPS", default_value_t = 0)]
    trusted_hops: usize,
    /// How old an event time may be, in seconds
    #[arg(long, default_value_t = 86_400)]
    event_age_max: u64,
    /// How far ahead an event time may be, in seconds
    #[arg(long, default_value_t = 60)]
    event_future_max: u64,
    /// Serve even if a power loss may take acknowledged events
    #[arg(long)]
    allow_weak_durability: bool,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let places = global.places()?;
    let rules = global.rules()?;
    // Of the roles that write click frames there is only capture; others may run beside it.
    let captures = arguments.roles.contains(&Role::Capture);
    let lock = if captures { Some(WriteLock::take(&places.data)?) } else { None };
    if lock.is_some() {
        made_up::end(&places.data)?;
    }
    let recorder = http::recorder()?;
    let metrics = recorder.handle();
    ensure!(::metrics::set_global_recorder(recorder).is_ok(), "a metrics recorder is installed already");
    let instance = global.open().await?;
    check_durability(&instance, arguments.allow_weak_durability).await?;
    basis::check_catalog(&instance).await?;
    behind::check(&instance).await?;

    let shutdown = CancellationToken::new();
    let mut roles = JoinSet::new();
    let limits = session::Limits::default();
    // Judging goes on until capture has answered its last request, counting and sealing until that is judged.
    let (drained, judged) = (CancellationToken::new(), CancellationToken::new());
    let mut judging = JoinSet::new();
    if arguments.roles.contains(&Role::Judge) {
        judging.spawn(instance.judging(rules).run(drained.clone()));
    }
    if arguments.roles.contains(&Role::Project) {
        roles.spawn(instance.projector(limits).run(judged.clone()));
    }
    if arguments.roles.contains(&Role::Archive) {
        roles.spawn(instance.archiver(limits).run(judged.clone()));
        tokio::spawn(verified::run(Arc::clone(&instance.catalog), shutdown.clone()));
    }
    let upkeep = tokio::spawn({
        let metrics = metrics.clone();
        async move {
            loop {
                tokio::time::sleep(METRICS_UPKEEP).await;
                metrics.run_upkeep();
            }
        }
    });
    tokio::spawn(stop_on_signal(shutdown.clone()));
    match &lock {
        Some(lock) => capture(&instance, lock, &arguments, metrics, shutdown.clone()).await?,
        None => shutdown.cancelled().await,
    }
    for (token, tasks) in [(drained, &mut judging), (judged, &mut roles)] {
        token.cancel();
        if tokio::time::timeout(STOP_TIMEOUT, async { while tasks.join_next().await.is_some() {} }).await.is_err() {
            warn!("a role did not finish its last step in time; it is done again at the next start");
        }
    }
    upkeep.abort();
    info!("stopped");
    Ok(Exit::Ok)
}

async fn check_durability(instance: &Installation, allow_weak: bool) -> anyhow::Result<()> {
    let durability = instance.clicks.durability().await?;
    match &durability {
        Durability::Weak(why) if !allow_weak => {
            bail!("acknowledged events could be lost ({why}); fix it, or pass --allow-weak-durability")
        }
        Durability::Weak(why) => warn!(why, "acknowledged events could be lost"),
        Durability::Fsync | Durability::Replicated(_) => info!(%durability, "what an acknowledgement means"),
    }
    if matches!(durability, Durability::Weak(_)) {
        return Ok(());
    }
    for stream in Stream::ALL.into_iter().filter(|stream| *stream != Stream::Clicks) {
        if let Durability::Weak(why) = instance.log(stream).durability().await? {
            warn!(%stream, why, "the stream promises less than that of clicks: what is logged there could be lost");
        }
    }
    Ok(())
}

async fn capture(
    instance: &Installation,
    lock: &WriteLock,
    arguments: &Arguments,
    metrics: metrics_exporter_prometheus::PrometheusHandle,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let data = &instance.places.data;
    let writer = next_writer(data, lock, &RandomIds, instance.clock.now())?;
    let stop_spools = CancellationToken::new();
    let (clicks, clicks_task, clicks_spool) =
        committer(instance, Stream::Clicks, &instance.clicks, &writer, &stop_spools).await?;
    let (rejected, rejected_task, rejected_spool) =
        committer(instance, Stream::Rejected, &instance.rejected, &writer, &stop_spools).await?;
    let registry = Arc::new(Registry::load(Arc::clone(&instance.catalog)).await?);
    let registry_task = tokio::spawn(Arc::clone(&registry).run(shutdown.clone()));
    let ready = Ready::default();
    let mut limits = Limits { trusted_hops: arguments.trusted_hops, ..Limits::default() };
    limits.capture.age_max = Some(Duration::from_secs(arguments.event_age_max));
    limits.capture.future_max = Some(Duration::from_secs(arguments.event_future_max));
    let setup = http::Setup {
        clicks,
        rejected,
        registry,
        clock: Arc::clone(&instance.clock),
        ids: Arc::new(RandomIds),
        limits,
        ready: ready.clone(),
        metrics,
    };
    let clicks_task = watch(clicks_task, "log", &ready, &shutdown);
    let rejected_task = watch(rejected_task, "rejected log", &ready, &shutdown);
    let listener =
        TcpListener::bind(arguments.listen).await.with_context(|| format!("listen on {}", arguments.listen))?;
    let address = listener.local_addr()?;
    info!(%address, "listening");
    // For whoever started the server on port 0.
    std::fs::write(data.join("listening"), address.to_string()).context("write the address that is listened on")?;
    let served = http::serve(listener, http::State::new(setup), shutdown).await;
    // The last handles are gone: the committers store what is queued and end.
    for task in [clicks_task, rejected_task, registry_task] {
        let _ = tokio::time::timeout(STOP_TIMEOUT, task).await;
    }
    stop_spools.cancel();
    for spool in [clicks_spool, rejected_spool].into_iter().flatten() {
        let _ = spool.await;
    }
    Ok(served?)
}

/// Takes the server out of traffic when a committer ends before its time.
fn watch(task: JoinHandle<()>, part: &'static str, ready: &Ready, shutdown: &CancellationToken) -> JoinHandle<()> {
    let (ready, shutdown) = (ready.clone(), shutdown.clone());
    tokio::spawn(async move {
        let _ = task.await;
        if !shutdown.is_cancelled() {
            error!(part, "a log's writer has stopped before its time: see the errors above, then restart the server");
            ready.block(part, "its writer has stopped");
        }
    })
}

type Started = (Committer, JoinHandle<()>, Option<JoinHandle<()>>);

/// A committer into a log; with a spool before it if the log is elsewhere.
async fn committer(
    instance: &Installation,
    stream: Stream,
    log: &Arc<dyn Log>,
    writer: &clicktrail_log::frame::Writer,
    stop: &CancellationToken,
) -> anyhow::Result<Started> {
    if instance.is_embedded() {
        let direct = clicktrail_log::committer::Direct::new(Arc::clone(log)).await?;
        let (committer, task) = Committer::start(Arc::new(direct), writer.clone());
        return Ok((committer, task, None));
    }
    let path = instance.places.data.join(format!("spool-{stream}.sqlite"));
    let epoch = log.info().await?.epoch;
    let spooled = Arc::new(SpooledLog::open(Arc::clone(log), &path, stream, epoch, Arc::clone(&instance.clock)).await?);
    let drain = tokio::spawn(Arc::clone(&spooled).run(stop.clone()));
    let (committer, task) = Committer::start(spooled, writer.clone());
    Ok((committer, task, Some(drain)))
}

async fn stop_on_signal(shutdown: CancellationToken) {
    interrupted().await;
    info!("stopping: open requests are answered, the last frame is stored");
    shutdown.cancel();
}
