//! The peak of resident memory while hours are sealed and projected, in a process that does nothing else.

use std::{io::Write as _, path::PathBuf, process::Command, sync::Arc};

use anyhow::{Context as _, ensure};
use clicktrail_catalog::{Catalog, Sqlite};
use clicktrail_live::sealing::Archiver;
use clicktrail_log::time::{Clock as _, ManualClock};
use clicktrail_projections::session;

use crate::{
    hour,
    hour::World,
    sizes::Sizes,
    table::{Table, Target, float, gib, note, ratio},
};

const GIB: f64 = 1_073_741_824.0;
/// Bytes.
const TARGET: f64 = 1.5 * GIB;
/// Peaks of the same work differ so much from run to run.
const GROWTH_MAX: f64 = 1.15;
/// Events of a small hour, relative to the large one.
const SMALL: u64 = 20;
const SMALL_HOURS: u32 = 12;
/// Hours until every thread has done every kind of work once: only what grows later grows with the hours.
const SETTLED_AFTER: usize = 3;

/// Seal and project all hours of the log in a directory
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    home: PathBuf,
    hours: u32,
}

pub(crate) async fn run(sizes: &Sizes, table: &mut Table) -> anyhow::Result<()> {
    let small = (sizes.memory_events / SMALL).max(1);
    let after = peaks(small, SMALL_HOURS).await?;
    let large = peaks(sizes.memory_events, 1).await?;
    let (early, late) = (after[SETTLED_AFTER - 1], after[after.len() - 1]);
    let large = float(large[0]);
    table.judge(format!("memory: an hour of {} events", sizes.memory_events), large, Target::AtMost(TARGET), gib);
    let each: Vec<String> = after.iter().map(|peak| format!("{:.2}", float(*peak) / GIB)).collect();
    table.say(format!("memory: peaks after each of {SMALL_HOURS} hours of {small} events"), each.join(" "));
    let growth = format!("memory: growth from hour {SETTLED_AFTER} to hour {SMALL_HOURS}");
    table.judge(growth, float(late) / float(early), Target::AtMost(GROWTH_MAX), ratio);
    Ok(())
}

/// Peak resident bytes of a process after each of `hours` hours of `events` events that it seals and projects.
async fn peaks(events: u64, hours: u32) -> anyhow::Result<Vec<u64>> {
    note(&format!("make {hours} hours of {events} events"));
    let home = tempfile::tempdir()?;
    hour::fill(home.path(), events, hours, World::Sparse).await?;
    let mut child = Command::new(std::env::current_exe()?);
    child.arg("seal-and-project").arg(home.path()).arg(hours.to_string());
    let output = tokio::task::spawn_blocking(move || child.output()).await??;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let peaks: Vec<u64> = String::from_utf8(output.stdout)?
        .lines()
        .map(|line| line.parse().context("a child prints its peaks in bytes"))
        .collect::<anyhow::Result<_>>()?;
    ensure!(peaks.len() == hours as usize, "{} peaks of {hours} hours", peaks.len());
    Ok(peaks)
}

/// Seals and projects, and prints the peak of this process in bytes after every hour.
pub(crate) async fn child(Arguments { home, hours }: Arguments) -> anyhow::Result<()> {
    let clock = Arc::new(ManualClock::new(hour::first().start()));
    let log = Arc::new(hour::log(&home, Arc::clone(&clock)).await?);
    let catalog: Arc<dyn Catalog> = Arc::new(Sqlite::open(&home.join("catalog.sqlite")).await?);
    let limits = session::Limits::default();
    let mut archiver = Archiver::new(log, hour::archive(&home)?, catalog, Arc::clone(&clock) as Arc<_>, limits);
    let mut hour = hour::first();
    for _ in 0..hours {
        hour = hour.next();
        clock.set(hour.next().start());
        archiver.seal_next(clock.now()).await?.context("an hour that is over was not sealed")?;
        writeln!(std::io::stdout(), "{}", peak_bytes()?)?;
    }
    Ok(())
}

/// The most that was resident of this process, since it began or [`forget_peak`].
pub(crate) fn peak_bytes() -> anyhow::Result<u64> {
    status("self", "VmHWM:")
}

/// The most that was ever resident of another process.
pub(crate) fn peak_bytes_of(process: u32) -> anyhow::Result<u64> {
    status(&process.to_string(), "VmHWM:")
}

/// From now on the peak is that of what comes.
pub(crate) fn forget_peak() -> anyhow::Result<()> {
    std::fs::write("/proc/self/clear_refs", "5").context("let the kernel forget the peak of resident memory")
}

/// What is resident of this process now.
pub(crate) fn resident_bytes() -> anyhow::Result<u64> {
    status("self", "VmRSS:")
}

fn status(process: &str, name: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).context("read resident memory")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes: u64 =
        line.with_context(|| format!("the kernel tells no {name}"))?.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes * 1024)
}
