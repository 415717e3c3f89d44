//! What is to be built, as arguments, and the plan that comes of it.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, ensure};
use clicktrail_log::{
    position::Position,
    time::{Hour, Timestamp},
};
use clicktrail_projections::{
    counters,
    zone::{Bound, Unit, Zone},
};
use clicktrail_replay::{
    moment,
    plan::{Plan, Planner, Request, document::Document},
    unit,
};

use crate::{global::Global, installation::Installation, output, projections::directory, verdicts::Range};

/// What is to be built.
#[derive(Debug, clap::Args)]
pub(super) struct Question {
    /// Which projection: counters, or one of the directory that --projections names
    #[arg(default_value = counters::NAME)]
    projection: String,
    #[command(flatten)]
    range: Range,
    /// Only hours that have verdicts newer than what counts
    #[arg(long)]
    stale: bool,
    /// Count clicks up to this one alone: a position in the click log, as `log cat` prints it
    #[arg(long, value_name = "POSITION")]
    clicks_as_of: Option<Position>,
    /// Know verdicts up to this one alone: a position in the verdict log, as `verdicts` prints it; or those logged
    /// before a time, as in 2026-11-22T14:00 of --timezone; or `latest`
    #[arg(long, value_name = "POSITION or TIME", default_value = "latest")]
    verdicts_as_of: String,
    /// Try the SQL of this file in place of the projection's own
    #[arg(long, value_name = "FILE")]
    sql: Option<PathBuf>,
}

/// What makes plans of an installation.
pub(super) fn planner(instance: &Installation) -> Planner {
    let (archive, history) = (instance.archive.clone(), instance.rulings());
    Planner { archive, history, catalog: Arc::clone(&instance.catalog) }
}

impl Question {
    /// The same about stale hours alone.
    pub(super) fn of_stale_hours(self) -> Self {
        Self { stale: true, ..self }
    }

    /// Makes the plan. The outer error is of the arguments and of what they name.
    pub(super) async fn plan(
        self,
        global: &Global,
        instance: &Installation,
    ) -> anyhow::Result<Result<Plan, clicktrail_replay::plan::Error>> {
        let mut projection = directory::named(global, &self.projection).await?;
        if let Some(file) = &self.sql {
            let sql = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
            projection = projection.with_sql(&sql).await?;
        }
        let sql = projection.to_text();
        let (from, to_inclusive) = self.range.bounds()?;
        let planner = planner(instance);
        let verdicts_before = verdicts_before(&self.verdicts_as_of, self.range.zone(), &planner).await?;
        let request = Request {
            projection,
            sql,
            from,
            to_inclusive,
            stale_only: self.stale,
            clicks_before: self.clicks_as_of.map(|click| click.plus_rows(1)),
            verdicts_before,
        };
        Ok(planner.plan(&request).await)
    }
}

/// A saved plan, and the one that is made for the same question now.
pub(super) async fn again(
    instance: &Installation,
    planned: &Document,
) -> anyhow::Result<Result<Plan, clicktrail_replay::plan::Error>> {
    let projection = unit::projection(&planned.projection, &planned.sql).await?;
    Ok(planner(instance).again(planned, projection).await)
}

/// Says it if a projection of the directory has another definition now than a plan. A plan brings its own, so it can be
/// built all the same.
pub(super) async fn tell_changed(global: &Global, planned: &Document) {
    if planned.projection == counters::NAME {
        return;
    }
    if let Ok(now) = directory::named(global, &planned.projection).await
        && now.code_digest().to_string() != planned.code_digest
    {
        let name = &planned.projection;
        output::note(&format!("{name} has another definition now than the plan, which is built as it was planned"));
    }
}

/// One past the last verdict that is to be known; `None`: all.
async fn verdicts_before(text: &str, zone: &Zone, planner: &Planner) -> anyhow::Result<Option<Position>> {
    if text == "latest" {
        return Ok(None);
    }
    if let Ok(verdict) = text.parse::<Position>() {
        let end = planner.history.end().await?;
        ensure!(verdict < end, "there is no verdict {verdict} yet: the verdict log ends before {end}");
        return Ok(Some(verdict.plus_rows(1)));
    }
    let time = match Timestamp::parse_rfc3339(text) {
        Some(time) => time,
        None => {
            let bound = Bound::parse(text, zone, Unit::Minute);
            let what = || format!("--verdicts-as-of {text:?} is no position of a verdict, no time, and not `latest`");
            bound.with_context(what)?.first(zone)
        }
    };
    Ok(Some(moment::verdicts_before(&planner.archive, &planner.history, time).await?))
}

/// The hours of a range, first and last, as a person would say them.
pub(super) fn range(first: Hour, last: Hour) -> String {
    if first == last { first.to_string() } else { format!("{first} to {last}") }
}
