//! What filters are asked about the events of a batch.

use std::sync::Arc;

use clicktrail_log::{
    archive::identities::{AHEAD_MICROS, ASKED_MAX, Asked, SearchedHour},
    invariant,
    time::Timestamp,
};

use crate::fold::candidates::{Candidate, Candidates};

/// Questions in the order of their fingerprints, each once, however many candidates ask it.
#[derive(Debug, Default)]
pub(super) struct Asks {
    asked: Vec<Asked>,
    /// Those of one question stand together.
    candidates: Vec<Candidate>,
    /// Of each question, where its candidates end.
    ends: Vec<usize>,
}

impl Asks {
    /// Of those candidates that `is_asked` takes.
    pub(super) fn of(candidates: &Candidates<'_>, is_asked: impl Fn(&Candidate) -> bool) -> Self {
        let asked = candidates.iter().filter(|candidate| is_asked(candidate)).map(|candidate| {
            (Asked { fingerprint: candidates.fingerprint(candidate), date: candidate.date }, *candidate)
        });
        let mut asked: Vec<(Asked, Candidate)> = asked.collect();
        asked.sort_unstable_by_key(|(asked, candidate)| (asked.fingerprint, asked.date, candidate.row));
        Self::sorted(asked.into_iter())
    }

    /// Of those of these candidates that `is_asked` takes.
    pub(super) fn only(&self, is_asked: impl Fn(&Candidate) -> bool) -> Self {
        let own = |index: usize| self.candidates_of(index).iter().map(move |candidate| (self.asked[index], *candidate));
        Self::sorted((0..self.asked.len()).flat_map(own).filter(|(_, candidate)| is_asked(candidate)))
    }

    fn sorted(asked: impl Iterator<Item = (Asked, Candidate)>) -> Self {
        let mut asks = Self::default();
        for (asked, candidate) in asked {
            if asks.asked.last() != Some(&asked) {
                asks.asked.push(asked);
                asks.ends.push(asks.candidates.len());
            }
            asks.candidates.push(candidate);
            *asks.ends.last_mut().expect("its question is there") += 1;
        }
        invariant!(I5, asks.ends.last().copied().unwrap_or(0) == asks.candidates.len(), "a candidate asks nothing");
        asks
    }

    pub(super) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    /// The questions, as many together as may be asked at once, with the number of the first.
    pub(super) fn chunks(&self) -> impl Iterator<Item = (&[Asked], usize)> {
        self.asked.chunks(ASKED_MAX).zip((0..).step_by(ASKED_MAX))
    }

    /// Who asks a question.
    pub(super) fn candidates_of(&self, question: usize) -> &[Candidate] {
        let begin = question.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.candidates[begin..self.ends[question]]
    }
}

/// The questions of a batch, made when they are needed.
#[derive(Debug)]
pub(super) struct Questions<'c> {
    candidates: &'c Candidates<'c>,
    /// Ids that were dated from this instant on are in none of the hours, unless they were dated ahead.
    recent: Option<Timestamp>,
    old: Option<Asks>,
    all: Option<Asks>,
}

impl<'c> Questions<'c> {
    pub(super) fn new(candidates: &'c Candidates<'c>, last: Option<&Arc<SearchedHour>>) -> Self {
        let recent = last.map(|last| last.manifest.hour().end_exclusive().plus_micros(AHEAD_MICROS));
        Self { candidates, recent, old: None, all: None }
    }

    /// Those of an hour that lists ids dated ahead, or does not.
    pub(super) fn of(&mut self, lists_ahead: bool) -> &Asks {
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
