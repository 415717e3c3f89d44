//! Writes a file's new events into the log, and its rejected lines into theirs.

#![expect(clippy::disallowed_methods, reason = "it pauses before it sends a frame again whose outcome is unknown")]

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use arrow::array::AsArray as _;
use clicktrail_import::{Import, KnownRejects, LoggedEvent, Rejects};
use clicktrail_live::backfill::Written;
use clicktrail_log::{
    chain::Chain,
    frame::{Digest, Frame, Writer},
    log::{Condition, Log, ReadLimit},
    time::{ManualClock, Timestamp},
};
use clicktrail_replay::{known, reader};
use clicktrail_verdicts::ruleset::Ruleset;
use uuid::Uuid;

use crate::{installation::Installation, progress};

/// How often an append whose outcome is unknown is repeated.
const APPEND_ATTEMPTS: u32 = 20;

/// What an import did.
pub(super) struct Summary {
    /// Lines that are not empty.
    pub(super) read: u64,
    pub(super) logged: u64,
    /// Events that the log held already.
    pub(super) known: u64,
    pub(super) rejected: u64,
    /// Rejected lines that an earlier import had rejected for the same reason.
    pub(super) rejected_before: u64,
    /// Last lines without a line end.
    pub(super) held_back: u64,
    /// Rejected lines by reason code.
    pub(super) codes: BTreeMap<&'static str, u64>,
    pub(super) written: Written,
}

/// Logs what `import` yields and the log does not hold. `clock` is the one that the installation was opened with.
pub(super) async fn all(
    instance: Installation,
    rules: Arc<Ruleset>,
    (clock, present): (Arc<ManualClock>, Timestamp),
    mut import: Import,
    file: &Path,
) -> anyhow::Result<Summary> {
    let rejected_log = Arc::clone(&instance.rejected);
    let writer = recognise(&instance, &mut import, file).await?.writer(import.identity());
    let written = match instance.is_embedded() {
        true => Box::pin(log_history(instance, rules, Arc::clone(&clock), present, writer, &mut import)).await?,
        false => log_now(&instance, writer, &mut import).await?,
    };
    clock.set(present);
    let identity = rejects_identity(import.identity(), present);
    let (read, known, held_back) =
        (import.read_lines(), import.known_events() + written.duplicates, import.held_lines());
    let mut rejects = import.into_rejects()?;
    if rejects.lines() > 0 {
        rejects.leave_out(rejected_before(rejected_log.as_ref()).await?);
    }
    let (rejected, codes) = (rejects.lines(), rejects.codes().clone());
    let rejected_before = log_rejects(rejected_log.as_ref(), rejects, Writer::new(identity, 1), present).await?;
    Ok(Summary { read, logged: written.logged, known, rejected, rejected_before, held_back, codes, written })
}

/// Tells the import what the log holds of its file; the state of all writers.
async fn recognise(instance: &Installation, import: &mut Import, file: &Path) -> anyhow::Result<Chain> {
    let Installation { clicks, archive, catalog, .. } = instance;
    let chain = reader::writers_at_tail(clicks, archive, catalog.as_ref()).await?;
    let Some(span) = import.event_span() else { return Ok(chain) };
    let writers: Vec<Uuid> = chain.to_stored().into_iter().map(|writer| writer.writer).collect();
    if !writers.iter().any(|writer| known::is_import(*writer)) {
        return Ok(chain);
    }
    import.know_writers(file, writers.into_iter())?;
    known::imported((clicks, archive, catalog.as_ref()), span, |event| -> anyhow::Result<()> {
        let known::Event { event_time, kind, advertiser_id, ad_id, event_id } = event;
        Ok(import.know(&LoggedEvent { event_time, kind, advertiser_id, ad_id, event_id })?)
    })
    .await?;
    Ok(chain)
}

/// Into the embedded log: logged time follows event time.
async fn log_history(
    instance: Installation,
    rules: Arc<Ruleset>,
    clock: Arc<ManualClock>,
    present: Timestamp,
    writer: Writer,
    import: &mut Import,
) -> anyhow::Result<Written> {
    let bar = progress::bar(import.events_max(), "log");
    let mut backfill = instance.backfill(rules, clock, present, import.identity())?.following(writer).await?;
    while let Some(batch) = import.next_batch()? {
        backfill.append(&batch.events, batch.first, batch.last).await?;
        bar.set_position(import.logged_events() + import.known_events());
    }
    let written = backfill.finish().await?;
    bar.finish_and_clear();
    Ok(written)
}

/// Into a broker, which gives frames its own time: the events are logged now, and sealed with the present hour.
async fn log_now(instance: &Installation, mut writer: Writer, import: &mut Import) -> anyhow::Result<Written> {
    let bar = progress::bar(import.events_max(), "log");
    let mut written = Written::default();
    while let Some(batch) = import.next_batch()? {
        let frame = writer.seal(&batch.events, (batch.first, batch.last))?;
        let rows = batch.events.num_rows() as u64;
        match append(instance.clicks.as_ref(), &frame).await? {
            true => written.duplicates += rows,
            false => written.logged += rows,
        }
        bar.set_position(import.logged_events() + import.known_events());
    }
    bar.finish_and_clear();
    Ok(written)
}

/// Whether the log held the frame already. An unknown outcome is asked again with the same frame.
async fn append(log: &dyn Log, frame: &Frame) -> anyhow::Result<bool> {
    let mut attempt = 0;
    loop {
        match log.append_if(frame, Condition::NumberUnused).await {
            Ok(appended) => return Ok(appended.duplicate),
            Err(error) if error.is_transient() && attempt < APPEND_ATTEMPTS => attempt += 1,
            Err(error) => return Err(error).context("log a frame (import the file again to go on from here)"),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Who writes the rejected lines of an import that began at `present`.
fn rejects_identity(import: Uuid, present: Timestamp) -> Uuid {
    let digest = Digest::of(format!("rejected lines of {import} at {present}").as_bytes());
    uuid::Builder::from_custom_bytes(*digest.0.first_chunk().expect("a digest has 32 bytes")).into_uuid()
}

/// What imports rejected before.
async fn rejected_before(log: &dyn Log) -> anyhow::Result<KnownRejects> {
    let (info, mut known) = (log.info().await?, KnownRejects::default());
    let mut next = info.first;
    while next <= info.last {
        let frames = log.read(next, ReadLimit::waiting(Duration::ZERO)).await?;
        let Some(last) = frames.last().map(|frame| frame.seq) else { break };
        for logged in frames.iter().filter(|logged| known::is_import(logged.frame.header.writer)) {
            let batch = logged.frame.decode().with_context(|| format!("frame {} of the rejected log", logged.seq))?;
            let column =
                |name: &str| batch.column_by_name(name).with_context(|| format!("a rejected frame without {name}"));
            let (codes, originals) = (column("code")?.as_string::<i32>(), column("original")?.as_binary::<i32>());
            for row in 0..batch.num_rows() {
                known.push(codes.value(row), originals.value(row));
            }
        }
        next = last.next();
    }
    Ok(known)
}

/// Rejected lines go to their own log; how many were in it before.
async fn log_rejects(log: &dyn Log, mut rejects: Rejects, mut writer: Writer, at: Timestamp) -> anyhow::Result<u64> {
    while let Some(batch) = rejects.next_batch(at)? {
        append(log, &writer.seal(&batch, (at, at))?).await?;
    }
    Ok(rejects.known_lines())
}
