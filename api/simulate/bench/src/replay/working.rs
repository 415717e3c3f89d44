//! A builder: what it opens, and how it works on a generation, as `replay build` does.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::ensure;
use clicktrail_catalog::{
    Catalog, Sqlite,
    generations::{Generation, GenerationState},
};
use clicktrail_log::{
    archive::Archive,
    embedded::EmbeddedLog,
    log::{Log, Stream},
    time::{Clock, SystemClock},
};
use clicktrail_projections::session;
use clicktrail_replay::work::{Event, OnFailure, Settings, Worker};
use clicktrail_verdicts::reader::VerdictReader;
use tokio::sync::watch;

use crate::{hour, memory};

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

/// What a builder opens.
pub(crate) struct Opened {
    pub(crate) archive: Archive,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) history: VerdictReader,
}

impl Opened {
    pub(super) async fn open(home: &Path) -> anyhow::Result<Self> {
        let archive = hour::archive(home)?;
        let catalog: Arc<dyn Catalog> = Arc::new(Sqlite::open(&home.join("catalog.sqlite")).await?);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let verdicts = EmbeddedLog::open(&home.join("verdicts.sqlite"), Stream::Verdicts, clock).await?;
        let history = VerdictReader::new(Arc::new(verdicts) as Arc<dyn Log>, archive.clone());
        Ok(Self { archive, catalog, history })
    }
}
