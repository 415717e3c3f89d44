//! What goes wrong in a run, and how often: each seed mixes its own.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

use super::{dice::Dice, fate::Fate, place::Place};

/// How often what goes wrong, in thousandths of the operations.
#[derive(Debug, Default)]
pub(super) struct Toxics {
    /// An operation takes seconds.
    pub(super) slow: u64,
    /// Nothing is done, and the caller is told so.
    pub(super) refused: u64,
    /// The request or the answer is lost: each so often.
    pub(super) unknown: u64,
    /// The process dies before or after: each so often.
    pub(super) crash: u64,
    /// A frame reaches the log long after its sender gave up.
    pub(super) late: u64,
    /// A frame reaches the log twice.
    pub(super) repeated: u64,
    /// The log is full.
    pub(super) full: u64,
    /// Microseconds by which clocks stand apart.
    pub(super) apart: i64,
    is_calm: AtomicBool,
    is_verbose: bool,
    away: [AtomicBool; Place::ALL.len()],
    /// What is to become of one operation, after so many others.
    planned: Mutex<Option<(usize, Fate)>>,
}

impl Toxics {
    /// Those of a seed. Many have one kind alone, or none: what several together hide, one shows.
    pub(super) fn mixed(dice: &mut Dice) -> Self {
        let mut some = |most: u64| if dice.chance(500) { 0 } else { dice.between(1, most + 1) };
        Self {
            slow: some(40),
            refused: some(60),
            unknown: some(30),
            crash: some(12),
            late: some(120),
            repeated: some(120),
            full: some(60),
            apart: i64::try_from(some(120)).unwrap() * 1_000_000,
            ..Self::default()
        }
    }

    /// Whether nothing goes wrong from now on.
    pub(super) fn set_calm(&self, is_calm: bool) {
        self.is_calm.store(is_calm, Ordering::SeqCst);
        if is_calm {
            Place::ALL.iter().for_each(|place| self.set_away(*place, false));
        }
    }

    pub(super) fn is_calm(&self) -> bool {
        self.is_calm.load(Ordering::SeqCst)
    }

    /// Every operation is noted, not only what goes wrong.
    #[must_use]
    pub(super) fn verbose(mut self) -> Self {
        self.is_verbose = true;
        self
    }

    pub(super) fn is_verbose(&self) -> bool {
        self.is_verbose
    }

    pub(super) fn is_away(&self, place: Place) -> bool {
        self.away[place as usize].load(Ordering::SeqCst)
    }

    /// After so many operations one goes wrong in this way.
    pub(super) fn plan(&self, after: usize, fate: Fate) {
        *self.planned.lock().unwrap() = Some((after, fate));
    }

    /// Whether that is still to come.
    pub(super) fn is_planned(&self) -> bool {
        self.planned.lock().unwrap().is_some()
    }

    /// What was planned for the next operation.
    pub(super) fn next_planned(&self) -> Option<Fate> {
        let mut planned = self.planned.lock().unwrap();
        match planned.as_mut() {
            Some((0, _)) => planned.take().map(|(_, fate)| fate),
            Some((after, _)) => {
                *after -= 1;
                None
            }
            None => None,
        }
    }

    pub(super) fn set_away(&self, place: Place, is_away: bool) {
        self.away[place as usize].store(is_away, Ordering::SeqCst);
    }
}
