//! Projecting a sealed hour into counters, beside DuckDB running the same SQL over the same files.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use anyhow::{Context as _, ensure};
use arrow::{
    array::{ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray},
    datatypes::Int64Type,
};
use clicktrail_catalog::Segment;
use clicktrail_log::{
    archive::{
        Archive, Manifest, part,
        seal::{Cursor, Sealer},
    },
    time::ManualClock,
};
use clicktrail_projections::{Projection, counters, session};
use clicktrail_replay::{rulings::HourRulings, segment};
use futures::TryStreamExt as _;
use serde::Deserialize;

use crate::{
    hour,
    hour::World,
    table::{Table, Target, float, note, rate, ratio},
    took::{Round, Took},
};

/// Each is done so often, in turns; the best time counts, for both.
const ROUNDS: usize = 3;
/// Threads of whoever is measured.
pub(crate) const THREADS: usize = 2;
/// How much longer an hour with rulings may take.
const RULED_MAX: f64 = 1.25;
/// Runs the SQL, and compares its rows with those of our segment.
const DUCKDB: &str = include_str!("project.py");

/// What `project.py` prints.
#[derive(Debug, Deserialize)]
pub(crate) struct Theirs {
    pub(crate) version: String,
    /// Seconds of each round: the rows to a Parquet file, and to nowhere but memory.
    pub(crate) to_file: Vec<f64>,
    in_memory: Vec<f64>,
    pub(crate) rows: u64,
    /// Rows that only one of the two has.
    pub(crate) differences: u64,
}

/// The best times of our own.
struct Ours {
    /// Into a segment in the archive.
    to_file: Took,
    /// Rows that are not written.
    in_memory: Took,
    /// The same, with rulings about some of the clicks.
    ruled: Took,
    rulings: u64,
    built: Segment,
}

/// Projects the hour in `home`, and makes the table's rows about it.
pub(crate) async fn run(home: &Path, manifest: &Manifest, world: World, table: &mut Table) -> anyhow::Result<()> {
    let ours = measure(home, manifest, ROUNDS).await?;
    let files = manifest.parts.iter().map(|part| part.core.key.as_str());
    let theirs = duckdb(home, files, &home.join("archive").join(&ours.built.key), counters::SQL)?;
    ensure!(
        theirs.differences == 0 && theirs.rows == ours.built.rows,
        "DuckDB has {} rows, the segment {}; {} are in one only",
        theirs.rows,
        ours.built.rows,
        theirs.differences
    );
    let per_second = |seconds: f64| float(manifest.rows) / seconds;
    let best = |times: &[f64]| times.iter().copied().fold(f64::INFINITY, f64::min);
    let (file, memory) = (ours.to_file.time.as_secs_f64(), ours.in_memory.time.as_secs_f64());
    let name = match world {
        World::Sparse => "project",
        World::Dense => "project, dense",
        World::Market => "project, market",
        World::Wide => "project, wide",
    };
    let engine = format!("DuckDB {}", theirs.version);
    table.judge(format!("{name}: events into a segment"), per_second(file), Target::AtLeast(2_500_000.0), rate);
    table.say(format!("{name}: events, rows not written"), rate(per_second(memory)));
    table.say(format!("{name}: {engine} into a Parquet file"), rate(per_second(best(&theirs.to_file))));
    table.say(format!("{name}: {engine}, rows not written"), rate(per_second(best(&theirs.in_memory))));
    let against = |what: &str| format!("{name}: against DuckDB, {what}");
    table.judge(against("written"), best(&theirs.to_file) / file, Target::AtLeast(1.0), ratio);
    table.judge(against("not written"), best(&theirs.in_memory) / memory, Target::AtLeast(1.0), ratio);
    let with = format!("{name}: time with {} rulings, not written", ours.rulings);
    table.judge(with, ours.ruled.time.as_secs_f64() / memory, Target::AtMost(RULED_MAX), ratio);
    table.say(format!("{name}: rows, equal to DuckDB's"), ours.built.rows);
    table.say(format!("{name}: events a row"), format!("{:.1}", float(manifest.rows) / float(ours.built.rows)));
    Ok(())
}

/// Makes and projects an hour in which many events share a key.
pub(crate) async fn dense(events: u64, table: &mut Table) -> anyhow::Result<()> {
    note(&format!("make a dense hour of {events} events"));
    let home = tempfile::tempdir()?;
    hour::fill(home.path(), events, 1, World::Dense).await?;
    let manifest = seal(home.path()).await?;
    run(home.path(), &manifest, World::Dense, table).await
}

async fn seal(home: &Path) -> anyhow::Result<Manifest> {
    let after = hour::first().next().next().start();
    let log = hour::log(home, Arc::new(ManualClock::new(after))).await?;
    let sealed = Sealer::new(Arc::new(log), hour::archive(home)?).seal_next(&Cursor::start(), after).await?;
    let (manifest, _) = sealed.context("the hour is over, and yet was not sealed")?;
    Ok(manifest)
}

/// Project one hour again and again, for a profiler
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    home: PathBuf,
    /// Events to make if the directory has no log yet
    #[arg(long, default_value_t = 2_000_000)]
    events: u64,
    #[arg(long)]
    dense: bool,
    #[arg(long, default_value_t = ROUNDS)]
    rounds: usize,
}

/// Projects, and says the best times.
pub(crate) async fn child(Arguments { home, events, dense, rounds }: Arguments) -> anyhow::Result<()> {
    if !home.exists() {
        std::fs::create_dir_all(&home)?;
        hour::fill(&home, events, 1, if dense { World::Dense } else { World::Sparse }).await?;
    }
    let manifest = seal(&home).await?;
    let ours = measure(&home, &manifest, rounds).await?;
    let rate = |took: Took| {
        let events = rate(float(manifest.rows) / took.time.as_secs_f64());
        format!("{events} ({:.2} s of CPU)", took.cpu.as_secs_f64())
    };
    let (written, counted, ruled) = (rate(ours.to_file), rate(ours.in_memory), rate(ours.ruled));
    note(&format!("written {written}, not written {counted}, with {} rulings {ruled}", ours.rulings));
    note(&format!("{} rows in {} bytes", ours.built.rows, ours.built.bytes));
    Ok(())
}

async fn measure(home: &Path, manifest: &Manifest, rounds: usize) -> anyhow::Result<Ours> {
    let archive = hour::archive(home)?;
    let limits = session::Limits { threads: THREADS, ..session::Limits::default() };
    let rulings = rulings(&archive, manifest).await?;
    let count = async |rulings: &[RecordBatch]| -> anyhow::Result<Took> {
        let round = Round::begin()?;
        let _rows: Vec<_> = counters::project_hour(&archive, manifest, rulings, limits).await?.try_collect().await?;
        round.end()
    };
    let (mut to_file, mut in_memory, mut ruled) = (Took::NOTHING_YET, Took::NOTHING_YET, Took::NOTHING_YET);
    let mut built = None;
    for _ in 0..rounds {
        let round = Round::begin()?;
        built = Some(segment::build(&archive, &Projection::counters(), manifest, &HourRulings::none(), limits).await?);
        to_file = to_file.or(round.end()?);
        in_memory = in_memory.or(count(&[]).await?);
        ruled = ruled.or(count(std::slice::from_ref(&rulings)).await?);
    }
    let built = built.context("at least one round")?;
    Ok(Ours { to_file, in_memory, ruled, rulings: rulings.num_rows() as u64, built })
}

/// One ruling for every twentieth click.
async fn rulings(archive: &Archive, manifest: &Manifest) -> anyhow::Result<RecordBatch> {
    let mut positions = Vec::new();
    for part in &manifest.parts {
        for batch in part::read(archive.get_file(&part.core).await?, Some(&["position", "kind"]))? {
            let batch = batch?;
            let column = |name| batch.column_by_name(name).context("a part has positions and kinds");
            let kinds = column("kind")?.as_string::<i32>().iter();
            let rows = column("position")?.as_primitive::<Int64Type>().values().iter().zip(kinds);
            positions.extend(rows.filter(|(_, kind)| *kind == Some("click")).map(|(position, _)| *position));
        }
    }
    let ruled = Int64Array::from_iter_values(positions.into_iter().step_by(20));
    let categories = ["givt", "sivt", "duplicate", "policy"].into_iter().cycle().take(ruled.len());
    let columns: Vec<ArrayRef> = vec![Arc::new(ruled), Arc::new(StringArray::from_iter_values(categories))];
    Ok(RecordBatch::try_new(counters::rulings_schema(), columns)?)
}

/// Runs SQL in DuckDB over files of the archive in `home`, and compares its rows with those of `segment`.
pub(crate) fn duckdb<'f>(
    home: &Path,
    files: impl Iterator<Item = &'f str>,
    segment: &Path,
    sql: &str,
) -> anyhow::Result<Theirs> {
    let python =
        std::env::var("CLICKTRAIL_TEST_PYTHON").context("CLICKTRAIL_TEST_PYTHON is not set: use `make bench`")?;
    let archive = home.join("archive");
    let files: Vec<_> = files.map(|file| archive.join(file)).collect();
    let job = serde_json::json!({
        "files": files,
        "segment": segment,
        "sql": sql,
        "threads": THREADS,
        "rounds": ROUNDS,
        "scratch": home.join("duckdb.parquet"),
    });
    let output = Command::new(python).args(["-c", DUCKDB, &job.to_string()]).output().context("run DuckDB")?;
    ensure!(output.status.success(), "DuckDB: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("read what DuckDB measured")
}
