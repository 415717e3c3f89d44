//! Sealing an hour from the embedded log.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clicktrail_log::{
    archive::{
        Manifest,
        clicks::Clicks,
        identities,
        kind::Kind as _,
        part,
        seal::{Cursor, Sealer},
    },
    embedded::EmbeddedLog,
    frame::Digest,
    time::{ManualClock, Timestamp},
};

use crate::{
    hour,
    table::{Table, Target, float, rate, ratio},
};

/// How often an hour is sealed with trees, and as often without.
const TURNS: usize = 3;

/// Seals the hour in `home`.
pub(crate) async fn run(home: &Path, table: &mut Table) -> anyhow::Result<Manifest> {
    let after = hour::first().next().next().start();
    let log = hour::log(home, Arc::new(ManualClock::new(after))).await?;
    let log = Arc::new(log);
    let sealer = Sealer::new(Arc::clone(&log) as Arc<_>, hour::archive(home)?);
    let (manifest, seconds) = seal(&sealer, after).await?;
    table.judge("seal: events", float(manifest.rows) / seconds, Target::AtLeast(400_000.0), rate);
    let core: u64 = manifest.parts.iter().map(|part| part.core.bytes).sum();
    let personal: u64 = manifest.parts.iter().map(|part| part.personal.bytes).sum();
    let each = |bytes| float(bytes) / float(manifest.rows);
    let size = format!("{:.1} B ({:.1} core)", each(core + personal), each(core));
    table.say(format!("seal: an event in {} parts", manifest.parts.len()), size);
    trees(&log, after, table).await?;
    let (filter, bytes) = filter(home, &manifest).await?;
    table.judge("seal: of its time, the identity filter", filter / seconds, Target::AtMost(0.05), ratio);
    table.say("seal: an event in the identity filter", format!("{:.1} B", float(bytes) / float(manifest.rows)));
    Ok(manifest)
}

/// Seals the first hour; how long it took.
async fn seal(sealer: &Sealer, after: Timestamp) -> anyhow::Result<(Manifest, f64)> {
    let started = Instant::now();
    let sealed = sealer.seal_next(&Cursor::start(), after).await?;
    let seconds = started.elapsed().as_secs_f64();
    let (manifest, _) = sealed.context("the hour is over, and yet was not sealed")?;
    Ok((manifest, seconds))
}

/// How much of the time of sealing goes into trees: the same hour with them and without, in turns. Each side is as fast
/// as its fastest turn, because what else the machine does only ever slows it down.
async fn trees(log: &Arc<EmbeddedLog>, after: Timestamp, table: &mut Table) -> anyhow::Result<()> {
    let (mut with, mut without) = (f64::INFINITY, f64::INFINITY);
    let mut nodes = 0.0;
    for _ in 0..TURNS {
        for has_trees in [true, false] {
            let home = tempfile::tempdir()?;
            let sealer = Sealer::new(Arc::clone(log) as Arc<_>, hour::archive(home.path())?);
            let sealer = if has_trees { sealer } else { sealer.without_trees() };
            let (manifest, seconds) = seal(&sealer, after).await?;
            let fastest = if has_trees { &mut with } else { &mut without };
            *fastest = fastest.min(seconds);
            let stored = manifest.trees.and_then(|trees| trees.nodes);
            nodes = stored.map_or(nodes, |stored| float(stored.bytes) / float(manifest.rows));
        }
    }
    let share = (with - without).max(0.0) / with;
    table.judge("seal: of its time, the trees", share, Target::AtMost(0.15), ratio);
    table.say("seal: an event in the stored nodes of trees", format!("{nodes:.2} B"));
    Ok(())
}

/// Seconds of one thread for the hour's identity filter, from rows that are there, and its bytes.
async fn filter(home: &Path, manifest: &Manifest) -> anyhow::Result<(f64, u64)> {
    let archive = hour::archive(home)?;
    let (mut making, mut parts) = (Duration::ZERO, Vec::new());
    for part in &manifest.parts {
        let core = archive.get_file(&part.core).await?;
        let rows = part::read(core, None)?.collect::<Result<Vec<_>, _>>()?;
        let started = Instant::now();
        parts.push(Clicks::fingerprints(&rows)?.context("clicks have a filter")?);
        making += started.elapsed();
    }
    let started = Instant::now();
    let bytes = identities::encode(&Digest::ZERO, parts).len() as u64;
    Ok(((making + started.elapsed()).as_secs_f64(), bytes))
}
