//! How a process works on builds: its options, its signals, and what it says in the end.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use clicktrail_catalog::generations::{Generation, GenerationState};
use clicktrail_log::time::Hour;
use clicktrail_projections::session;
use clicktrail_replay::work::{Ended, OnFailure, Settings, Worker};
use serde_json::json;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use super::{
    diff::{self, Change},
    progress::Progress,
    summary::Summary,
};
use crate::{
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output,
};

/// Hours at a time cannot be more: each holds a part in memory.
const PARALLEL_MAX: usize = 256;

/// The longest lease.
const LEASE_SECONDS_MAX: u64 = 3_600;

/// How to work.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Working {
    /// Hours that are built at the same time [default: one for each core, and one that waits for the disk]
    #[arg(long, value_name = "N")]
    max_parallel: Option<usize>,
    /// Memory for all of them, in MiB; an hour that could take more is built alone
    #[arg(long, value_name = "MIB", default_value_t = Settings::MEMORY_BYTES >> 20)]
    memory: u64,
    /// Take at most so many events a second
    #[arg(long, value_name = "ROWS")]
    rate_limit: Option<u64>,
    /// When an hour has failed for good: take no further one, or build the others first (exit code 5)
    #[arg(long, value_enum, default_value = "stop")]
    on_failure: Failing,
    /// Seconds without a sign of life after which another worker takes an hour
    #[arg(long, value_name = "SECONDS", default_value_t = Settings::LEASE.as_secs(), value_parser = lease_seconds)]
    lease: u64,
}

/// What happens when an hour has failed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Failing {
    /// No further hour is taken.
    Stop,
    /// The others are built first.
    Continue,
}

impl Working {
    /// As without any option.
    pub(super) fn plain(memory_bytes: u64, lease: Duration) -> Self {
        Self {
            max_parallel: None,
            memory: memory_bytes >> 20,
            rate_limit: None,
            on_failure: Failing::Stop,
            lease: lease.as_secs(),
        }
    }

    fn settings(&self, waits: bool) -> Settings {
        let parallel = parallel(self.max_parallel);
        let memory_bytes = self.memory.max(1) << 20;
        let share = usize::try_from(memory_bytes).unwrap_or(usize::MAX) / parallel;
        Settings {
            parallel,
            memory_bytes,
            // Every hour may use all cores: one that is large enough to be built alone would else leave some idle.
            limits: session::Limits { memory_bytes: share.max(32 << 20), threads: cores() },
            lease: Duration::from_secs(self.lease),
            rows_per_second: self.rate_limit,
            on_failure: match self.on_failure {
                Failing::Stop => OnFailure::Stop,
                Failing::Continue => OnFailure::Continue,
            },
            waits,
        }
    }

    /// A worker of this process.
    pub(super) fn worker(&self, instance: &Installation, waits: bool) -> Worker {
        Worker {
            archive: instance.archive.clone(),
            history: instance.rulings(),
            catalog: Arc::clone(&instance.catalog),
            clock: Arc::clone(&instance.clock),
            name: format!("{}:{}", host(), std::process::id()),
            settings: self.settings(waits),
        }
    }
}

fn lease_seconds(text: &str) -> Result<u64, String> {
    let seconds = text.parse().ok().filter(|seconds| (1..=LEASE_SECONDS_MAX).contains(seconds));
    seconds.ok_or_else(|| format!("it must be a number of seconds from 1 to {LEASE_SECONDS_MAX}"))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}

/// How many hours are built at a time.
pub(super) fn parallel(asked: Option<usize>) -> usize {
    asked.unwrap_or_else(|| cores() + 1).clamp(1, PARALLEL_MAX)
}

/// The name of this machine.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name.trim().chars().filter(|c| c.is_ascii_alphanumeric() || "-._".contains(*c)).collect();
    if name.is_empty() { "unknown".to_owned() } else { name }
}

/// Whether a worker of this name ran on this machine.
pub(super) fn is_here(worker: &str) -> bool {
    worker.rsplit_once(':').is_some_and(|(name, _)| name == host())
}

/// Becomes true with the first ^C or SIGTERM; with a second one the process ends as if it was killed.
pub(super) fn stop_on_signal() -> anyhow::Result<(watch::Receiver<bool>, tokio::task::JoinHandle<()>)> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let (stop, stopped) = watch::channel(false);
    let heard = tokio::spawn(async move {
        for _ in 0..2 {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if !stop.send_replace(true) {
                output::note("stopping once the hours at work are built; again to stop at once");
            }
        }
    });
    Ok((stopped, heard))
}

/// Works on a generation to its end, and says what came of it. So many of its hours were `noted` as done before,
/// because they are reused.
pub(super) async fn build(
    global: &Global,
    instance: &Installation,
    generation: &Generation,
    working: &Working,
    (noted, advertiser): (u64, Option<&str>),
) -> anyhow::Result<Exit> {
    let (stop, mut heard) = stop_on_signal()?;
    let before = Summary::of(instance.catalog.as_ref(), &generation.id).await?;
    let progress = Arc::new(Progress::begin(&before, Arc::clone(&instance.clock)));
    let worker = working.worker(instance, true);
    let begun = instance.clock.now();
    let ended = tokio::select! {
        ended = worker.run(generation, stop, progress.listener()) => Some(ended),
        _ = &mut heard => None,
    };
    progress.end();
    heard.abort();
    let Some(ended) = ended else {
        output::note(&format!("stopped: go on with `clicktrail replay resume {}`", generation.id));
        return Ok(Exit::Partial);
    };
    let mut ended = ended?;
    (ended.done, ended.reused) = (ended.done + noted, ended.reused + noted);
    let after = Summary::of(instance.catalog.as_ref(), &generation.id).await?;
    let micros = instance.clock.now().micros().saturating_sub(begun.micros());
    let change = match ended.state {
        GenerationState::Built => diff::after_build(instance, generation, advertiser).await,
        GenerationState::Building | GenerationState::Failed | GenerationState::Aborted | GenerationState::Promoted => {
            None
        }
    };
    print(global, generation, &ended, &after, (micros, change.as_ref()));
    Ok(exit(&ended, working.on_failure))
}

const fn exit(ended: &Ended, failing: Failing) -> Exit {
    match (ended.state, failing) {
        (GenerationState::Built | GenerationState::Promoted, _) => Exit::Ok,
        // What somebody gave up did not fail, and is not done.
        (GenerationState::Building | GenerationState::Aborted, _) | (GenerationState::Failed, Failing::Continue) => {
            Exit::Partial
        }
        (GenerationState::Failed, Failing::Stop) => Exit::Failed,
    }
}

fn print(
    global: &Global,
    generation: &Generation,
    ended: &Ended,
    after: &Summary,
    (micros, change): (i64, Option<&Change>),
) {
    let id = &generation.id;
    if global.output == Format::Json {
        let failed = |(hour, why): &(Hour, String)| json!({"hour": hour.to_string(), "error": why});
        output::json(&json!({
            "generation": id.as_str(),
            "state": super::summary::state(ended.state),
            "hours": after.hours(),
            "rows": after.rows,
            "done": after.done,
            "reused": after.reused,
            "done_here": ended.done,
            "reused_here": ended.reused,
            "failed": ended.failed.iter().map(failed).collect::<Vec<_>>(),
            "milliseconds": micros / 1_000,
            "change": change.map(Change::document),
        }));
        return;
    }
    let hours = output::count(after.hours(), "hour");
    let events = output::count(after.rows, "event");
    match ended.state {
        GenerationState::Promoted => output::line(&format!("{id} counts already: {hours} with {events}")),
        GenerationState::Built => {
            let took = format!("{}.{} s", micros / 1_000_000, micros % 1_000_000 / 100_000);
            output::line(&format!("{id} is built: {hours} with {events}, {} used again, in {took}", after.reused));
            change.inspect(|change| change.print());
            output::note(&format!("nothing counts from it until it is promoted: `clicktrail replay promote {id}`"));
        }
        GenerationState::Building => {
            output::line(&format!("{id}: {} of {hours} are built", after.done));
            output::note(&format!("go on with `clicktrail replay resume {id}`"));
        }
        GenerationState::Failed => {
            let failed = output::count(after.failed, "hour");
            output::line(&format!("{id}: {failed} failed, {} of {hours} are built", after.done));
            output::note(&format!(
                "see to what failed, then `clicktrail replay resume {id}`; what counts is as before"
            ));
        }
        GenerationState::Aborted => {
            output::line(&format!("{id} was given up: {} of {hours} were built, and count for nothing", after.done));
        }
    }
}
