//! `clicktrail correction revert`
//!
//! As closing, the other way: it is `reverting`, durably; one frame of rulings by hand says what stood before; the
//! hours that are stale by them are promoted in one transaction; it is `reverted`. Events stay in the log, invalid.

use std::{collections::BTreeSet, sync::Arc};

use clicktrail_catalog::corrections::CorrectionState;
use clicktrail_log::position::Position;
use clicktrail_replay::correction::{
    document::Items,
    rulings::{Mark, marked, opposites, ruling, standing},
};
use clicktrail_verdicts::{
    hand::{self, Attribution},
    verdict::Verdict,
};

use super::{
    close::{begin, end, refused},
    logging,
    named::named,
};
use crate::{ads::Who, exit::Exit, global::Global, output, replay};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The correction
    id: String,
    /// Why, in a sentence; kept with the rulings
    #[arg(long, value_name = "TEXT", default_value = "the correction is reverted")]
    reason: String,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let actor = global.actor(arguments.who.actor)?;
    let instance = global.open_existing().await?;
    let mut correction = named(&instance, &arguments.id).await?;
    let items = Items::read(&instance.catalog.correction_items(&correction.id).await?)?;
    let history = instance.rulings();
    match correction.state {
        CorrectionState::Closing | CorrectionState::Closed => {
            let ours = marked(&history, correction.verdicts_from, (&correction.id, Mark::Closes), items.len()).await?;
            if let Some(hours) = logging::hours(&instance, ours.into_keys()).await?
                && correction.state == CorrectionState::Closed
                && let Some(why) = replay::unsettled(&instance, &hours).await?
            {
                return Ok(refused(&why));
            }
            match begin(&instance, &correction.id, CorrectionState::Reverting, &actor).await? {
                Ok(moved) => correction = moved,
                Err(what) => return Ok(refused(&what)),
            }
        }
        CorrectionState::Reverting => {}
        CorrectionState::Open => return Ok(refused("it is open: nothing of it counts")),
        CorrectionState::Reverted => return Ok(refused("it is reverted already")),
    }
    let id = correction.id.as_str();
    let ours = marked(&history, correction.verdicts_from, (id, Mark::Closes), items.len()).await?;
    let taken = marked(&history, correction.reverts_from, (id, Mark::Reverts), ours.len()).await?;
    let targets: BTreeSet<Position> = ours.keys().copied().collect();
    let now = history.end().await?;
    let began = history.address(correction.verdicts_from).await?;
    let (before, now) = (standing(&history, &targets, began).await?, standing(&history, &targets, now).await?);
    let ruled: BTreeSet<Position> = items.rulings.iter().map(|found| found.position).collect();
    let by = Attribution { actor: actor.clone(), reason: arguments.reason.clone(), note: None };
    let at = instance.clock.now();
    let opposites = opposites(&ours, &before, &now, |target| !ruled.contains(&target));
    let verdicts: Vec<Verdict> = opposites
        .into_iter()
        .filter(|(target, _)| !taken.contains_key(target))
        .map(|(target, what)| ruling((id, Mark::Reverts), target, ours[&target].event_id.clone(), what, &by, at))
        .collect();
    if !verdicts.is_empty() {
        hand::append(Arc::clone(&instance.verdicts), instance.archive.clone(), &verdicts).await?;
    }
    let kept = ours.len() - taken.len() - verdicts.len();
    if kept > 0 {
        output::note(&format!("{} ruled about again since: what was ruled last stands", output::count(kept, "event")));
    }
    if let Some(hours) = logging::hours(&instance, targets.iter().copied()).await? {
        let why = format!("correction {id} is reverted: {}", arguments.reason);
        let counted = Box::pin(replay::promote_stale(global, &instance, &hours, (&actor, &why))).await?;
        if counted != Exit::Ok {
            output::note(&format!("all of it counts still; run `clicktrail correction revert {id}` again"));
            return Ok(counted);
        }
    }
    end(global, &instance, &correction, (CorrectionState::Reverted, "correction_revert"), &actor).await
}
