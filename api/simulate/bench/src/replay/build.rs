//! One build: its units computed by a worker as `replay build` runs it, and its difference to what counts.

use anyhow::ensure;
use clicktrail_catalog::generations::{Generation, NewUnit};
use clicktrail_projections::{Projection, session};
use clicktrail_replay::diff::{
    Comparison, Question,
    sides::{Against, sides},
};

use super::{
    bed::Bed,
    working::{Opened, PARALLEL, THREADS, work},
};
use crate::took::{Round, Took};

/// What a build took, and its comparison with what counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Built {
    pub(super) build: Took,
    pub(super) diff: Took,
    /// Rows that are not as they were.
    pub(super) changed: u64,
}

impl Built {
    pub(super) fn or(self, other: Self) -> Self {
        Self { build: self.build.or(other.build), diff: self.diff.or(other.diff), ..other }
    }
}

/// Builds all hours from nothing, and compares them.
pub(super) async fn from_nothing(bed: &Bed, generation: &Generation, units: &[NewUnit]) -> anyhow::Result<Built> {
    bed.put(generation, units).await?;
    let round = Round::begin()?;
    let worked = work(&bed.opened, generation, PARALLEL, THREADS).await?;
    let build = round.end()?;
    ensure!(worked.reused == 0, "{} hours were not computed", worked.reused);
    let round = Round::begin()?;
    let changed = diff(&bed.opened, generation).await?;
    let diff = round.end()?;
    bed.remove_built()?;
    Ok(Built { build, diff, changed })
}

/// Rows that differ from what counted when the generation was planned.
async fn diff(opened: &Opened, generation: &Generation) -> anyhow::Result<u64> {
    let projection = Projection::counters();
    let comparison = Comparison {
        archive: &opened.archive,
        history: &opened.history,
        projection: &projection,
        limits: session::Limits::default(),
    };
    let by = ["advertiser_id", "currency"].map(str::to_owned).to_vec();
    let question = Question { by, by_hour: false, only: None, rows_max: 0 };
    let sides = sides(opened.catalog.as_ref(), generation, &Against::Planned).await?;
    let diff = comparison.run(&sides, &question, |_| {}).await?;
    Ok(diff.counts.all())
}
