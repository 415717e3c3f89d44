//! Ruling by hand: what a person says about one event stands over everything that judges and queries say.

use std::{ops::Range, sync::Arc};

use clicktrail_log::{
    archive::Archive,
    frame::ROWS_MAX,
    invariant,
    log::Log,
    position::{Position, Seq},
    time::Timestamp,
};
use uuid::Uuid;

use crate::{
    append::{self, Appender},
    reader::{self, VerdictReader},
    ruling,
    schema::SCORE_PERMILLE_MAX,
    verdict::{Category, Decision, Evidence, Reason, Stage, Verdict},
};

/// The identity under which people's verdicts are written. All processes share it, so that of two that append at once
/// the log takes one, and the other looks again.
const WRITER: Uuid = Uuid::from_u128(0x9c1d_6f0e_5b7a_4c3d_8e21_7065_7273_6f6e);
/// How often an append is tried while others append.
const ATTEMPTS: u32 = 10;
/// Verdicts that are appended at a time. They usually fit one frame, which is appended whole or not at all, so that
/// trying again repeats none.
const CHUNK: usize = 1_024;
/// The weight of a reason that decides alone.
const WHOLE_PERMILLE: u16 = SCORE_PERMILLE_MAX;

const _: () = assert!(0 < CHUNK && CHUNK <= ROWS_MAX, "a chunk fits a frame");

/// Why nothing was ruled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The verdict log could not be read.
    #[error("read the verdict log")]
    Reader(#[from] reader::Error),
    /// The verdict log did not take the verdict. Look at the event's history before you try again.
    #[error("append the verdict")]
    Append(#[from] append::Error),
    /// There is nothing to take back.
    #[error("no ruling by hand stands about {0}")]
    NotByHand(Position),
}

/// Who rules, and why.
#[derive(Debug, Clone)]
pub struct Attribution {
    /// Who decides.
    pub actor: String,
    /// Why: a word or a sentence. It becomes the reason of the verdict.
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
    by: &Attribution,
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
        reasons: vec![Reason { rule: by.reason.clone(), weight_permille, decides: false, evidence: Vec::new() }],
        score_permille: weight_permille,
        ruleset: String::new(),
        stage,
        decided_at,
        actor: by.actor.clone(),
        note: by.note.clone(),
    }
}

/// Takes a ruling by hand back, and says where the verdict stands that does it. If somebody else rules meanwhile, what
/// stands is looked at again: nobody's word is taken back that was not seen.
///
/// # Errors
/// [`Error::NotByHand`] if what stands about the event was not ruled by hand; [`Error::Append`].
pub async fn revoke(
    (log, archive): (Arc<dyn Log>, Archive),
    (target, event_id): (Position, &str),
    by: &Attribution,
    decided_at: Timestamp,
) -> Result<(Verdict, Position), Error> {
    let history = VerdictReader::new(Arc::clone(&log), archive.clone());
    let decide = async || {
        let verdict = revoked(&history, target, event_id.to_owned(), by, decided_at).await?;
        Ok::<_, Error>((vec![verdict.clone()], verdict))
    };
    let (appended, verdict) = decided(log, archive, decide).await?;
    let appended = appended.expect("a revocation is one verdict");
    Ok((verdict, history.address(appended).await?))
}

/// The verdict that takes a ruling by hand back: it says, in the person's name, what stands without any ruling by hand.
/// It is itself a ruling by hand, so what judges say about the event later does not overrule it.
///
/// # Errors
/// [`Error::NotByHand`] if what stands about the event was not ruled by hand.
async fn revoked(
    verdicts: &VerdictReader,
    target: Position,
    event_id: String,
    by: &Attribution,
    decided_at: Timestamp,
) -> Result<Verdict, Error> {
    let only: Range<Position> = target..target.plus_rows(1);
    let ruled = verdicts.about(only, verdicts.end().await?).await?;
    let stands = ruling::standing(ruled.iter().map(|ruled| (ruled.position, &ruled.verdict)));
    let by_hand = ruled.iter().rev().find(|ruled| ruled.verdict.stage == Stage::Manual);
    let (Some(Stage::Manual), Some(by_hand)) = (stands.map(|verdict| verdict.stage), by_hand) else {
        return Err(Error::NotByHand(target));
    };
    let others = ruled.iter().filter(|ruled| ruled.verdict.stage != Stage::Manual);
    let others = others.map(|ruled| (ruled.position, &ruled.verdict));
    let ruling = ruling::standing(others).map_or((Decision::Valid, None), |other| (other.decision, other.category));
    let mut verdict = verdict(target, event_id, ruling, Stage::Manual, by, decided_at);
    let revokes = ("revokes".to_owned(), Evidence::Position(by_hand.position));
    verdict.reasons[0].evidence.push(revokes);
    let is_whole = (verdict.decision == Decision::Invalid) == verdict.category.is_some();
    invariant!(I7, is_whole, "what stands about {target} contradicts itself");
    Ok(verdict)
}

/// Appends the verdicts of a person, of a query, or of judging again, whatever others appended meanwhile: they say what
/// is to stand, and not what stood before. Returns the last frame of theirs, if there are any.
///
/// # Errors
/// [`Error::Append`]: some of them may have been appended.
pub async fn append(log: Arc<dyn Log>, archive: Archive, verdicts: &[Verdict]) -> Result<Option<Seq>, Error> {
    let mut appender = Appender::new(log, archive, WRITER);
    let mut last = None;
    for chunk in verdicts.chunks(CHUNK) {
        let mut attempt = 0;
        last = loop {
            match appender.append(chunk).await {
                Ok(seq) => break Some(seq),
                Err(error) if error.is_overtaken() && attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error.into()),
            }
        };
    }
    Ok(last)
}

/// Appends verdicts that `decide` makes of what it reads in the verdict log. If another process ruled since `decide`
/// began to read, nothing is appended and it decides again; so it must leave out what it finds done already. Returns
/// the last frame of the verdicts, if there are any, and what else `decide` said the last time.
///
/// # Errors
/// As `decide`; [`Error::Append`]: some verdicts may have been appended.
pub async fn decided<T, E: From<Error>>(
    log: Arc<dyn Log>,
    archive: Archive,
    decide: impl AsyncFn() -> Result<(Vec<Verdict>, T), E>,
) -> Result<(Option<Seq>, T), E> {
    let mut appender = Appender::new(log, archive, WRITER);
    let mut attempt = 0;
    'again: loop {
        // First where to append, then what: whatever comes behind the place that was found makes the append fail.
        appender.locate().await.map_err(Error::from)?;
        let (verdicts, said) = decide().await?;
        let mut last = None;
        for chunk in verdicts.chunks(CHUNK) {
            match appender.append(chunk).await {
                Ok(seq) => last = Some(seq),
                Err(error) if error.is_overtaken() && attempt < ATTEMPTS => {
                    attempt += 1;
                    continue 'again;
                }
                Err(error) => return Err(Error::from(error).into()),
            }
        }
        return Ok((last, said));
    }
}

#[cfg(test)]
mod tests;
