//! Originals from before the look-back.
//!
//! The hours between the beginning of the window and that of the look-back are usually sealed, and their identity
//! filters say which part may hold an event; the part says whether it does. What is not sealed yet is read from the
//! log. So a verdict depends on the log alone, however far the archiver has come and whether an hour has its filter.

use std::sync::Arc;

use clicktrail_log::{
    archive::{
        Archive,
        identities::{AHEAD_MICROS, Asked, Identities, SearchedHour},
    },
    log::Log,
    position::Position,
    time::Timestamp,
};
use tokio::sync::Mutex;

use super::{error::Error, sealed_hours::SealedHours, unsealed::Unsealed};
use crate::fold::{
    Originals, REWIND_MAX,
    candidates::{Candidate, Candidates},
};

/// Looks events up in what was logged before the look-back.
#[derive(Debug)]
pub(super) struct ArchivedOriginals {
    identities: Identities,
    sealed: Mutex<SealedHours>,
    unsealed: Mutex<Unsealed>,
}

impl ArchivedOriginals {
    /// Looks into `archive`, and into `clicks` for what is not sealed.
    pub(super) fn new(clicks: Arc<dyn Log>, archive: Archive) -> Self {
        Self {
            identities: Identities::new(archive.clone()),
            sealed: Mutex::new(SealedHours::new(Arc::clone(&clicks), archive.clone())),
            unsealed: Mutex::new(Unsealed::new(clicks, archive)),
        }
    }

    /// For each of `candidates` and each window, the first event of its identity that was logged within the window
    /// before its look-back, if there is one.
    ///
    /// # Errors
    /// [`Error::NotSealed`] if too much is not sealed to be kept; otherwise as log and archive report.
    pub(super) async fn find(&self, candidates: &Candidates<'_>) -> Result<Originals, Error> {
        let mut found = Originals::none();
        let Some((from, to)) = candidates.span() else { return Ok(found) };
        // A frame whose logged time runs back belongs to a later hour than that time.
        let to = to.plus_micros(i64::try_from(REWIND_MAX.as_micros()).expect("ten minutes"));
        let covered = self.sealed.lock().await.cover(from.hour(), to.hour()).await?;
        let mut questions = Questions::new(candidates, covered.hours.last());
        for hour in covered.hours.iter().filter(|hour| hour.manifest.rows > 0) {
            self.search(hour, &mut questions, &mut found).await?;
        }
        let mut unsealed = self.unsealed.lock().await;
        let Some(open) = covered.open else {
            unsealed.clear();
            return Ok(found);
        };
        unsealed.read(open, to).await?;
        for candidate in candidates.iter() {
            let logged = unsealed.find(candidates.identity(candidate));
            note(candidates, candidate, logged, &mut found);
        }
        Ok(found)
    }

    async fn search(
        &self,
        hour: &SearchedHour,
        questions: &mut Questions<'_>,
        found: &mut Originals,
    ) -> Result<(), Error> {
        let candidates = questions.candidates;
        let asked = questions.of(self.identities.lists_ahead(hour).await?);
        if asked.asked.is_empty() {
            return Ok(());
        }
        let hits = self.identities.find(hour, &asked.asked).await?;
        for of_part in hits.chunk_by(|one, other| one.part == other.part) {
            let index = self.identities.index(&hour.manifest.parts[of_part[0].part]).await?;
            for hit in of_part {
                let candidate = &asked.candidates[hit.asked];
                let logged = index.find(candidates.identity(candidate));
                let logged = logged.iter().map(|found| (found.position, found.logged_at));
                note(candidates, candidate, logged, found);
            }
        }
        Ok(())
    }
}

/// Notes the first of some events of a candidate's identity, which come in log order, that each window sees.
fn note(
    candidates: &Candidates<'_>,
    candidate: &Candidate,
    logged: impl Iterator<Item = (Position, Timestamp)> + Clone,
    found: &mut Originals,
) {
    for window in candidates.windows() {
        let mut logged = logged.clone();
        let original = logged.find(|(position, at)| candidates.is_seen(candidate, *window, *position, *at));
        if let Some((position, _)) = original {
            found.add(candidate.row, *window, position);
        }
    }
}

/// What filters are asked: candidates in the order of their fingerprints.
struct Asks {
    asked: Vec<Asked>,
    candidates: Vec<Candidate>,
}

/// The questions of a batch, made when they are needed.
struct Questions<'c> {
    candidates: &'c Candidates<'c>,
    /// Ids that were dated from this instant on are in none of the hours, unless they were dated ahead.
    recent: Option<Timestamp>,
    old: Option<Asks>,
    all: Option<Asks>,
}

impl<'c> Questions<'c> {
    fn new(candidates: &'c Candidates<'c>, last: Option<&Arc<SearchedHour>>) -> Self {
        let recent = last.map(|last| last.manifest.hour().end_exclusive().plus_micros(AHEAD_MICROS));
        Self { candidates, recent, old: None, all: None }
    }

    /// Those of an hour that lists ids dated ahead, or does not.
    fn of(&mut self, lists_ahead: bool) -> &Asks {
        let (candidates, recent) = (self.candidates, self.recent);
        let make = |all: bool| {
            let is_old = |candidate: &Candidate| candidate.date.is_none_or(|date| recent.is_none_or(|at| date < at));
            let asked = candidates.iter().filter(|candidate| all || is_old(candidate));
            let asked = asked.map(|candidate| {
                (Asked { fingerprint: candidates.fingerprint(candidate), date: candidate.date }, *candidate)
            });
            let mut asked: Vec<(Asked, Candidate)> = asked.collect();
            asked.sort_unstable_by_key(|(asked, candidate)| (asked.fingerprint, candidate.row));
            let (asked, candidates) = asked.into_iter().unzip();
            Asks { asked, candidates }
        };
        if lists_ahead {
            self.all.get_or_insert_with(|| make(true))
        } else {
            self.old.get_or_insert_with(|| make(false))
        }
    }
}
