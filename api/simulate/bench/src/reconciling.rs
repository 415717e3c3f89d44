//! A partner's list held against ours by `clicktrail reconcile`, beside DuckDB doing the join alone.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Instant,
};

use anyhow::{Context as _, ensure};
use clicktrail_evidence::made_up::Random;
use clicktrail_log::{
    archive::{Archive, clicks::Clicks},
    log::Stream,
    time::Timestamp,
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    sizes::Sizes,
    table::{Table, Target, millis, note, ratio},
};

const ROUNDS: usize = 3;
/// Threads of DuckDB.
const THREADS: usize = 2;
const FROM: &str = "2026-01-01T00:00:00Z";
const MONTH_MICROS: u64 = 31 * 86_400_000_000;
/// Of so many clicks one is on our side alone, one on theirs alone, and one has another price.
const EACH: u64 = 100;
const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                     Chrome/141.0.0.0 Safari/537.36";
const MAPPING: &str = r#"
[event]
event_id = { field = "click" }
event_time = { field = "time" }
ad_id = { field = "ad" }
price = { field = "cpc" }
currency = "EUR"
"#;
const DUCKDB: &str = include_str!("reconciling.py");

/// What `reconciling.py` prints.
#[derive(Debug, Deserialize)]
struct Theirs {
    version: String,
    seconds: Vec<f64>,
    /// In both, in ours alone, in theirs alone.
    rows: [u64; 3],
}

pub(crate) async fn run(sizes: &Sizes, table: &mut Table) -> anyhow::Result<()> {
    let clicks = sizes.reconciled_clicks / EACH * EACH;
    let (each, name) = (clicks / EACH, format!("reconcile, {clicks} of theirs and of ours"));
    note(&format!("make {clicks} clicks and a list of as many"));
    let directory = tempfile::tempdir()?;
    let home = directory.path().to_owned();
    let ours = tokio::task::spawn_blocking(move || {
        write(&home, clicks)?;
        let imported = clicktrail(&home, &["import", "ours.ndjson", "--format", "ndjson"])?;
        ensure!(imported.status.success(), "import: {}", String::from_utf8_lossy(&imported.stderr));
        measure(&home, each)
    });
    let ours = ours.await??;
    table.judge(&name, ours, Target::AtMost(5.0), millis);
    if let Some(theirs) = join(directory.path()).await? {
        let Theirs { version, seconds, rows: [both, only_ours, only_theirs] } = theirs;
        let expected = [clicks - each, each, each];
        ensure!([both, only_ours, only_theirs] == expected, "DuckDB joins {both}, {only_ours}, {only_theirs}");
        let fastest = seconds.iter().copied().fold(f64::INFINITY, f64::min);
        table.say(format!("{name}: DuckDB {version} doing the join alone"), millis(fastest));
        table.say(format!("{name}: against DuckDB"), ratio(fastest / ours));
    } else {
        table.say(format!("{name}: DuckDB doing the join alone"), "not installed: use `make bench`");
    }
    Ok(())
}

/// Our clicks as events, the partner's as a list.
fn write(home: &Path, clicks: u64) -> anyhow::Result<()> {
    let begin = Timestamp::parse_rfc3339(FROM).expect("the constant is a time");
    let mut random = Random::new(7);
    let (mut ours, mut theirs) = (String::new(), "click,time,ad,cpc\n".to_owned());
    for number in 0..clicks {
        let micros = i64::try_from(number * (MONTH_MICROS / clicks))?;
        let (time, id, ad) = (begin.plus_micros(micros), random.next(), random.below(50));
        let address = format!("100.{}.{}.{}", 64 + random.below(64), random.below(256), random.below(256));
        writeln!(
            ours,
            "{{\"event_id\":\"{id:016x}\",\"kind\":\"click\",\"event_time\":\"{time}\",\"advertiser_id\":\"acme\",\
             \"campaign_id\":\"spring\",\"ad_id\":\"ad-{ad}\",\"price_micros\":250000,\"currency\":\"EUR\",\
             \"ip\":\"{address}\",\"user_id\":\"{id:x}\",\"user_agent\":\"{AGENT}\"}}"
        )?;
        match number % EACH {
            1 => writeln!(theirs, "never-{id:016x},{time},ad-{ad},0.25")?,
            2 => writeln!(theirs, "{id:016x},{time},ad-{ad},0.30")?,
            _ => writeln!(theirs, "{id:016x},{time},ad-{ad},0.25")?,
        }
    }
    fs::write(home.join("ours.ndjson"), ours)?;
    fs::write(home.join("theirs.csv"), theirs)?;
    fs::write(home.join("theirs.toml"), MAPPING)?;
    Ok(())
}

fn clicktrail(home: &Path, arguments: &[&str]) -> anyhow::Result<Output> {
    let program = std::env::current_exe()?.with_file_name("clicktrail");
    ensure!(program.exists(), "{} is not built", program.display());
    let mut command = Command::new(program);
    Ok(command.current_dir(home).args(arguments).arg("--data").arg(home.join("data")).output()?)
}

/// Seconds of the best of some rounds.
fn measure(home: &Path, each: u64) -> anyhow::Result<f64> {
    let fixed = ["reconcile", "theirs.csv", "--mapping", "theirs.toml", "--advertiser", "acme"];
    let range = ["--from", "2026-01-01", "--to", "2026-02-01", "--output", "json"];
    let mut ours = f64::INFINITY;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let output = clicktrail(home, &[&fixed[..], &range].concat())?;
        ours = ours.min(begun.elapsed().as_secs_f64());
        let answer: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("reconcile: {}", String::from_utf8_lossy(&output.stderr)))?;
        let of = |reason: &str| {
            let rows = answer["reasons"].as_array().into_iter().flatten();
            rows.filter(|row| row["reason"] == reason).filter_map(|row| row["clicks"].as_u64()).sum::<u64>()
        };
        let found = ["not_in_file", "not_received", "price"].map(of);
        ensure!(found == [each; 3], "{each} of each are expected, and {found:?} were found: {}", answer["reasons"]);
    }
    Ok(ours)
}

/// DuckDB joins the list with the files of the archive.
async fn join(home: &Path) -> anyhow::Result<Option<Theirs>> {
    let Ok(python) = std::env::var("CLICKTRAIL_TEST_PYTHON") else { return Ok(None) };
    let job = serde_json::json!({
        "ours": parts(home).await?,
        "theirs": home.join("theirs.csv"),
        "threads": THREADS,
        "rounds": ROUNDS,
    });
    let output = Command::new(python).args(["-c", DUCKDB, &job.to_string()]).output().context("run DuckDB")?;
    ensure!(output.status.success(), "DuckDB: {}", String::from_utf8_lossy(&output.stderr));
    Ok(Some(serde_json::from_slice(&output.stdout).context("read what DuckDB measured")?))
}

/// The files of all hours.
async fn parts(home: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let directory = home.join("data/archive");
    let archive = Archive::directory(directory.clone())?;
    let mut found = Vec::new();
    for hour in archive.sealed_hours(Stream::Clicks).await? {
        let manifest = archive.manifest::<Clicks>(hour).await?.context("a sealed hour has a manifest")?;
        found.extend(manifest.parts.iter().map(|part| directory.join(&part.core.key)));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_differ_in_one_of_each_hundred_in_each_way() {
        let home = tempfile::tempdir().unwrap();
        write(home.path(), 200).unwrap();
        let list = fs::read_to_string(home.path().join("theirs.csv")).unwrap();
        let count = |text: &str| list.lines().filter(|line| line.contains(text)).count();
        assert_eq!((list.lines().count(), count("never-"), count(",0.30")), (201, 2, 2));
        let ours = fs::read_to_string(home.path().join("ours.ndjson")).unwrap();
        let first: Value = serde_json::from_str(ours.lines().next().unwrap()).unwrap();
        assert_eq!(first["event_time"], "2026-01-01T00:00:00.000000Z");
    }
}
