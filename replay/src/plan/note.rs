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

use super::Plan;
use crate::{error::Error, unit};

/// Segments that are read side by side.
const LOOKS_MAX: usize = 8;
/// A larger segment is left to a worker, who has a budget of memory.
const BYTES_MAX: u64 = 16 << 20;

impl Plan {
    /// Notes in a generation of this plan, once it is stored, which hours are done because they are reused: those that
    /// the catalog has the control totals of, and those whose segments are read here, because they were sealed and
    /// never built. Returns how many. Workers look at the others, and at every hour if this was not done.
    ///
    /// # Errors
    /// As catalog and archive report. A segment that is damaged is no error: a worker builds its hour.
    pub async fn note_reused(&self, archive: &Archive, catalog: &dyn Catalog, now: Timestamp) -> Result<u64, Error> {
        let (id, mut noted) = (self.id(), 0);
        for found in self.found.chunks(FOUND_MAX) {
            noted += catalog.reuse_units(&id, found, now).await?;
        }
        if noted == self.found.len() as u64 {
            return Ok(noted);
        }
        let open: BTreeSet<Hour> = catalog.open_units(&id, u32::MAX).await?.into_iter().collect();
        let is_left = |found: &&FoundSegment| open.contains(&found.hour) && found.bytes <= BYTES_MAX;
        let left: Vec<FoundSegment> = self.found.iter().filter(is_left).cloned().collect();
        let projection = Arc::new(unit::projection(&self.document.projection, &self.document.sql).await?);
        for left in left.chunks(FOUND_MAX) {
            let looks = left.iter().map(|found| look(&projection, archive, found.clone()));
            let read: Vec<Option<UnitOutput>> = stream::iter(looks).buffered(LOOKS_MAX).try_collect().await?;
            let read: Vec<UnitOutput> = read.into_iter().flatten().collect();
            noted += catalog.note_units(&id, &read, now).await?;
        }
        Ok(noted)
    }
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
