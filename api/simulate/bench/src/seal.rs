//! Sealing an hour from the embedded log.

use std::{path::Path, sync::Arc, time::Instant};

use anyhow::Context as _;
use clicktrail_log::{
    archive::{
        Manifest,
        seal::{Cursor, Sealer},
    },
    time::ManualClock,
};

use crate::{
    hour,
    table::{Table, Target, float, rate},
};

/// Seals the hour in `home`.
pub(crate) async fn run(home: &Path, table: &mut Table) -> anyhow::Result<Manifest> {
    let after = hour::first().next().next().start();
    let log = hour::log(home, Arc::new(ManualClock::new(after))).await?;
    let sealer = Sealer::new(Arc::new(log), hour::archive(home)?);
    let started = Instant::now();
    let sealed = sealer.seal_next(&Cursor::start(), after).await?;
    let seconds = started.elapsed().as_secs_f64();
    let (manifest, _) = sealed.context("the hour is over, and yet was not sealed")?;
    table.judge("seal: events", float(manifest.rows) / seconds, Target::AtLeast(400_000.0), rate);
    let core: u64 = manifest.parts.iter().map(|part| part.core.bytes).sum();
    let personal: u64 = manifest.parts.iter().map(|part| part.personal.bytes).sum();
    let each = |bytes| float(bytes) / float(manifest.rows);
    let size = format!("{:.1} B ({:.1} core)", each(core + personal), each(core));
    table.say(format!("seal: an event in {} parts", manifest.parts.len()), size);
    Ok(manifest)
}
