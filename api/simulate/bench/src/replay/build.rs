//! One build: its units computed by a worker as `replay build` runs it, and its difference to what counts.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::ensure;
use clicktrail_catalog::generations::{Generation, GenerationState, NewUnit};
use clicktrail_log::time::SystemClock;
use clicktrail_projections::{Projection, session};
use clicktrail_replay::{
    diff::{
        Comparison, Question,
        sides::{Against, sides},
    },
    work::{Event, OnFailure, Settings, Worker},
};
use tokio::sync::watch;

use super::bed::{Bed, Opened};
use crate::{
    memory,
    took::{Round, Took},
};

/// Threads of whoever is measured.
pub(super) const THREADS: usize = 2;
/// So many hours are built at a time: as `replay build` chooses on two cores.
pub(super) const PARALLEL: usize = THREADS + 1;

/// What a worker did.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Worked {
    pub(super) done: u64,
    pub(super) reused: u64,
    /// Microseconds of each hour, in the order in which they ended.
    pub(super) micros: Vec<i64>,
    /// Resident bytes of the process as each ended.
    pub(super) resident: Vec<u64>,
}

/// Works on a generation until it is built: so many hours at a time, each on so many threads.
pub(super) async fn work(
    opened: &Opened,
    generation: &Generation,
    parallel: usize,
    threads: usize,
) -> anyhow::Result<Worked> {
    let share = usize::try_from(Settings::MEMORY_BYTES)? / parallel;
    let settings = Settings {
        parallel,
        memory_bytes: Settings::MEMORY_BYTES,
        limits: session::Limits { memory_bytes: share, threads },
        lease: Settings::LEASE,
        rows_per_second: None,
        on_failure: OnFailure::Stop,
        waits: true,
    };
    let worker = Worker {
        archive: opened.archive.clone(),
        history: opened.history.clone(),
        catalog: Arc::clone(&opened.catalog),
        clock: Arc::new(SystemClock),
        name: format!("bench:{}", std::process::id()),
        settings,
    };
    let worked = Arc::new(Mutex::new(Worked::default()));
    let listening = Arc::clone(&worked);
    let tell = Arc::new(move |event: Event| {
        if let Event::Done { micros, .. } = event {
            let mut worked = listening.lock().unwrap_or_else(PoisonError::into_inner);
            worked.micros.push(micros);
            worked.resident.push(memory::resident_bytes().unwrap_or_default());
        }
    });
    let (_stop, stopped) = watch::channel(false);
    let ended = worker.run(generation, stopped, tell).await?;
    ensure!(ended.state == GenerationState::Built, "a build ended as {:?}: {:?}", ended.state, ended.failed);
    let mut worked = worked.lock().unwrap_or_else(PoisonError::into_inner);
    (worked.done, worked.reused) = (ended.done, ended.reused);
    Ok(std::mem::take(&mut worked))
}

/// What a build took, and its comparison with what counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Built {
    pub(super) build: Took,
    pub(super) diff: Took,
    /// Rows that are not as they were.
    pub(super) changed: u64,
}

impl Built {
    pub(super) fn or(self, other: Self) -> Self {
        Self { build: self.build.or(other.build), diff: self.diff.or(other.diff), ..other }
    }
}

/// Builds all hours from nothing, and compares them.
pub(super) async fn from_nothing(bed: &Bed, generation: &Generation, units: &[NewUnit]) -> anyhow::Result<Built> {
    bed.put(generation, units).await?;
    let round = Round::begin()?;
    let worked = work(&bed.opened, generation, PARALLEL, THREADS).await?;
    let build = round.end()?;
    ensure!(worked.reused == 0, "{} hours were not computed", worked.reused);
    let round = Round::begin()?;
    let changed = diff(&bed.opened, generation).await?;
    let diff = round.end()?;
    bed.remove_built()?;
    Ok(Built { build, diff, changed })
}

/// Rows that differ from what counted when the generation was planned.
async fn diff(opened: &Opened, generation: &Generation) -> anyhow::Result<u64> {
    let projection = Projection::counters();
    let comparison = Comparison {
        archive: &opened.archive,
        history: &opened.history,
        projection: &projection,
        limits: session::Limits::default(),
    };
    let by = ["advertiser_id", "currency"].map(str::to_owned).to_vec();
    let question = Question { by, by_hour: false, only: None, rows_max: 0 };
    let sides = sides(opened.catalog.as_ref(), generation, &Against::Planned).await?;
    let diff = comparison.run(&sides, &question, |_| {}).await?;
    Ok(diff.counts.all())
}
