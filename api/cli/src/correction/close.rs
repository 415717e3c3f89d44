//! `clicktrail correction close`
//!
//! 1. The gates: nothing else may come to count with it.
//! 2. It is `closing`, durably.
//! 3. Its events are logged, and judged invalid.
//! 4. Their hours are sealed.
//! 5. One frame of rulings by hand.
//! 6. The hours that are stale by them are built, and promoted in one transaction: now all of it counts.
//! 7. It is `closed`.
//!
//! Whoever dies in between runs it again: each step finds what it did.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use clicktrail_catalog::{
    self as catalog,
    corrections::{Correction, CorrectionState, LogPlaces},
};
use clicktrail_log::position::Position;
use clicktrail_replay::correction::{
    document::Items,
    rulings::{Mark, marked, ruling},
};
use clicktrail_verdicts::{
    hand::{self, Attribution},
    verdict::{Category, Decision},
};
use serde_json::json;

use super::{logging, named::named};
use crate::{
    ads::Who,
    audit,
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output, replay,
};

/// Pause before it looks again whether the hour is sealed.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The correction
    id: String,
    /// Wait so many seconds for a server to seal the hour in which the events were logged
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let actor = global.actor(arguments.who.actor)?;
    let instance = global.open_existing().await?;
    let mut correction = named(&instance, &arguments.id).await?;
    let items = Items::read(&instance.catalog.correction_items(&correction.id).await?)?;
    match correction.state {
        CorrectionState::Open => {
            if let Some(why) = gate(&instance, &items).await? {
                return Ok(refused(&why));
            }
            match begin(&instance, &correction.id, CorrectionState::Closing, &actor).await? {
                Ok(moved) => correction = moved,
                Err(what) => return Ok(refused(&what)),
            }
        }
        CorrectionState::Closing => {}
        CorrectionState::Closed | CorrectionState::Reverting | CorrectionState::Reverted => {
            return Ok(refused(&format!("correction {} is {}", correction.id, correction.state)));
        }
    }
    let logged = Box::pin(logging::all(global, &instance, &correction, &items)).await?;
    let mut targets: BTreeMap<Position, Target> = BTreeMap::new();
    let reason = &correction.reason;
    targets.extend(logged.events.into_iter().map(|(position, event_id)| (position, Target::added(event_id, reason))));
    for found in &items.rulings {
        targets.insert(found.position, Target::ruled(found)?);
    }
    let Some(hours) = wait(&instance, targets.keys().copied(), arguments.wait).await? else {
        let id = &correction.id;
        audit::write(&instance, &actor, "correction_close", reason, format!("{id}: waits for its hour")).await?;
        output::note("its events are logged, and their hour is not sealed yet: nothing of it counts");
        output::note(&format!("run `clicktrail correction close {id}` again once the hour is over, or with --wait"));
        return Ok(Exit::Partial);
    };
    rule(&instance, &correction, &targets, &actor).await?;
    let why = format!("correction {}: {reason}", correction.id);
    let counted = Box::pin(replay::promote_stale(global, &instance, &hours, (&actor, &why))).await?;
    if counted != Exit::Ok {
        output::note(&format!("nothing of it counts; run `clicktrail correction close {}` again", correction.id));
        return Ok(counted);
    }
    end(global, &instance, &correction, (CorrectionState::Closed, "correction_close"), &actor).await
}

/// What is ruled about one event.
#[derive(Debug)]
struct Target {
    event_id: String,
    ruling: (Decision, Option<Category>),
    reason: String,
}

impl Target {
    fn added(event_id: String, reason: &str) -> Self {
        Self { event_id, ruling: (Decision::Valid, None), reason: reason.to_owned() }
    }

    fn ruled(found: &clicktrail_replay::correction::document::NewRuling) -> anyhow::Result<Self> {
        let category: Option<Category> = found.category.as_deref().map(str::parse).transpose()?;
        let decision = if category.is_some() { Decision::Invalid } else { Decision::Valid };
        Ok(Self { event_id: found.event_id.clone(), ruling: (decision, category), reason: found.reason.clone() })
    }
}

/// What keeps it from being closed.
async fn gate(instance: &Installation, items: &Items) -> anyhow::Result<Option<String>> {
    if items.is_empty() {
        return Ok(Some("it is empty: there is nothing to close".to_owned()));
    }
    match logging::hours(instance, items.rulings.iter().map(|found| found.position)).await? {
        Some(hours) => replay::unsettled(instance, &hours).await,
        None => Ok(Some("it rules about an event whose hour is still open".to_owned())),
    }
}

pub(super) fn refused(why: &str) -> Exit {
    output::note(&format!("refused: {why}"));
    Exit::GateRefused
}

/// Moves it on, with where the logs stand. The inner error says why it is in no such state.
pub(super) async fn begin(
    instance: &Installation,
    id: &str,
    to: CorrectionState,
    actor: &str,
) -> anyhow::Result<Result<Correction, String>> {
    let (clicks, verdicts) = (instance.clicks.info().await?.last.next(), instance.verdicts.info().await?.last.next());
    let places = LogPlaces { clicks, verdicts };
    match instance.catalog.move_correction(id, to, places, actor, instance.clock.now()).await {
        Ok(moved) => Ok(Ok(moved)),
        Err(catalog::Error::Conflict(what)) => Ok(Err(what)),
        Err(cause) => Err(cause.into()),
    }
}

#[expect(clippy::disallowed_methods, reason = "it waits for another process, as it was asked to")]
async fn wait(
    instance: &Installation,
    targets: impl Iterator<Item = Position> + Clone,
    seconds: u64,
) -> anyhow::Result<Option<std::collections::BTreeSet<clicktrail_log::time::Hour>>> {
    let mut left = seconds;
    loop {
        let hours = logging::hours(instance, targets.clone()).await?;
        if hours.is_some() || left == 0 {
            return Ok(hours);
        }
        left -= 1;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Appends those of its rulings that are not in the verdict log.
async fn rule(
    instance: &Installation,
    correction: &Correction,
    targets: &BTreeMap<Position, Target>,
    actor: &str,
) -> anyhow::Result<()> {
    let (id, mark) = (correction.id.as_str(), Mark::Closes);
    let (history, now) = (instance.rulings(), instance.clock.now());
    let verdict = |(position, target): (&Position, &Target)| {
        let by = Attribution { actor: actor.to_owned(), reason: target.reason.clone(), note: None };
        ruling((id, mark), *position, target.event_id.clone(), target.ruling, &by, now)
    };
    let missing = async || {
        let there = marked(&history, correction.verdicts_from, (id, mark), targets.len()).await?;
        let missing = targets.iter().filter(|(position, _)| !there.contains_key(*position));
        anyhow::Ok((missing.map(verdict).collect(), ()))
    };
    hand::decided(Arc::clone(&instance.verdicts), instance.archive.clone(), missing).await?;
    Ok(())
}

/// The last step of closing and of reverting.
pub(super) async fn end(
    global: &Global,
    instance: &Installation,
    correction: &Correction,
    (state, action): (CorrectionState, &str),
    actor: &str,
) -> anyhow::Result<Exit> {
    let id = &correction.id;
    if let Err(what) = begin(instance, id, state, actor).await? {
        // Another process did the same: it is done.
        if named(instance, id).await?.state != state {
            return Ok(refused(&what));
        }
    }
    audit::write(instance, actor, action, &correction.reason, format!("{id} is {state}")).await?;
    match global.output {
        Format::Json => output::json(&json!({"correction": id, "state": state.as_str()})),
        Format::Table => output::line(&format!("correction {id} is {state}")),
    }
    Ok(Exit::Ok)
}
