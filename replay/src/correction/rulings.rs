//! The rulings of a correction: one by hand about each event, which names the correction, so that it is found again.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use clicktrail_log::{
    log::ReadLimit,
    position::{Position, Seq},
    time::Timestamp,
};
use clicktrail_verdicts::{
    hand::{self, Attribution},
    reader::VerdictReader,
    rulings::{Stages, Standing},
    verdict::{Category, Decision, Evidence, Stage, Verdict},
};

use crate::error::Error;

/// What a ruling of a correction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It makes the correction count.
    Closes,
    /// It takes back what closing ruled.
    Reverts,
}

impl Mark {
    /// The name of the evidence.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Closes => "correction",
            Self::Reverts => "reverts_correction",
        }
    }
}

/// A ruling of a correction about one event.
pub fn ruling(
    (correction, mark): (&str, Mark),
    target: Position,
    event_id: String,
    what: (Decision, Option<Category>),
    by: &Attribution,
    now: Timestamp,
) -> Verdict {
    let mut verdict = hand::verdict(target, event_id, what, Stage::Manual, by, now);
    let evidence = (mark.as_str().to_owned(), Evidence::Text(correction.to_owned()));
    verdict.reasons.iter_mut().for_each(|reason| reason.evidence.push(evidence.clone()));
    verdict
}

/// Whether a verdict is a correction's.
fn is_marked(verdict: &Verdict, correction: &str, mark: Mark) -> bool {
    let names = |(name, what): &(String, Evidence)| {
        name == mark.as_str() && matches!(what, Evidence::Text(id) if id == correction)
    };
    verdict.stage == Stage::Manual && verdict.reasons.iter().any(|reason| reason.evidence.iter().any(names))
}

/// A ruling of a correction that is in the log: where it stands, and the id of the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Where the ruling stands in the verdict log.
    pub verdict: Position,
    /// The event's id.
    pub event_id: String,
}

/// The correction's rulings in the verdict log from `from` on, by the event. Stops once it has `expected` of them.
///
/// # Errors
/// As log and archive report.
pub async fn marked(
    history: &VerdictReader,
    from: Seq,
    (correction, mark): (&str, Mark),
    expected: usize,
) -> Result<BTreeMap<Position, Logged>, Error> {
    let (mut found, mut next) = (BTreeMap::new(), from);
    while found.len() < expected {
        let page = history.read(next, ReadLimit::waiting(Duration::ZERO)).await?;
        for ruled in page.ruled.into_iter().filter(|ruled| is_marked(&ruled.verdict, correction, mark)) {
            let logged = Logged { verdict: ruled.position, event_id: ruled.verdict.event_id };
            // Of two processes that rule at once, the last word stands.
            found.insert(ruled.verdict.target, logged);
        }
        if page.next == next {
            break;
        }
        next = page.next;
    }
    Ok(found)
}

/// Events that lie further apart are asked about one by one, so that no ruling of the hours between is held in memory.
const GAP_FRAMES: u64 = 4_096;

/// What stands about these events by the verdicts before `before`.
///
/// # Errors
/// As log and archive report.
pub async fn standing(
    history: &VerdictReader,
    targets: &BTreeSet<Position>,
    before: Position,
) -> Result<BTreeMap<Position, Standing>, Error> {
    let (mut found, mut targets) = (BTreeMap::new(), targets.iter().copied().peekable());
    while let Some(first) = targets.next() {
        let (mut run, mut last) = (BTreeSet::from([first]), first);
        while let Some(next) = targets.next_if(|next| next.seq().get().saturating_sub(last.seq().get()) <= GAP_FRAMES) {
            run.insert(next);
            last = next;
        }
        let rulings = history.rulings(first..last.plus_rows(1), before, Stages::All).await?;
        found.extend(run.into_iter().filter_map(|target| Some((target, rulings.get(target)?))));
    }
    Ok(found)
}

/// What takes the `ours` of a correction back: for each event about which nobody ruled later, what stood `before`. What
/// the correction added (`added`) becomes invalid again, as the judge found it.
pub fn opposites(
    ours: &BTreeMap<Position, Logged>,
    before: &BTreeMap<Position, Standing>,
    now: &BTreeMap<Position, Standing>,
    added: impl Fn(Position) -> bool,
) -> Vec<(Position, (Decision, Option<Category>))> {
    let stands = |target: &Position, logged: &Logged| {
        now.get(target).is_some_and(|standing| standing.rank.verdict() == logged.verdict)
    };
    let opposite = |target: Position| match before.get(&target) {
        _ if added(target) => (Decision::Invalid, Some(Category::Policy)),
        Some(standing) => (standing.decision, standing.category),
        None => (Decision::Valid, None),
    };
    let taken = ours.iter().filter(|(target, logged)| stands(target, logged));
    taken.map(|(target, _)| (*target, opposite(*target))).collect()
}

#[cfg(test)]
mod tests;
