//! `clicktrail import FILE`

#![expect(clippy::disallowed_methods, reason = "it pauses before it sends a frame again whose outcome is unknown")]

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use clicktrail_import::{Import, Mapping, Options, Rejects};
use clicktrail_live::backfill::Written;
use clicktrail_log::{
    frame::{Frame, Writer},
    log::Log,
    time::{Clock as _, ManualClock, SystemClock, Timestamp},
};
use clicktrail_replay::reader;
use clicktrail_verdicts::ruleset::Ruleset;
use serde_json::json;

use crate::{
    exit::Exit,
    global::{Format, Global},
    installation::{Installation, WriteLock},
    made_up, output, progress,
};

/// How often an append whose outcome is unknown is repeated.
const APPEND_ATTEMPTS: u32 = 20;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The file to import
    file: PathBuf,
    /// Format of its lines: combined (a web server's access log), csv or ndjson
    #[arg(long)]
    format: String,
    /// Mapping: says where each column of an event comes from (see examples/apache.toml). Only ndjson needs none: its
    /// lines are then events as POST /v1/events takes them
    #[arg(long, value_name = "FILE.toml")]
    mapping: Option<PathBuf>,
}

/// What an import did.
struct Summary {
    read: u64,
    rejected: u64,
    written: Written,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let places = global.places()?;
    let rules = global.rules()?;
    let lock = WriteLock::take(&places.data)?;
    made_up::end(&places.data)?;
    let mapping = mapping(&arguments)?;
    let present = SystemClock.now();
    let options = Options::new(&places.data, present);
    let bar = progress::bar(0, "read");
    let import = tokio::task::block_in_place(|| {
        Import::open(&arguments.file, mapping, &options, &mut |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        })
    });
    bar.finish_and_clear();
    let import = import.with_context(|| format!("import {}", arguments.file.display()))?;
    let summary = Box::pin(write(global, rules, import, present)).await?;
    drop(lock);
    print(global, &summary);
    Ok(Exit::Ok)
}

fn mapping(arguments: &Arguments) -> anyhow::Result<Mapping> {
    let format = arguments.format.parse().map_err(anyhow::Error::msg)?;
    let Some(path) = &arguments.mapping else {
        anyhow::ensure!(arguments.format == "ndjson", "--format {} needs --mapping FILE.toml", arguments.format);
        return Ok(Mapping::events());
    };
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    Mapping::parse(format, &text).with_context(|| format!("read {}", path.display()))
}

async fn write(
    global: &Global,
    rules: Arc<Ruleset>,
    mut import: Import,
    present: Timestamp,
) -> anyhow::Result<Summary> {
    let clock = Arc::new(ManualClock::new(present));
    let instance = Installation::open(global.places()?, Arc::clone(&clock) as Arc<_>).await?;
    let rejected_log = Arc::clone(&instance.rejected);
    let (read, identity) = (import.read_lines(), import.identity());
    let written = match instance.is_embedded() {
        true => log_history(instance, rules, Arc::clone(&clock), present, &mut import).await?,
        false => log_now(&instance, &mut import).await?,
    };
    let rejected_at = import.last_event().unwrap_or(Timestamp::from_micros(0));
    let rejects = import.into_rejects()?;
    clock.set(present);
    let rejected = log_rejects(rejected_log.as_ref(), rejects, Writer::new(identity, 1), rejected_at).await?;
    Ok(Summary { read, rejected, written })
}

/// Into the embedded log: logged time follows event time.
async fn log_history(
    instance: Installation,
    rules: Arc<Ruleset>,
    clock: Arc<ManualClock>,
    present: Timestamp,
    import: &mut Import,
) -> anyhow::Result<Written> {
    let bar = progress::bar(import.events_max(), "log");
    let mut backfill = instance.backfill(rules, clock, present, import.identity())?;
    while let Some(batch) = import.next_batch()? {
        backfill.append(&batch.events, batch.first, batch.last).await?;
        bar.inc(batch.events.num_rows() as u64);
    }
    let written = backfill.finish().await?;
    bar.finish_and_clear();
    Ok(written)
}

/// Into a broker, which gives frames its own time: the events are logged now, and sealed with the present hour.
async fn log_now(instance: &Installation, import: &mut Import) -> anyhow::Result<Written> {
    let bar = progress::bar(import.events_max(), "log");
    let known = reader::writers_at_tail(&instance.clicks, &instance.archive, instance.catalog.as_ref()).await?;
    let known = known.last_of(import.identity());
    let mut writer = Writer::new(import.identity(), 1);
    let mut written = Written::default();
    while let Some(batch) = import.next_batch()? {
        let frame = writer.seal(&batch.events, (batch.first, batch.last))?;
        let rows = batch.events.num_rows() as u64;
        let identity = (frame.header.writer_epoch, frame.header.number);
        match known.is_some_and(|known| identity <= known) || append(instance.clicks.as_ref(), &frame).await? {
            true => written.duplicates += rows,
            false => written.logged += rows,
        }
        bar.inc(rows);
    }
    bar.finish_and_clear();
    Ok(written)
}

/// Whether the log held the frame already. An unknown outcome is asked again with the same frame.
async fn append(log: &dyn Log, frame: &Frame) -> anyhow::Result<bool> {
    let mut attempt = 0;
    loop {
        match log.append(frame).await {
            Ok(appended) => return Ok(appended.duplicate),
            Err(error) if error.is_transient() && attempt < APPEND_ATTEMPTS => attempt += 1,
            Err(error) => return Err(error).context("log a frame (import the file again to go on from here)"),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Rejected lines go to their own log under the same identity, so importing again adds none.
async fn log_rejects(log: &dyn Log, mut rejects: Rejects, mut writer: Writer, at: Timestamp) -> anyhow::Result<u64> {
    let lines = rejects.lines();
    while let Some(batch) = rejects.next_batch(at)? {
        log.append(&writer.seal(&batch, (at, at))?).await?;
    }
    Ok(lines)
}

fn print(global: &Global, summary: &Summary) {
    let Summary { read, rejected, written } = summary;
    match global.output {
        Format::Json => output::json(&json!({
            "read": read,
            "logged": written.logged,
            "rejected": rejected,
            "duplicates": written.duplicates,
            "hours_sealed": written.hours_sealed,
            "hours_reconciled": written.hours_equal,
        })),
        Format::Table => {
            output::line(&format!(
                "read {}: {} logged, {} were in the log already, {rejected} rejected",
                output::count(*read, "line"),
                written.logged,
                written.duplicates
            ));
            output::line(&format!(
                "sealed {}, {} of them equal to what was counted live",
                output::count(written.hours_sealed, "hour"),
                written.hours_equal
            ));
            output::note(
                "next: clicktrail counters --by campaign --granularity day; clicktrail rejected list; clicktrail log verify",
            );
        }
    }
}
