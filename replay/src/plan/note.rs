//! Notes the hours of a plan that are reused as done, all of them in a few transactions and without a lease.
//!
//! *Dies anywhere: what is noted is done, and workers look at the others.*

use std::{collections::BTreeSet, sync::Arc};

use clicktrail_catalog::{
    Catalog,
    generations::{FOUND_MAX, FoundSegment, UnitOutput},
};
use clicktrail_log::{
    archive::Archive,
    time::{Hour, Timestamp},
};
use clicktrail_projections::Projection;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio_util::task::AbortOnDropHandle;

use super::document::Document;
use crate::{error::Error, unit};

/// Segments that are read side by side.
const LOOKS_MAX: usize = 8;
/// A larger segment is left to a worker, who has a budget of memory.
const BYTES_MAX: u64 = 16 << 20;

/// See [`Plan::note_reused`](super::Plan::note_reused).
pub(super) async fn reused(
    document: &Document,
    reused: &[FoundSegment],
    archive: &Archive,
    catalog: &dyn Catalog,
    now: Timestamp,
) -> Result<u64, Error> {
    let (id, mut noted) = (document.id(), 0);
    for found in reused.chunks(FOUND_MAX) {
        noted += catalog.reuse_units(&id, found, now).await?;
    }
    if noted == reused.len() as u64 {
        return Ok(noted);
    }
    let open: BTreeSet<Hour> = catalog.open_units(&id, u32::MAX).await?.into_iter().collect();
    let is_left = |found: &&FoundSegment| open.contains(&found.hour) && found.bytes <= BYTES_MAX;
    let left: Vec<FoundSegment> = reused.iter().filter(is_left).cloned().collect();
    let projection = Arc::new(unit::projection(&document.projection, &document.sql).await?);
    for left in left.chunks(FOUND_MAX) {
        let looks = left.iter().map(|found| look(&projection, archive, found.clone()));
        let read: Vec<Option<UnitOutput>> = stream::iter(looks).buffered(LOOKS_MAX).try_collect().await?;
        let read: Vec<UnitOutput> = read.into_iter().flatten().collect();
        noted += catalog.note_units(&id, &read, now).await?;
    }
    Ok(noted)
}

/// Reads a segment in a task of its own, because that keeps a core busy.
async fn look(
    projection: &Arc<Projection>,
    archive: &Archive,
    found: FoundSegment,
) -> Result<Option<UnitOutput>, Error> {
    let (projection, archive, hour) = (Arc::clone(projection), archive.clone(), found.hour);
    let reading = tokio::spawn(async move { unit::found(&projection, &archive, found).await });
    let stopped = |cause| Error::Incomplete(format!("reading the segment of {hour} stopped: {cause}"));
    AbortOnDropHandle::new(reading).await.map_err(stopped)?
}
