//! Making some hours count from all verdicts that there are: a build of those of them that are stale, and its
//! promotion, in one transaction. Corrections come to count by it.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::{Context as _, bail};
use clicktrail_catalog as catalog;
use clicktrail_catalog::generations::GenerationState;
use clicktrail_log::time::Hour;
use clicktrail_projections::{Projection, counters};
use clicktrail_replay::{
    gates::Gate,
    plan::{self, Request},
    promotions, stale,
    work::Settings,
};

use super::{
    invoiced, promote,
    question::planner,
    working::{self, Working},
};
use crate::{exit::Exit, global::Global, installation::Installation, output};

/// How often the hours are built again because what they count from has moved meanwhile.
const ATTEMPTS: u32 = 3;
/// Hours that one question to the catalog gives.
const PAGE_HOURS: u32 = 1_000;

/// What keeps verdicts about these hours from being all that a promotion of them would bring: verdicts that are not
/// counted yet, or other code.
pub(crate) async fn unsettled(instance: &Installation, hours: &BTreeSet<Hour>) -> anyhow::Result<Option<String>> {
    let (Some(first), Some(last)) = (hours.first(), hours.last()) else { return Ok(None) };
    let catalog = &instance.catalog;
    stale::follow(&instance.rulings(), catalog.as_ref()).await?;
    let mut from = *first;
    while from <= *last {
        let page = catalog.stale_hours(counters::NAME, from, PAGE_HOURS).await?;
        let Some(end) = page.last().map(|hour| hour.hour) else { break };
        if let Some(found) = page.iter().find(|found| hours.contains(&found.hour)) {
            let hour = found.hour;
            return Ok(Some(format!(
                "hour {hour} has other verdicts that are not counted yet, which would come to count with it: settle \
                 them first, with `clicktrail replay plan --stale` or `replay stale`"
            )));
        }
        from = end.next();
    }
    let code = Projection::counters().code_digest().to_string();
    let live = catalog.live_pointers(counters::NAME, *first, *last).await?;
    let other = live.iter().find(|pointer| hours.contains(&pointer.hour) && pointer.code_digest != code);
    Ok(other.map(|pointer| {
        format!("hour {} counts with other code than this program's: replay it first, with `replay plan`", pointer.hour)
    }))
}

/// Builds and promotes the stale ones of these hours.
pub(crate) async fn promote_stale(
    global: &Global,
    instance: &Installation,
    hours: &BTreeSet<Hour>,
    (actor, reason): (&str, &str),
) -> anyhow::Result<Exit> {
    let (Some(first), Some(last)) = (hours.first().copied(), hours.last().copied()) else { return Ok(Exit::Ok) };
    promotions::keep(&instance.archive, instance.catalog.as_ref()).await?;
    for _ in 0..ATTEMPTS {
        let request = Request {
            projection: Projection::counters(),
            sql: String::new(),
            from: Some(first),
            to_inclusive: Some(last),
            stale_only: true,
            clicks_before: None,
            verdicts_before: None,
        };
        let mut plan = match planner(instance).plan(&request).await {
            Ok(plan) => plan,
            Err(plan::Error::NothingStale) => return Ok(Exit::Ok),
            Err(refused) => return super::plan::refuse(refused),
        };
        plan.document.hours.retain(|hour| hours.contains(&hour.hour));
        if plan.document.hours.is_empty() {
            return Ok(Exit::Ok);
        }
        let (generation, units) = plan::generation(&plan.document, actor, instance.clock.now());
        instance.catalog.put_generation(&generation, &units).await?;
        if !build(instance, &generation).await? {
            return Ok(Exit::Partial);
        }
        let generation =
            instance.catalog.generation(&generation.id).await?.context("a generation that was built is there")?;
        let mut checked = promote::check(instance, &generation, None).await?;
        // Whoever closes a correction has said what it takes from a bill.
        checked.gates.retain(|gate| !matches!(gate, Gate::Empty(_)));
        if checked.gates.iter().any(|gate| matches!(gate, Gate::Moved(_))) {
            continue;
        }
        if !checked.gates.is_empty() {
            promote::refuse(&checked, global);
            return Ok(Exit::GateRefused);
        }
        let invoiced = invoiced::changed(instance, &generation).await?;
        match instance.catalog.promote(&generation.id, actor, reason, instance.clock.now()).await {
            Ok(_) => {
                invoiced::tell(&invoiced);
                promotions::keep(&instance.archive, instance.catalog.as_ref()).await?;
                return Ok(Exit::Ok);
            }
            Err(catalog::Error::Conflict(_)) => {}
            Err(cause) => return Err(cause.into()),
        }
    }
    output::note("refused: what these hours count from moves all the time: run it again");
    Ok(Exit::GateRefused)
}

/// Whether all of it was built.
async fn build(instance: &Installation, generation: &catalog::generations::Generation) -> anyhow::Result<bool> {
    let (stop, heard) = working::stop_on_signal()?;
    let worker = Working::plain(Settings::MEMORY_BYTES, Settings::LEASE).worker(instance, true);
    let ended = worker.run(generation, stop, Arc::new(|_| {})).await;
    heard.abort();
    let ended = ended?;
    match ended.state {
        GenerationState::Built | GenerationState::Promoted => Ok(true),
        GenerationState::Building => Ok(false),
        GenerationState::Failed => {
            let (hour, why) = ended.failed.first().cloned().context("a generation failed by an hour")?;
            bail!("hour {hour} could not be built: {why}")
        }
        GenerationState::Aborted => bail!("generation {} was given up by somebody: run it again", generation.id),
    }
}
