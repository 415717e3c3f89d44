//! A person's word about one event: it stands over everything that judges and queries say.

use std::{ops::Range, sync::Arc};

use clicktrail_log::{archive::Archive, log::Log, position::Position, time::Timestamp};
use uuid::Uuid;

use crate::{
    append::{self, Appender},
    history::{self, History},
    ruling,
    verdict::{Category, Decision, Reason, Stage, Verdict},
};

/// Under which people's verdicts are written: the same for every process, so that of two at once one looks again.
const WRITER: Uuid = Uuid::from_u128(0x9c1d_6f0e_5b7a_4c3d_8e21_7065_7273_6f6e);
/// How often an append is tried while others append.
const ATTEMPTS: u32 = 10;
/// Verdicts that are appended at a time: they fit a frame, so that trying again repeats none.
const CHUNK: usize = 1_024;
/// The weight of a word that decides alone.
const WHOLE_PERMILLE: u16 = 1_000;

/// Why nothing was ruled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The verdict log could not be read.
    #[error("read the verdict log")]
    History(#[from] history::Error),
    /// The verdict log did not take the verdict. Look at the event's history before you try again.
    #[error("append the verdict")]
    Append(#[from] append::Error),
    /// There is nothing to take back.
    #[error("no ruling by hand stands about {0}")]
    NotByHand(Position),
}

/// Who rules, and why.
#[derive(Debug, Clone)]
pub struct Word {
    /// Who decides.
    pub actor: String,
    /// Why: a word or a sentence, which becomes the reason.
    pub reason: String,
    /// For people.
    pub note: Option<String>,
}

/// The verdict of a person, or of a query, about one event.
pub fn verdict(
    target: Position,
    event_id: String,
    ruling: (Decision, Option<Category>),
    stage: Stage,
    word: &Word,
    decided_at: Timestamp,
) -> Verdict {
    let (decision, category) = ruling;
    let invalid = decision == Decision::Invalid;
    let weight_permille = if invalid { WHOLE_PERMILLE } else { 0 };
    Verdict {
        target,
        event_id,
        decision,
        category: category.filter(|_| invalid),
        reasons: vec![Reason { rule: word.reason.clone(), weight_permille, evidence: Vec::new() }],
        score_permille: weight_permille,
        ruleset: String::new(),
        stage,
        decided_at,
        actor: word.actor.clone(),
        note: word.note.clone(),
    }
}

/// The verdict that takes a ruling by hand back: it says, in the person's name, what stands without any ruling by hand.
/// It is itself a person's word, so what judges say about the event later does not overrule it.
///
/// # Errors
/// [`Error::NotByHand`] if what stands about the event was not ruled by hand.
pub async fn revoked(
    history: &History,
    target: Position,
    event_id: String,
    word: &Word,
    decided_at: Timestamp,
) -> Result<Verdict, Error> {
    let only: Range<Position> = target..target.plus_rows(1);
    let ruled = history.about(only, history.end().await?).await?;
    let stands = ruling::standing(ruled.iter().map(|ruled| (ruled.position, &ruled.verdict)));
    let by_hand = ruled.iter().rev().find(|ruled| ruled.verdict.stage == Stage::Manual);
    let (Some(Stage::Manual), Some(by_hand)) = (stands.map(|verdict| verdict.stage), by_hand) else {
        return Err(Error::NotByHand(target));
    };
    let others = ruled.iter().filter(|ruled| ruled.verdict.stage != Stage::Manual);
    let others = others.map(|ruled| (ruled.position, &ruled.verdict));
    let ruling = ruling::standing(others).map_or((Decision::Valid, None), |other| (other.decision, other.category));
    let mut verdict = verdict(target, event_id, ruling, Stage::Manual, word, decided_at);
    let revokes = ("revokes".to_owned(), crate::verdict::Evidence::Position(by_hand.position));
    verdict.reasons[0].evidence.push(revokes);
    Ok(verdict)
}

/// Appends the verdicts of a person, a query or a second look of the judge, again when others appended meanwhile.
///
/// # Errors
/// [`Error::Append`]: some of them may have been appended.
pub async fn append(log: Arc<dyn Log>, archive: Archive, verdicts: &[Verdict]) -> Result<(), Error> {
    let mut appender = Appender::new(log, archive, WRITER);
    for chunk in verdicts.chunks(CHUNK) {
        let mut attempt = 0;
        while let Err(error) = appender.append(chunk).await {
            if !error.is_overtaken() || attempt == ATTEMPTS {
                return Err(error.into());
            }
            attempt += 1;
        }
    }
    Ok(())
}
