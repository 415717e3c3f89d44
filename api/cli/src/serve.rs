//! `clicktrail serve`

#![expect(
    clippy::disallowed_methods,
    reason = "the process: it tidies metrics now and then, and gives its parts a deadline to stop"
)]

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, bail, ensure};
use clap::ValueEnum;
use clicktrail_live::{lags::Lags, verified};
use clicktrail_log::{
    committer::{Committer, Pulse},
    ids::RandomIds,
    log::{Durability, Log, Stream},
    spool::SpooledLog,
};
use clicktrail_projections::session;
use clicktrail_server::{self as http, Limits, Operations, Ready, Registry};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    basis, behind, clocks,
    exit::Exit,
    global::Global,
    installation::{Installation, WriteLock, next_writer},
    interrupt::interrupted,
    made_up, retention,
    signing::{self, ReceiptKeys},
};

mod redeeming;
mod roles;

use redeeming::Redeeming;
use roles::{Roles, STOP_TIMEOUT, Watch};

/// How often it is felt whether frames leave.
const PULSE_INTERVAL: Duration = Duration::from_millis(500);
/// How often the recorder is tidied when nobody scrapes.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

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
    /// What this process does; without capture it answers operators alone
    #[arg(long, value_enum, value_delimiter = ',', default_value = "capture,judge,project,archive")]
    roles: Vec<Role>,
    /// IP address and port to listen on; port 0 takes a free one
    #[arg(long, env = "CLICKTRAIL_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// IP address and port of a listener for /livez, /readyz and /metrics alone; without capture a free port of
    /// 127.0.0.1 if it is not given
    #[arg(long, env = "CLICKTRAIL_OPERATIONS_LISTEN")]
    operations_listen: Option<SocketAddr>,
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
    /// Sign receipts of events with this key, and not with --evidence-key: a server that strangers reach need not hold
    /// the key that signs hours
    #[arg(long, env = "CLICKTRAIL_RECEIPT_KEY", value_name = "FILE")]
    receipt_key: Option<PathBuf>,
    #[command(flatten)]
    signing: signing::Arguments,
    #[command(flatten)]
    kept: retention::Kept,
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
    clocks::check(&instance).await;
    // Before anything runs: a key that cannot be read is said at once.
    let signing = arguments.signing.going_on(&instance.archive).await?;
    let receipt_keys = arguments.signing.receipt_keys(arguments.receipt_key.as_deref())?;

    let shutdown = CancellationToken::new();
    let operations = Operations { ready: Ready::default(), metrics };
    let watch = Watch::new(operations.ready.clone(), shutdown.clone());
    let limits = session::Limits::default();
    // Judging goes on until capture has answered its last request, counting and sealing until that is judged, and what
    // tells of them to the end.
    let mut judging = Roles::new(watch.clone());
    if arguments.roles.contains(&Role::Judge) {
        judging.start("judge", |stop| instance.judging(rules).run(stop));
    }
    let mut roles = Roles::new(watch.clone());
    if arguments.roles.contains(&Role::Project) {
        roles.start("project", |stop| instance.projector(limits).run(stop));
    }
    if arguments.roles.contains(&Role::Archive) {
        let months = arguments.kept.said(global)?;
        if months.is_none() {
            info!("personal columns are kept for ever: nobody said for how many months (--personal-months)");
        }
        roles.start("archive", |stop| instance.archiver(limits).with_retention(months).run(stop));
        match signing {
            Some(signing) => roles.start("sign", |stop| signing.run(stop)),
            None => info!("no evidence key is given: sealed hours are not signed"),
        }
    } else if signing.is_some() && (lock.is_none() || arguments.receipt_key.is_some()) {
        warn!("the evidence key signs nothing here: who has the role archive signs");
    }
    let mut around = Roles::new(watch.clone());
    around.start("verified", |stop| verified::run(Arc::clone(&instance.catalog), stop));
    around.start("lags", |stop| lags(&instance).run(stop));
    around.start("metrics", |stop| keep_up(operations.metrics.clone(), stop));
    listen_to_operators(&arguments, &operations, &mut around).await?;
    tokio::spawn(stop_on_signal(shutdown.clone()));
    match &lock {
        Some(lock) => capture(&instance, lock, &arguments, receipt_keys, operations, &watch, shutdown.clone()).await?,
        None => shutdown.cancelled().await,
    }
    for roles in [judging, roles, around] {
        roles.stop().await;
    }
    if let Some(died) = watch.died() {
        bail!("{died}");
    }
    info!("stopped");
    Ok(Exit::Ok)
}

fn lags(instance: &Installation) -> Lags {
    Lags {
        clicks: Arc::clone(&instance.clicks),
        catalog: Arc::clone(&instance.catalog),
        clock: Arc::clone(&instance.clock),
    }
}

/// Tidies the recorder when nobody scrapes.
async fn keep_up(metrics: metrics_exporter_prometheus::PrometheusHandle, stop: CancellationToken) {
    while tokio::time::timeout(METRICS_UPKEEP, stop.cancelled()).await.is_err() {
        metrics.run_upkeep();
    }
}

/// Answers operators at an address of their own: at the one that was asked for, or, in a process without doors, at a
/// free one.
async fn listen_to_operators(arguments: &Arguments, operations: &Operations, around: &mut Roles) -> anyhow::Result<()> {
    let without_doors = !arguments.roles.contains(&Role::Capture);
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    let Some(address) = arguments.operations_listen.or(without_doors.then_some(free)) else { return Ok(()) };
    let listener = TcpListener::bind(address).await.with_context(|| format!("listen on {address}"))?;
    let address = listener.local_addr()?;
    info!(%address, "operators are answered: /livez, /readyz, /metrics");
    around.start("operations", |stop| http::serve_operations(listener, operations.clone(), stop));
    Ok(())
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
    receipt_keys: ReceiptKeys,
    operations: Operations,
    watch: &Watch,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let data = &instance.places.data;
    let writer = next_writer(data, lock, &RandomIds, instance.clock.now())?;
    let mut spools = Roles::new(watch.clone());
    let (clicks, clicks_task) = committer(instance, Stream::Clicks, &instance.clicks, &writer, &mut spools).await?;
    let (rejected, rejected_task) =
        committer(instance, Stream::Rejected, &instance.rejected, &writer, &mut spools).await?;
    let (clicks_pulse, rejected_pulse) = (clicks.pulse(), rejected.pulse());
    let registry = Arc::new(Registry::load(Arc::clone(&instance.catalog)).await?);
    let registry_task =
        tokio::spawn(watch.clone().over("registry", shutdown.clone(), Arc::clone(&registry).run(shutdown.clone())));
    let Operations { ready, metrics } = operations;
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
        redeem: Some(Arc::new(Redeeming::new(instance, receipt_keys.known)?)),
        receipt_keys: receipt_keys.signing,
        ready: ready.clone(),
        metrics,
    };
    spools.start("pulse", |stop| {
        let pulses = [("storing events", clicks_pulse), ("storing rejected events", rejected_pulse)];
        feel(pulses, ready.clone(), stop)
    });
    let clicks_task = out_of_traffic(clicks_task, "log", &ready, &shutdown);
    let rejected_task = out_of_traffic(rejected_task, "rejected log", &ready, &shutdown);
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
    spools.stop().await;
    Ok(served?)
}

/// Takes the server out of traffic while a log takes no frames.
async fn feel(pulses: [(&'static str, Pulse); 2], ready: Ready, stop: CancellationToken) {
    let mut stuck = [false; 2];
    while tokio::time::timeout(PULSE_INTERVAL, stop.cancelled()).await.is_err() {
        for ((part, pulse), was_stuck) in pulses.iter().zip(&mut stuck) {
            let for_now = pulse.stuck_for();
            match (for_now, *was_stuck) {
                (Some(since), false) => {
                    error!(part, seconds = since.as_secs(), "the log takes no frames; clients get 503 until it does");
                    ready.block(part, "the log takes no frames");
                }
                (None, true) => {
                    info!(part, "the log takes frames again");
                    ready.clear(part);
                }
                (Some(_), true) | (None, false) => {}
            }
            *was_stuck = for_now.is_some();
        }
    }
}

/// Takes the server out of traffic when a committer ends before its time.
fn out_of_traffic(
    task: JoinHandle<()>,
    part: &'static str,
    ready: &Ready,
    shutdown: &CancellationToken,
) -> JoinHandle<()> {
    let (ready, shutdown) = (ready.clone(), shutdown.clone());
    tokio::spawn(async move {
        let _ = task.await;
        if !shutdown.is_cancelled() {
            error!(part, "a log's writer has stopped before its time: see the errors above, then restart the server");
            ready.block(part, "its writer has stopped");
        }
    })
}

/// A committer into a log; with a spool before it if the log is elsewhere.
async fn committer(
    instance: &Installation,
    stream: Stream,
    log: &Arc<dyn Log>,
    writer: &clicktrail_log::frame::Writer,
    spools: &mut Roles,
) -> anyhow::Result<(Committer, JoinHandle<()>)> {
    if instance.is_embedded() {
        let direct = clicktrail_log::committer::Direct::new(Arc::clone(log)).await?;
        let (committer, task) = Committer::start(Arc::new(direct), writer.clone());
        return Ok((committer, task));
    }
    let path = instance.places.data.join(format!("spool-{stream}.sqlite"));
    let epoch = log.info().await?.epoch;
    let spooled = Arc::new(SpooledLog::open(Arc::clone(log), &path, stream, epoch, Arc::clone(&instance.clock)).await?);
    spools.start("spool", |stop| Arc::clone(&spooled).run(stop));
    Ok(Committer::start(spooled, writer.clone()))
}

async fn stop_on_signal(shutdown: CancellationToken) {
    interrupted().await;
    info!("stopping: open requests are answered, the last frame is stored");
    shutdown.cancel();
}
