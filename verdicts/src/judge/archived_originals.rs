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
        identities::{Identities, PartIndex, SearchedHour},
        manifest::Part,
    },
    identity::Identity,
    log::Log,
    time::Hour,
};
use tokio::sync::Mutex;

use super::{
    asks::{Asks, Questions},
    error::Error,
    part_rows::PartRows,
    same::{Same, original},
    sealed_hours::SealedHours,
    unsealed::Unsealed,
};
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
        // Hours are looked into in the order of the log, so what is found first is the original.
        self.search_for_late(candidates, from.hour(), &mut found).await?;
        let mut questions = Questions::new(candidates, covered.hours.last());
        for hour in covered.hours.iter().filter(|hour| hour.manifest.rows > 0) {
            let asked = questions.of(self.identities.lists_ahead(hour).await?);
            self.search(hour, candidates, asked, &mut found).await?;
        }
        let mut unsealed = self.unsealed.lock().await;
        let Some(open) = covered.open else {
            unsealed.clear();
            return Ok(found);
        };
        unsealed.read(open, to).await?;
        for candidate in candidates.iter() {
            if is_settled(candidates, candidate, &found) {
                continue;
            }
            let earlier = unsealed.find(candidates.identity(candidate));
            for window in candidates.windows() {
                if let Some(original) = original(candidates, candidate, *window, earlier.clone()) {
                    found.add(candidate.row, *window, original.position);
                }
            }
        }
        Ok(found)
    }

    async fn search(
        &self,
        hour: &SearchedHour,
        candidates: &Candidates<'_>,
        asks: &Asks,
        found: &mut Originals,
    ) -> Result<(), Error> {
        for (asked, first) in asks.chunks() {
            let hits = self.identities.find(hour, asked).await?;
            for of_part in hits.chunk_by(|one, other| one.part == other.part) {
                let part = &hour.manifest.parts[of_part[0].part];
                let index = self.identities.index(part).await?;
                for hit in of_part {
                    let who = asks.candidates_of(first + hit.asked);
                    self.look((hour.manifest.hour(), part), &index, candidates, who, found).await?;
                }
            }
        }
        Ok(())
    }

    /// Looks for some candidates, which may be the same event, in a part of an hour that may hold it.
    async fn look(
        &self,
        (hour, part): (Hour, &Part),
        index: &PartIndex,
        candidates: &Candidates<'_>,
        who: &[Candidate],
        found: &mut Originals,
    ) -> Result<(), Error> {
        let mut known: Option<(Identity, Same)> = None;
        for candidate in who {
            if is_settled(candidates, candidate, found) {
                continue;
            }
            let identity = candidates.identity(candidate);
            if known.as_ref().is_none_or(|(of, _)| *of != identity) {
                let asks_for_times = who.iter().any(Candidate::is_late);
                known = Some((identity, self.same((hour, part), index, identity, asks_for_times).await?));
            }
            let same = known.as_ref().map(|(_, same)| same).filter(|same| !same.is_empty());
            for window in candidates.windows() {
                if let Some(original) = same.and_then(|same| same.original(candidates, candidate, *window)) {
                    found.add(candidate.row, *window, original.position);
                }
            }
        }
        Ok(())
    }

    /// The events of an identity in a part that are not set aside.
    async fn same(
        &self,
        (hour, part): (Hour, &Part),
        index: &PartIndex,
        identity: Identity,
        asks_for_times: bool,
    ) -> Result<Same, Error> {
        let same = index.find(identity);
        if same.is_empty() {
            return Ok(Same::new(Vec::new()));
        }
        let rows = self.part_rows.lock().await.of(part, asks_for_times).await?;
        let earlier = same.iter().filter_map(|same| {
            let row = rows.as_ref().and_then(|rows| rows.get(same.position));
            let event_time = row.map_or(same.logged_at, |row| row.event_time);
            // An hour ends before what is logged past it, unless that is of the future. What of it state has forgotten
            // may be found here as well.
            let is_ahead = same.logged_at >= hour.end_exclusive();
            let logged_at = if is_ahead { hour.start() } else { same.logged_at };
            let earlier = Earlier { position: same.position, logged_at, event_time };
            Some(earlier).filter(|_| row.is_none_or(|row| !row.is_aside))
        });
        Ok(Same::new(earlier.collect()))
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
                if !asked.is_empty() {
                    let hour = self.sealed.lock().await.hour(hour).await?;
                    self.search(&hour, candidates, &asked, found).await?;
                }
            }
        }
        Ok(())
    }
}

/// Whether the original of a candidate is known for every window. Everything before it was looked through.
fn is_settled(candidates: &Candidates<'_>, candidate: &Candidate, found: &Originals) -> bool {
    candidates.windows().iter().all(|window| found.get(candidate.row, *window).is_some())
}
