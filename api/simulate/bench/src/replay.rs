//! Building sealed hours again, beside other engines that compute the same from the same files and check nothing.
//!
//! What is built differs from what counts, as after a fix: live hours bill probes as clicks. The builds of a section
//! and the engines take turns, and the least time of each counts.

pub(crate) mod bed;
mod build;
mod engines;
mod working;

use std::{collections::BTreeMap, path::PathBuf, process::Command, time::Duration};

use anyhow::{Context as _, ensure};
use clicktrail_catalog::generations::{GenerationId, NewUnit};

use self::{
    bed::Bed,
    build::Built,
    engines::{Engines, Made},
    working::{Opened, Worked},
};
use crate::{
    hour::World,
    sizes::Sizes,
    table::{Table, Target, float, gib, millis, note, rate, ratio},
    took::{Round, Took},
};

/// Ordinary hours.
const HOURS: u32 = 24;
/// Large hours are as many events together as the hour that `project` measures.
const LARGE_HOURS: u32 = 2;
const ROUNDS: usize = 3;
const GIB: f64 = 1_073_741_824.0;
/// Bytes.
const MEMORY_MAX: f64 = 1.5 * GIB;
/// Hours until every thread has done every kind of work once.
const SETTLED_AFTER: usize = 8;

pub(crate) async fn run(sizes: &Sizes, table: &mut Table) -> anyhow::Result<()> {
    let ordinary = format!("{HOURS} hours of {}", sizes.ordinary_events);
    let bed = Bed::make(HOURS, sizes.ordinary_events, World::Sparse).await?;
    Box::pin(against_engines(&bed, &ordinary, Target::AtLeast(1.5), None, table)).await?;
    Box::pin(processes(&bed, table)).await?;
    drop(bed);
    let each = (sizes.events / u64::from(LARGE_HOURS)).max(1);
    for (world, name, target) in [(World::Sparse, "sparse", 2.0), (World::Dense, "dense", 1.2)] {
        let bed = Bed::make(LARGE_HOURS, each, world).await?;
        let name = format!("{LARGE_HOURS} {name} hours of {each}");
        let speed = Some(Target::AtLeast(3_000_000.0));
        Box::pin(against_engines(&bed, &name, Target::AtLeast(target), speed, table)).await?;
    }
    Box::pin(long(sizes, table)).await
}

/// Builds in turns with every engine that is installed.
async fn against_engines(
    bed: &Bed,
    name: &str,
    target: Target,
    speed: Option<Target>,
    table: &mut Table,
) -> anyhow::Result<()> {
    let (generation, units) = bed.plan_counters().await?;
    let mut engines = Engines::start(bed)?;
    let versions = engines.versions.clone();
    let mut ours: Option<Built> = None;
    let mut theirs: BTreeMap<&str, (Took, Made)> = BTreeMap::new();
    for _ in 0..ROUNDS {
        let built = build::from_nothing(bed, &generation, &units).await?;
        ours = Some(ours.map_or(built, |before| before.or(built)));
        for engine in versions.keys() {
            let made = engines.turn(engine)?;
            let before = theirs.get(engine.as_str()).map_or(Took::NOTHING_YET, |(took, _)| *took);
            theirs.insert(engine, (before.or(made.took()), made));
        }
    }
    let ours = ours.context("at least one round")?;
    ensure!(ours.changed > 0, "what was built is what counted, and should not be");
    agree(&theirs)?;
    let shown = |took: Took| {
        let events = float(bed.events()) / took.time.as_secs_f64();
        format!("{} ({:.2} s of CPU)", rate(events), took.cpu.as_secs_f64())
    };
    let whole = Took { time: ours.build.time + ours.diff.time, cpu: ours.build.cpu + ours.diff.cpu };
    table.say(format!("replay, {name}: built and compared"), shown(whole));
    table.say(format!("replay, {name}: of it, comparing {} rows", ours.changed), shown(ours.diff));
    for engine in ["DuckDB", "Polars", "chDB"] {
        match (theirs.get(engine), versions.get(engine)) {
            (Some((took, _)), Some(version)) => table.say(format!("replay, {name}: {engine} {version}"), shown(*took)),
            _ => table.say(format!("replay, {name}: {engine}"), "not installed"),
        }
    }
    if let Some(speed) = speed {
        let events = float(bed.events()) / whole.time.as_secs_f64();
        table.judge(format!("replay, {name}: events"), events, speed, rate);
    }
    let least = |of: fn(&Took) -> Duration| theirs.values().map(|(took, _)| of(took)).min().unwrap_or(Duration::MAX);
    let (time, cpu) = (least(|took| took.time), least(|took| took.cpu));
    let against = time.as_secs_f64() / whole.time.as_secs_f64();
    table.judge(format!("replay, {name}: against the fastest"), against, target, ratio);
    let against = cpu.as_secs_f64() / whole.cpu.as_secs_f64();
    table.say(format!("replay, {name}: … by CPU time"), ratio(against));
    Ok(())
}

/// Engines that compute the same get the same.
fn agree(theirs: &BTreeMap<&str, (Took, Made)>) -> anyhow::Result<()> {
    let sums = |made: &Made| (made.rows, made.clicks, made.spend.clone());
    let mut all = theirs.iter().map(|(engine, (_, made))| (engine, sums(made)));
    let Some((first, expected)) = all.next() else { return Ok(()) };
    for (engine, found) in all {
        ensure!(found == expected, "{engine} counts {found:?}, {first} {expected:?}");
    }
    Ok(())
}

/// Work on a build in a process of its own
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    home: PathBuf,
    generation: String,
    parallel: usize,
    threads: usize,
}

/// Works, and prints what it did as JSON.
pub(crate) async fn child(Arguments { home, generation, parallel, threads }: Arguments) -> anyhow::Result<()> {
    let opened = Opened::open(&home).await?;
    let id: GenerationId = GenerationId::parse(&generation).context("an id is given")?;
    let generation = opened.catalog.generation(&id).await?.context("the generation is there")?;
    let worked = working::work(&opened, &generation, parallel, threads).await?;
    serde_json::to_writer(std::io::stdout(), &worked)?;
    Ok(())
}

/// Lets processes work on a build; each on so many threads, and one hour more at a time.
async fn in_processes(
    bed: &Bed,
    id: &GenerationId,
    processes: usize,
    threads: usize,
) -> anyhow::Result<(Duration, Vec<Worked>)> {
    let mut running = tokio::task::JoinSet::new();
    let round = Round::begin()?;
    for _ in 0..processes {
        let mut child = Command::new(std::env::current_exe()?);
        child
            .arg("replay-work")
            .arg(bed.home())
            .arg(id.as_str())
            .args([threads + 1, threads].map(|count| count.to_string()));
        child.env("TOKIO_WORKER_THREADS", threads.to_string());
        running.spawn_blocking(move || child.output());
    }
    let mut worked = Vec::new();
    while let Some(output) = running.join_next().await {
        let output = output??;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        worked.push(serde_json::from_slice(&output.stdout).context("read what a worker did")?);
    }
    Ok((round.end()?.time, worked))
}

/// Two processes of one thread each beside one of two.
async fn processes(bed: &Bed, table: &mut Table) -> anyhow::Result<()> {
    let (generation, units) = bed.plan_counters().await?;
    let (mut one, mut two) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        for (processes, threads, least) in [(1, 2, &mut one), (2, 1, &mut two)] {
            bed.put(&generation, &units).await?;
            let (took, worked) = in_processes(bed, &generation.id, processes, threads).await?;
            ensure!(worked.iter().map(|worked| worked.done).sum::<u64>() == u64::from(HOURS), "{worked:?}");
            *least = took.min(*least);
            bed.remove_built()?;
        }
    }
    let against = one.as_secs_f64() / two.as_secs_f64();
    let what = "replay: two processes of one thread against one of two";
    table.judge(what, against, Target::AtLeast(0.9), ratio);
    Ok(())
}

/// A range of many hours: what each costs, and what it costs to find that nothing is to be done.
async fn long(sizes: &Sizes, table: &mut Table) -> anyhow::Result<()> {
    let (hours, events) = (sizes.replay_hours.max(2), sizes.replay_events);
    let name = format!("replay, {hours} hours of {events}");
    let bed = Bed::make(hours, events, World::Sparse).await?;
    let round = Round::begin()?;
    let (generation, units) = bed.plan_counters().await?;
    let planned = round.end()?.time;
    table.judge(format!("{name}: plan"), planned.as_secs_f64(), Target::AtMost(2.0), millis);
    let round = Round::begin()?;
    bed.put(&generation, &units).await?;
    let put = round.end()?.time;
    let (built, worked) = in_processes(&bed, &generation.id, 1, working::THREADS).await?;
    let first = planned + put + built;
    let worked = worked.first().context("one process worked")?;
    table.say(format!("{name}: built"), rate(float(bed.events()) / built.as_secs_f64()));
    flat(&name, worked, table);
    Box::pin(one_hour_changed(&bed, &units, &name, first, table)).await?;
    let round = Round::begin()?;
    bed.ask_gates(&generation.id).await?;
    table.say(format!("{name}: asking the gates"), millis(round.end()?.time.as_secs_f64()));
    let round = Round::begin()?;
    bed.promote(&generation).await?;
    table.judge(
        format!("{name}: promote, once they let it"),
        round.end()?.time.as_secs_f64(),
        Target::AtMost(1.0),
        millis,
    );
    Ok(())
}

/// Time and memory of the last hours beside those of the first.
fn flat(name: &str, worked: &Worked, table: &mut Table) {
    let settled = worked.micros.get(SETTLED_AFTER..).unwrap_or_default();
    let tenth = (settled.len() / 10).max(1);
    let mean = |micros: &mut dyn Iterator<Item = &i64>| {
        let micros: Vec<u64> = micros.take(tenth).map(|micros| micros.unsigned_abs()).collect();
        float(micros.iter().sum()) / float(micros.len().max(1) as u64)
    };
    let (early, late) = (mean(&mut settled.iter()), mean(&mut settled.iter().rev()));
    table.judge(
        format!("{name}: an hour of the last tenth against the first"),
        late / early,
        Target::AtMost(1.2),
        ratio,
    );
    let resident = worked.resident.get(SETTLED_AFTER..).unwrap_or_default();
    let most = float(resident.iter().copied().max().unwrap_or_default());
    table.judge(format!("{name}: resident memory"), most, Target::AtMost(MEMORY_MAX), gib);
    if let (Some(first), Some(last)) = (resident.first(), resident.last()) {
        table.say(format!("{name}: … after the last hour against the first"), ratio(float(*last) / float(*first)));
    }
}

/// Another plan, of whose hours the earlier build has made all but one. It is timed from planning it to its end.
async fn one_hour_changed(
    bed: &Bed,
    units: &[NewUnit],
    name: &str,
    first: Duration,
    table: &mut Table,
) -> anyhow::Result<()> {
    let hour = units.get(units.len() / 2).context("a range has hours")?.hour;
    bed.remove_built_of(hour)?;
    let round = Round::begin()?;
    let (generation, noted) = bed.put_another().await?;
    let put = round.end()?.time;
    let (built, worked) = in_processes(bed, &generation.id, 1, working::THREADS).await?;
    let reused: u64 = noted + worked.iter().map(|worked| worked.reused).sum::<u64>();
    ensure!(reused + 2 == units.len() as u64, "{reused} of {} hours were used again", units.len() - 1);
    let again = put + built;
    note(&format!("  again: {:.2} s of {:.2}", again.as_secs_f64(), first.as_secs_f64()));
    table.say(
        format!("{name}: planned again, and an hour noted as reused"),
        millis(put.as_secs_f64() / float(reused.max(1))),
    );
    let share = again.as_secs_f64() / first.as_secs_f64();
    table.judge(format!("{name}: again, one hour to be built"), share, Target::AtMost(0.03), ratio);
    Ok(())
}
