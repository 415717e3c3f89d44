//! Projecting a sealed hour into counters, beside DuckDB running the same SQL over the same files.

use std::{
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use clicktrail_log::archive::Manifest;
use clicktrail_projections::{clicks::CheckedFiles, counters, session};
use clicktrail_replay::{rulings::Known, segment};
use futures::TryStreamExt as _;
use serde::Deserialize;

use crate::{
    hour,
    table::{Table, Target, float, rate, ratio},
};

/// Each is done so often, in turns; the best time counts, for both.
const ROUNDS: usize = 3;
const THREADS: usize = 2;
/// Runs the SQL, and compares its rows with those of our segment.
const DUCKDB: &str = include_str!("project.py");

/// What `project.py` prints.
#[derive(Debug, Deserialize)]
struct Theirs {
    version: String,
    /// Seconds of each round: the rows to a Parquet file, and to nowhere but memory.
    to_file: Vec<f64>,
    in_memory: Vec<f64>,
    rows: u64,
    /// Rows that only one of the two has.
    differences: u64,
}

pub(crate) async fn run(home: &Path, manifest: &Manifest, table: &mut Table) -> anyhow::Result<()> {
    let archive = hour::archive(home)?;
    let limits = session::Limits { threads: THREADS, ..session::Limits::default() };
    let (mut to_file, mut in_memory) = (Duration::MAX, Duration::MAX);
    let mut built = None;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        built = Some(segment::build(&archive, manifest, &Known::nothing(), limits).await?);
        to_file = to_file.min(started.elapsed());
        let started = Instant::now();
        let clicks = Arc::new(CheckedFiles::of_hour(archive.clone(), manifest, THREADS));
        let _rows: Vec<_> = counters::project(clicks, counters::no_rulings(), limits).await?.try_collect().await?;
        in_memory = in_memory.min(started.elapsed());
    }
    let built = built.context("at least one round")?;
    let theirs = duckdb(home, manifest, &built.key)?;
    ensure!(
        theirs.differences == 0 && theirs.rows == built.rows,
        "DuckDB has {} rows, the segment {}; {} are in one only",
        theirs.rows,
        built.rows,
        theirs.differences
    );
    let per_second = |seconds: f64| float(manifest.rows) / seconds;
    let best = |times: &[f64]| times.iter().copied().fold(f64::INFINITY, f64::min);
    let (file, memory) = (to_file.as_secs_f64(), in_memory.as_secs_f64());
    table.judge("project: events into a segment", per_second(file), Target::AtLeast(2_500_000.0), rate);
    table.say("project: events, rows not written", rate(per_second(memory)));
    let name = format!("DuckDB {}", theirs.version);
    table.say(format!("project: {name} into a Parquet file"), rate(per_second(best(&theirs.to_file))));
    table.say(format!("project: {name}, rows not written"), rate(per_second(best(&theirs.in_memory))));
    table.judge("project: against DuckDB, written", best(&theirs.to_file) / file, Target::AtLeast(1.0), ratio);
    table.judge("project: against DuckDB, not written", best(&theirs.in_memory) / memory, Target::AtLeast(1.0), ratio);
    table.say("project: rows, equal to DuckDB's", built.rows);
    Ok(())
}

fn duckdb(home: &Path, manifest: &Manifest, segment: &str) -> anyhow::Result<Theirs> {
    let python =
        std::env::var("CLICKTRAIL_TEST_PYTHON").context("CLICKTRAIL_TEST_PYTHON is not set: use `make bench`")?;
    let archive = home.join("archive");
    let files: Vec<_> = manifest.parts.iter().map(|part| archive.join(&part.core.key)).collect();
    let job = serde_json::json!({
        "files": files,
        "segment": archive.join(segment),
        "sql": counters::SQL,
        "threads": THREADS,
        "rounds": ROUNDS,
        "scratch": home.join("duckdb.parquet"),
    });
    let output = Command::new(python).args(["-c", DUCKDB, &job.to_string()]).output().context("run DuckDB")?;
    ensure!(output.status.success(), "DuckDB: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("read what DuckDB measured")
}
