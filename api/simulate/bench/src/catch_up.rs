//! A server with all roles over an hour that is on its log: the most memory that it takes until the hour is sealed and
//! compared, and how soon it counts again after it was killed in the middle.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{bail, ensure};
use clicktrail_catalog::{Catalog, Sqlite};
use clicktrail_log::{
    log::Log as _,
    position::Seq,
    time::{Clock as _, Hour, SystemClock},
};

use crate::{
    hour::{self, World},
    memory,
    server::{self, Running, await_file},
    sizes::Sizes,
    table::{Table, Target, float, gib, note, rate},
};

const GIB: f64 = 1_073_741_824.0;
/// Bytes.
const TARGET: f64 = 1.5 * GIB;
/// Bytes, when every row carries 16 KiB.
const WIDE_TARGET: f64 = 2.0 * GIB;
/// Seconds.
const AGAIN_TARGET: f64 = 30.0;
/// How often it is looked how far a server has come.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// Nothing takes longer.
const TIMEOUT: Duration = Duration::from_secs(1_800);

pub(crate) async fn run(sizes: &Sizes, table: &mut Table) -> anyhow::Result<()> {
    let large = over(sizes.memory_events, World::Sparse).await?;
    let what = format!("catch up: all roles over an hour of {} events", sizes.memory_events);
    table.judge(format!("{what}: memory"), float(large.peak), Target::AtMost(TARGET), gib);
    table.say(format!("{what}: events"), rate(float(sizes.memory_events) / large.seconds));
    let seconds = |seconds| format!("{seconds:.1} s");
    table.judge(format!("{what}: counts again after a kill"), large.again, Target::AtMost(AGAIN_TARGET), seconds);
    let wide = over(sizes.wide_events, World::Wide).await?;
    let what = format!("catch up: all roles over {} events of 16 KiB: memory", sizes.wide_events);
    table.judge(what, float(wide.peak), Target::AtMost(WIDE_TARGET), gib);
    Ok(())
}

/// What was seen of both servers.
#[derive(Debug)]
struct Seen {
    /// Bytes.
    peak: u64,
    /// From the start of the second until counting went on.
    again: f64,
    /// What both took, without what was done again.
    seconds: f64,
}

/// Fills an hour, and serves it: the first server is killed when half of it is counted.
async fn over(events: u64, world: World) -> anyhow::Result<Seen> {
    note(&format!("make an hour of {events} events"));
    let home = tempfile::tempdir()?;
    let data = home.path().join("data");
    std::fs::create_dir(&data)?;
    let hour = Hour::from_i64(SystemClock.now().hour().as_i64() - 1);
    hour::fill_from(&data, hour, events, 1, world).await?;
    let clock = std::sync::Arc::new(clicktrail_log::time::ManualClock::new(SystemClock.now()));
    let last = hour::log(&data, clock).await?.info().await?.last;
    let half = last.get() / 2;

    let begun = Instant::now();
    let (mut first, catalog) = start(&data).await?;
    let killed_at =
        wait(&mut first, || async { counted(&catalog).await.map(|seq| (seq.get() > half).then_some(seq)) }).await?;
    let first_peak = memory::peak_bytes_of(first.id())?;
    drop((first, catalog));
    let first_seconds = begun.elapsed();

    let begun = Instant::now();
    let (mut second, catalog) = start(&data).await?;
    wait(&mut second, || async { counted(&catalog).await.map(|seq| (seq > killed_at).then_some(())) }).await?;
    let again = begun.elapsed();
    let compared = || async { Ok(catalog.reconciliations(hour, 1).await?.pop()) };
    let compared = wait(&mut second, compared).await?;
    ensure!(compared.hour == hour, "another hour was compared: {compared:?}");
    let seconds = (first_seconds + begun.elapsed() - again).as_secs_f64();
    let peak = first_peak.max(memory::peak_bytes_of(second.id())?);
    note(&format!("{compared:?}"));
    Ok(Seen { peak, again: again.as_secs_f64(), seconds })
}

/// A server, and what it counts in.
async fn start(data: &Path) -> anyhow::Result<(Running, Sqlite)> {
    let listening = data.join("listening");
    if listening.exists() {
        std::fs::remove_file(&listening)?;
    }
    let server = Running::spawn(&mut server::serve(data)?, &data.with_extension("log"))?;
    await_file(&listening).await?;
    Ok((server, Sqlite::open(&data.join("catalog.sqlite")).await?))
}

async fn counted(catalog: &Sqlite) -> anyhow::Result<Seq> {
    Ok(catalog.counted_through().await?)
}

/// Until `look` finds something.
async fn wait<T, F>(server: &mut Running, look: impl Fn() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<Option<T>>>,
{
    let begun = Instant::now();
    while begun.elapsed() < TIMEOUT {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        ensure!(!server.has_ended()?, "the server ended by itself");
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    bail!("a server took longer than {TIMEOUT:?}")
}
