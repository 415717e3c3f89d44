//! Originals from before the look-back.
//!
//! The hours between the beginning of the window and that of the look-back are usually sealed, and their identity
//! filters say which part may hold an event; the part says whether it does. What is not sealed yet is read from the
//! log. So a verdict depends on the log alone, however far the archiver has come and whether an hour has its filter.
//!
//! Events that were logged late have farther hours to look into: those whose event times, as their manifests tell them,
//! come near enough.

use std::sync::Arc;

use clicktrail_log::{
    archive::{
        Archive,
        identities::{AHEAD_MICROS, Asked, Identities, SearchedHour},
    },
    log::Log,
    time::{Hour, Timestamp},
};
use tokio::sync::Mutex;

use super::{error::Error, part_rows::PartRows, sealed_hours::SealedHours, unsealed::Unsealed};
use crate::{
    fold::{
        Originals, REWIND_MAX_MICROS,
        candidates::{Candidate, Candidates, Earlier},
    },
    ruleset::Ruleset,
};

/// Looks events up in what was logged before the look-back.
#[derive(Debug)]
pub(super) struct ArchivedOriginals {
    identities: Identities,
    sealed: Mutex<SealedHours>,
    part_rows: Mutex<PartRows>,
    unsealed: Mutex<Unsealed>,
}

impl ArchivedOriginals {
    /// Looks into `archive`, and into `clicks` for what is not sealed. What `rules` set aside is no original.
    pub(super) fn new(clicks: Arc<dyn Log>, archive: Archive, rules: Arc<Ruleset>) -> Self {
        Self {
            identities: Identities::new(archive.clone()),
            sealed: Mutex::new(SealedHours::new(Arc::clone(&clicks), archive.clone())),
            part_rows: Mutex::new(PartRows::new(archive.clone(), Arc::clone(&rules))),
            unsealed: Mutex::new(Unsealed::new(clicks, archive, rules)),
        }
    }

    /// For each of `candidates` and each window, the first event of its identity that lies within the window and before
    /// the look-back and is not set aside, if there is one.
    ///
    /// # Errors
    /// [`Error::NotSealed`] if too much is not sealed to be kept; otherwise as log and archive report.
    pub(super) async fn find(&self, candidates: &Candidates<'_>) -> Result<Originals, Error> {
        let mut found = Originals::none();
        let Some((from, to)) = candidates.span() else { return Ok(found) };
        // A frame whose logged time runs back belongs to a later hour than that time.
        let to = to.plus_micros(REWIND_MAX_MICROS);
        let covered = self.sealed.lock().await.cover(from.hour(), to.hour()).await?;
        let mut questions = Questions::new(candidates, covered.hours.last());
        for hour in covered.hours.iter().filter(|hour| hour.manifest.rows > 0) {
            let asked = questions.of(self.identities.lists_ahead(hour).await?);
            self.search(hour, candidates, asked, &mut found).await?;
        }
        self.search_for_late(candidates, from.hour(), &mut found).await?;
        let mut unsealed = self.unsealed.lock().await;
        let Some(open) = covered.open else {
            unsealed.clear();
            return Ok(found);
        };
        unsealed.read(open, to).await?;
        for candidate in candidates.iter() {
            let earlier = unsealed.find(candidates.identity(candidate));
            note(candidates, candidate, earlier, &mut found);
        }
        Ok(found)
    }

    async fn search(
        &self,
        hour: &SearchedHour,
        candidates: &Candidates<'_>,
        asked: &Asks,
        found: &mut Originals,
    ) -> Result<(), Error> {
        if asked.asked.is_empty() {
            return Ok(());
        }
        let hits = self.identities.find(hour, &asked.asked).await?;
        for of_part in hits.chunk_by(|one, other| one.part == other.part) {
            let part = &hour.manifest.parts[of_part[0].part];
            let index = self.identities.index(part).await?;
            for hit in of_part {
                let candidate = &asked.candidates[hit.asked];
                let same = index.find(candidates.identity(candidate));
                if same.is_empty() {
                    continue;
                }
                let rows = self.part_rows.lock().await.of(part, candidate.is_late()).await?;
                let earlier = same.iter().filter_map(|same| {
                    let row = rows.as_ref().and_then(|rows| rows.get(same.position));
                    let event_time = row.map_or(same.logged_at, |row| row.event_time);
                    let earlier = Earlier { position: same.position, logged_at: same.logged_at, event_time };
                    Some(earlier).filter(|_| row.is_none_or(|row| !row.is_aside))
                });
                note(candidates, candidate, earlier, found);
            }
        }
        Ok(())
    }

    /// Looks for what was logged late in hours before `before`, in which everything else is out of its window.
    async fn search_for_late(
        &self,
        candidates: &Candidates<'_>,
        before: Hour,
        found: &mut Originals,
    ) -> Result<(), Error> {
        let spans = candidates.spans_of_late();
        if spans.is_empty() {
            return Ok(());
        }
        let all = Asks::of(candidates, |candidate| candidate.is_late());
        let mut next = Hour::from_i64(i64::MIN);
        for (from, to) in spans {
            // A frame whose logged time runs back belongs to a later hour than that time.
            let (from, to) = (from.hour().max(next), to.plus_micros(REWIND_MAX_MICROS).hour().next().min(before));
            if from >= to {
                continue;
            }
            next = to;
            let times = self.sealed.lock().await.times(from, to).await?;
            for (hour, event_times) in times {
                let asked = all.only(|candidate| candidates.may_be_among(candidate, event_times));
                if !asked.asked.is_empty() {
                    let hour = self.sealed.lock().await.hour(hour).await?;
                    self.search(&hour, candidates, &asked, found).await?;
                }
            }
        }
        Ok(())
    }
}

/// Notes the first of some events of a candidate's identity, which come in log order, that each window sees.
fn note(
    candidates: &Candidates<'_>,
    candidate: &Candidate,
    earlier: impl Iterator<Item = Earlier> + Clone,
    found: &mut Originals,
) {
    for window in candidates.windows() {
        let mut earlier = earlier.clone();
        let original = earlier.find(|earlier| candidates.is_seen(candidate, *window, earlier));
        if let Some(original) = original {
            found.add(candidate.row, *window, original.position);
        }
    }
}

/// What filters are asked: candidates in the order of their fingerprints.
struct Asks {
    asked: Vec<Asked>,
    candidates: Vec<Candidate>,
}

impl Asks {
    /// Those that `is_asked` takes.
    fn of(candidates: &Candidates<'_>, is_asked: impl Fn(&Candidate) -> bool) -> Self {
        let asked = candidates.iter().filter(|candidate| is_asked(candidate)).map(|candidate| {
            (Asked { fingerprint: candidates.fingerprint(candidate), date: candidate.date }, *candidate)
        });
        let mut asked: Vec<(Asked, Candidate)> = asked.collect();
        asked.sort_unstable_by_key(|(asked, candidate)| (asked.fingerprint, candidate.row));
        let (asked, candidates) = asked.into_iter().unzip();
        Self { asked, candidates }
    }

    /// Those of them that `is_asked` takes, in the same order.
    fn only(&self, is_asked: impl Fn(&Candidate) -> bool) -> Self {
        let both = self.asked.iter().zip(&self.candidates).filter(|(_, candidate)| is_asked(candidate));
        let (asked, candidates) = both.map(|(asked, candidate)| (*asked, *candidate)).unzip();
        Self { asked, candidates }
    }
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
            Asks::of(candidates, |candidate| all || is_old(candidate))
        };
        if lists_ahead {
            self.all.get_or_insert_with(|| make(true))
        } else {
            self.old.get_or_insert_with(|| make(false))
        }
    }
}
