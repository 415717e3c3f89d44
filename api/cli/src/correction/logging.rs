//! Logging the events of a correction that is being closed, and finding where they are. Nothing counts from them: the
//! judge finds them invalid.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::{Context as _, ensure};
use clicktrail_catalog::corrections::Correction;
use clicktrail_live::backfill::Backfill;
use clicktrail_log::{
    batch::{Batch, Batcher},
    frame::Writer,
    log::Condition,
    position::Position,
    time::{Clock as _, Hour, ManualClock, SystemClock},
};
use clicktrail_replay::correction::{
    document::{Items, MissingEvent},
    frames,
};

use super::event;
use crate::{
    behind,
    global::Global,
    installation::{Installation, WriteLock},
    made_up,
};

/// Where the events of a correction are.
#[derive(Debug)]
pub(super) struct Logged {
    /// Each event by its position, in the order in which they were logged.
    pub(super) events: Vec<(Position, String)>,
}

/// Logs those that are not in the log. Without a server on the embedded log it drives judge and archiver itself, so
/// that an hour that is over is sealed at once; otherwise the server does that in its time.
pub(super) async fn all(
    global: &Global,
    instance: &Installation,
    correction: &Correction,
    items: &Items,
) -> anyhow::Result<Logged> {
    let (events, batches) = batches(correction, items)?;
    if events.is_empty() {
        return Ok(Logged { events: Vec::new() });
    }
    behind::check(instance).await?;
    made_up::end(&instance.places.data)?;
    let expected = events.len();
    let find = async || {
        let places = (instance.clicks.as_ref(), &instance.archive, instance.catalog.as_ref());
        frames::find(places, correction.clicks_from, &correction.id, expected).await
    };
    let there = find().await?;
    let lock = WriteLock::take(&instance.places.data).ok().filter(|_| instance.is_embedded());
    if let Some(_lock) = lock {
        let backfill = Box::pin(alone(global, correction)).await?;
        // What is there already may be trimmed: then the hours are only sealed.
        let missing = if there.positions.len() == expected { &[][..] } else { &batches[..] };
        Box::pin(write(backfill, missing)).await?;
    } else if there.positions.len() < expected {
        let mut sealing = Writer::new(frames::writer(&correction.id), 1);
        for batch in &batches {
            let frame = sealing.seal(&batch.events, (batch.first, batch.last))?;
            if frame.header.number > there.last_number {
                instance.clicks.append_if(&frame, Condition::NumberUnused).await.context("log the events")?;
            }
        }
    }
    let positions = find().await?.positions;
    ensure!(
        positions.len() == expected,
        "the log holds {} of the correction's {expected} events: close it again",
        positions.len()
    );
    Ok(Logged { events: positions.into_iter().zip(events).collect() })
}

/// The events in the order in which they are logged, by their ids; and as frames take them.
fn batches(correction: &Correction, items: &Items) -> anyhow::Result<(Vec<String>, Vec<Batch>)> {
    let mut events: Vec<&MissingEvent> = items.events.iter().collect();
    events.sort_by_key(|event| event.event_time_micros);
    let (mut batcher, mut batches, mut ids) = (Batcher::new(), Vec::new(), Vec::new());
    for staged in events {
        batches.extend(event::logged(&correction.id, staged, |at, event| batcher.push(at, event))?);
        ids.push(staged.event_id.clone());
    }
    batches.extend(batcher.finish());
    Ok((ids, batches))
}

/// A writer of history, as an import has it. Its installation has a clock of its own.
async fn alone(global: &Global, correction: &Correction) -> anyhow::Result<Backfill> {
    let present = SystemClock.now();
    let clock = Arc::new(ManualClock::new(present));
    let instance = Installation::open(global.places()?, Arc::clone(&clock) as Arc<_>).await?;
    let writer = frames::writer(&correction.id);
    let backfill = instance.backfill(global.rules()?, clock, present, writer)?;
    Ok(backfill.following(Writer::new(writer, 1)).await?)
}

async fn write(mut backfill: Backfill, batches: &[Batch]) -> anyhow::Result<()> {
    for batch in batches {
        backfill.append(&batch.events, batch.first, batch.last).await?;
    }
    backfill.finish().await?;
    Ok(())
}

/// The sealed hours in which these events are; `None` if one of them is in an hour that is open.
pub(super) async fn hours(
    instance: &Installation,
    targets: impl Iterator<Item = Position>,
) -> anyhow::Result<Option<BTreeSet<Hour>>> {
    let (mut hours, mut last) = (BTreeSet::new(), None);
    let targets: BTreeSet<Position> = targets.collect();
    for target in targets {
        if last.is_some_and(|last| target.seq() <= last) {
            continue;
        }
        let Some(hour) = instance.catalog.hour_of(target.seq()).await? else { return Ok(None) };
        hours.insert(hour.hour);
        last = Some(hour.last_seq);
    }
    Ok(Some(hours))
}
