//! Query 17 of the Nexmark benchmark over archived hours, beside DuckDB running the same SQL over the same files: per
//! key and day the number of bids, of those in three ranges of price, and the least, the greatest and the sum of
//! prices. An ad stands for an auction, an event for a bid.
//!
//! It takes the path of every projection but counters: parts are compared with their digests, the engine computes, and
//! the rows become a segment in the order of their key. No projection may use MIN and MAX, which cannot be taken back
//! by a difference; so it is run as a question, and only its cost is that of a projection.

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, ensure};
use clicktrail_log::{
    archive::{
        Manifest,
        seal::{Cursor, Sealer},
    },
    time::{Hour, ManualClock},
};
use clicktrail_projections::{counters, segment::Writer, select::Hours, session};

use crate::{
    hour,
    hour::World,
    project::{self, THREADS},
    sizes::Sizes,
    table::{Table, float, note, rate, ratio},
    took::{Round, Took},
};

const SQL: &str = include_str!("../../../../projections/src/select/nexmark_q17.sql");
/// Hours over which the events are spread.
const HOURS: u32 = 10;
const ROUNDS: usize = 3;
/// What Feldera publishes for this query: events a second on one core.
const FELDERA: f64 = 242_000.0;

pub(crate) async fn run(sizes: &Sizes, table: &mut Table) -> anyhow::Result<()> {
    let each = (sizes.q17_events / u64::from(HOURS)).max(1);
    note(&format!("make {HOURS} hours of {each} events for q17"));
    let home = tempfile::tempdir()?;
    hour::fill(home.path(), each, HOURS, World::Sparse).await?;
    let manifests = seal(home.path()).await?;
    let events = float(manifests.iter().map(|manifest| manifest.rows).sum());
    let out = home.path().join("q17.parquet");
    let mut ours = Took::NOTHING_YET;
    let mut rows = 0;
    for _ in 0..ROUNDS {
        let round = Round::begin()?;
        rows = write(home.path(), &manifests, &out).await?;
        ours = ours.or(round.end()?);
    }
    let files = manifests.iter().flat_map(|manifest| &manifest.parts).map(|part| part.core.key.as_str());
    let theirs = project::duckdb(home.path(), files, &out, SQL)?;
    ensure!(
        theirs.differences == 0 && theirs.rows == rows,
        "q17: DuckDB has {} rows, ours are {rows}; {} are in one only",
        theirs.rows,
        theirs.differences
    );
    let cores = float(THREADS as u64);
    let duckdb = theirs.to_file.iter().copied().fold(f64::INFINITY, f64::min);
    let ours_seconds = ours.time.as_secs_f64();
    let a_core = events / ours_seconds / cores;
    table.say(format!("q17, {events} events: events a core"), rate(a_core));
    table.say("q17: events for each second of CPU time", rate(events / ours.cpu.as_secs_f64()));
    table.say(format!("q17: DuckDB {}, events a core", theirs.version), rate(events / duckdb / cores));
    table.say("q17: against DuckDB", ratio(duckdb / ours_seconds));
    table.say("q17: against what Feldera publishes, a core", ratio(a_core / FELDERA));
    table.say("q17: rows, equal to DuckDB's", rows);
    Ok(())
}

async fn seal(home: &Path) -> anyhow::Result<Vec<Manifest>> {
    let end = Hour::from_i64(hour::first().as_i64() + i64::from(HOURS)).next().start();
    let log = Arc::new(hour::log(home, Arc::new(ManualClock::new(end))).await?);
    let (sealer, mut cursor, mut manifests) = (Sealer::new(log, hour::archive(home)?), Cursor::start(), Vec::new());
    for _ in 0..HOURS {
        let sealed = sealer.seal_next(&cursor, end).await?;
        let (manifest, after) = sealed.context("an hour that is over was not sealed")?;
        cursor = after;
        manifests.push(manifest);
    }
    Ok(manifests)
}

/// Computes all rows and writes them as a segment; returns how many there are.
async fn write(home: &Path, manifests: &[Manifest], out: &Path) -> anyhow::Result<u64> {
    let archive = hour::archive(home)?;
    let limits = session::Limits { threads: THREADS, ..session::Limits::default() };
    let nothing = arrow::array::RecordBatch::new_empty(counters::rulings_schema());
    let hours = Hours::open(&archive, manifests, nothing, limits)?;
    let batches = hours.select(SQL).await?;
    let mut writer = Writer::new(&batches.first().context("there are rows")?.schema())?;
    for batch in batches {
        writer.push(batch)?;
    }
    let (bytes, rows) = writer.finish()?;
    std::fs::write(out, &bytes)?;
    Ok(rows)
}
