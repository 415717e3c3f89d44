//! Evidence of one advertiser's month out of everybody's, beside DuckDB selecting the same rows of the same files; and
//! one click by its event id.

use std::{
    collections::HashMap,
    fs::File,
    io::BufWriter,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    time::Instant,
};

use anyhow::{Context as _, ensure};
use arrow::array::AsArray as _;
use clicktrail_evidence::{
    note::{Kind, SigningKey, VerifierKey},
    verify::{Trust, verify},
};
use clicktrail_export::{Ask, Exported, Exporting, find};
use clicktrail_log::{
    archive::{
        part,
        transparency::{Found, Hours, Keys, Signer},
    },
    frame::Digest,
    log::Stream,
    time::Hour,
};
use serde::Deserialize;

use crate::{
    hour::{self, World},
    replay::bed::Bed,
    sizes::Sizes,
    table::{Table, Target, float, millis, note, ratio},
    took::{Round, Took},
};

/// One advertiser's share of all events.
const SHARE: u64 = 1_000;
/// How often each is done; the best time counts, for both.
const ROUNDS: usize = 3;
/// Threads of DuckDB.
const THREADS: usize = 2;
/// Clicks that are looked up.
const LOOKED_UP: usize = 20;
const DUCKDB: &str = include_str!("exporting.py");

/// Hours that were sealed a moment ago, in this process.
#[derive(Debug)]
struct JustSealed;

impl Hours for JustSealed {
    fn problems(&self, _: Stream, _: Hour, _: Digest, _: Option<Digest>) -> Found<'_> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// Whose evidence it is, and some ids of events.
struct Chosen {
    advertiser: String,
    rows: u64,
    ids: Vec<String>,
}

/// What `exporting.py` prints.
#[derive(Debug, Deserialize)]
struct Theirs {
    version: String,
    seconds: Vec<f64>,
    rows: u64,
}

pub(crate) async fn run(sizes: &Sizes, table: &mut Table) -> anyhow::Result<()> {
    let (hours, events) = (sizes.evidence_hours, sizes.evidence_hour_events);
    let bed = Bed::sealed(hours, events, World::Market).await?;
    let key = sign(&bed).await?;
    let chosen = choose(&bed).await?;
    let all: u64 = bed.manifests.iter().map(|manifest| manifest.rows).sum();
    let name = format!("evidence out of {all} events of {hours} hours");
    look_up(&bed, &chosen.ids, &name, table).await?;

    let (from, to) = (hour::first().start(), Hour::from_i64(hour::first().as_i64() + i64::from(hours)).start());
    let ask = Ask::Events { advertiser: chosen.advertiser.clone(), from, to };
    let out = bed.home().join("bundle.zip");
    let mut took = Took::NOTHING_YET;
    let mut exported = None;
    for _ in 0..ROUNDS {
        let round = Round::begin()?;
        exported = Some(export(&bed, &ask, &out).await?);
        took = took.or(round.end()?);
    }
    let rows = exported.context("at least one round")?.rows as u64;
    ensure!(rows == chosen.rows, "{rows} rows were exported of {}", chosen.rows);
    let seconds = took.time.as_secs_f64();
    table.judge(format!("{name}: {rows} exported with proofs"), seconds, Target::AtMost(10.0), millis);
    table.say(format!("{name}: … of CPU"), millis(took.cpu.as_secs_f64()));
    let trust = Trust { keys: vec![key], ..Trust::default() };
    let begun = Instant::now();
    let checked = verify(&Mutex::new(File::open(&out)?), &trust);
    let verified = begun.elapsed();
    ensure!(checked.verified && checked.numbers.rows == rows, "{checked}");
    table.say(format!("{name}: that bundle verified"), millis(verified.as_secs_f64()));
    beside(&bed, &ask, rows, seconds, &name, table)
}

/// Signs all hours; the key that others verify with.
async fn sign(bed: &Bed) -> anyhow::Result<VerifierKey> {
    let key = SigningKey::of_seed("bench.example/clicks", Kind::Ed25519, [7; 32])?;
    let verifier = key.verifier().clone();
    let mut signer = Signer::new(bed.opened.archive.clone(), Keys::new(vec![key])?, Arc::new(JustSealed));
    while signer.step().await?.is_behind {}
    Ok(verifier)
}

/// The advertiser whose rows are nearest to its share, and the first event of some hours.
async fn choose(bed: &Bed) -> anyhow::Result<Chosen> {
    let (mut rows, mut ids) = (HashMap::<String, u64>::new(), Vec::new());
    let step = (bed.manifests.len() / LOOKED_UP).max(1);
    for (number, manifest) in bed.manifests.iter().enumerate() {
        for part in &manifest.parts {
            let bytes = bed.opened.archive.get_file(&part.core).await?;
            for batch in part::read(bytes, Some(&["advertiser_id", "event_id"]))? {
                let batch = batch?;
                let text =
                    |name| batch.column_by_name(name).context("a part has ids").map(|all| all.as_string::<i32>());
                for advertiser in text("advertiser_id")?.iter().flatten() {
                    match rows.get_mut(advertiser) {
                        Some(count) => *count += 1,
                        None => drop(rows.insert(advertiser.to_owned(), 1)),
                    }
                }
                if number % step == 0 && ids.len() <= number / step {
                    ids.extend(text("event_id")?.iter().flatten().next().map(str::to_owned));
                }
            }
        }
    }
    let share = rows.values().sum::<u64>() / SHARE;
    // Of several the first by name: the same one every time.
    let nearest = rows.into_iter().min_by_key(|(name, rows)| (rows.abs_diff(share), name.clone()));
    let (advertiser, rows) = nearest.context("somebody advertises")?;
    Ok(Chosen { advertiser, rows, ids })
}

async fn look_up(bed: &Bed, ids: &[String], name: &str, table: &mut Table) -> anyhow::Result<()> {
    let (mut sum, mut slowest, mut cpu) = (0.0, 0.0_f64, 0.0);
    for id in ids {
        // The first time warms what the operating system keeps.
        ensure!(!find::event(&bed.opened.archive, id).await?.is_empty(), "{id} is not found");
        let round = Round::begin()?;
        find::event(&bed.opened.archive, id).await?;
        let took = round.end()?;
        sum += took.time.as_secs_f64();
        cpu += took.cpu.as_secs_f64();
        slowest = slowest.max(took.time.as_secs_f64());
    }
    let each = float(ids.len() as u64);
    table.judge(format!("{name}: one click by its event id, warm"), sum / each, Target::AtMost(0.2), millis);
    table.say(format!("{name}: … the slowest of {}, and of CPU on average", ids.len()), {
        format!("{}, {}", millis(slowest), millis(cpu / each))
    });
    Ok(())
}

async fn export(bed: &Bed, ask: &Ask, out: &Path) -> anyhow::Result<Exported> {
    let scratch = tempfile::tempdir_in(bed.home())?;
    let opened = &bed.opened;
    let exporting = Exporting { archive: &opened.archive, catalog: opened.catalog.as_ref(), scratch: scratch.path() };
    let (exported, file) = exporting.write(ask, None, BufWriter::new(File::create(out)?)).await?;
    file.into_inner()?.sync_all()?;
    Ok(exported)
}

/// DuckDB writes the same rows of the same files as CSV.
fn beside(bed: &Bed, ask: &Ask, rows: u64, ours: f64, name: &str, table: &mut Table) -> anyhow::Result<()> {
    let Ask::Events { advertiser, from, to } = ask else { return Ok(()) };
    let Ok(python) = std::env::var("CLICKTRAIL_TEST_PYTHON") else {
        table.say(format!("{name}: DuckDB, the same rows"), "not installed: use `make bench`");
        return Ok(());
    };
    note("  DuckDB selects the same rows");
    let job = serde_json::json!({
        "files": bed.files().concat(),
        "advertiser": advertiser,
        "from": from.micros(),
        "to": to.micros(),
        "threads": THREADS,
        "rounds": ROUNDS,
        "out": bed.home().join("duckdb.csv"),
    });
    let output = Command::new(python).args(["-c", DUCKDB, &job.to_string()]).output().context("run DuckDB")?;
    ensure!(output.status.success(), "DuckDB: {}", String::from_utf8_lossy(&output.stderr));
    let theirs: Theirs = serde_json::from_slice(&output.stdout).context("read what DuckDB measured")?;
    // Events of the range alone: in a bundle are also those of its hours that happened outside it.
    ensure!(theirs.rows <= rows, "DuckDB has {} rows, the bundle {rows}", theirs.rows);
    let fastest = theirs.seconds.iter().copied().fold(f64::INFINITY, f64::min);
    let what = format!("{name}: DuckDB {} selecting {} rows", theirs.version, theirs.rows);
    table.say(what, millis(fastest));
    table.judge(format!("{name}: against DuckDB"), fastest / ours, Target::AtLeast(1.0), ratio);
    Ok(())
}
