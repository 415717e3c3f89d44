//! The gate: every operation of a role on a log, the archive or the catalog passes one, and here it is decided by seed
//! what becomes of it.
//!
//! These operations are all that a role does to the world. A process that dies at any await leaves what it would leave
//! if it died before or after one of them, so it dies here. The effect of an operation is made in one piece, with no
//! await in it: nothing else happens in between.
//!
//! **Lanes.** Virtual time has milliseconds, and each role has one of ten to itself: whatever wakes a role up does so
//! at a time that ends in its digit, because the pauses of the roles themselves are multiples of ten milliseconds. So
//! in one millisecond only one role runs, whatever threads work for it, and the same seed gives the same order.

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use super::{dice::Dice, fate::Fate, journal::Journal, place::Place, toxics::Toxics};

/// Milliseconds in which each role has one.
pub(super) const LANES: u64 = 10;

/// A process from one start to its death.
#[derive(Debug, Default)]
pub(super) struct Process {
    is_dead: AtomicBool,
    died: Notify,
}

impl Process {
    pub(super) fn die(&self) {
        self.is_dead.store(true, Ordering::SeqCst);
        self.died.notify_one();
    }

    /// Returns once it is dead.
    pub(super) async fn died(&self) {
        while !self.is_dead.load(Ordering::SeqCst) {
            self.died.notified().await;
        }
    }
}

/// What became of an operation, as its caller learns it.
#[derive(Debug)]
pub(super) enum Outcome<T> {
    Done(T),
    /// Nothing was done.
    Refused,
    /// It was done or not.
    Unknown,
}

/// The gate of one role in one process.
#[derive(Debug)]
pub(super) struct Gate {
    name: String,
    lane: u64,
    process: Arc<Process>,
    journal: Arc<Journal>,
    toxics: Arc<Toxics>,
    dice: Mutex<Dice>,
}

impl Gate {
    pub(super) fn new(
        name: String,
        lane: u64,
        process: Arc<Process>,
        journal: Arc<Journal>,
        toxics: Arc<Toxics>,
        dice: Dice,
    ) -> Self {
        assert!(lane < LANES, "there are {LANES} lanes");
        Self { name, lane, process, journal, toxics, dice: Mutex::new(dice) }
    }

    /// Waits for about so many milliseconds, and wakes in the role's lane.
    pub(super) async fn pause(&self, millis: u64) {
        pause(&self.journal, self.lane, millis).await;
    }

    /// True so many times in a thousand, as long as toxics are on.
    pub(super) fn chance(&self, permille: u64) -> bool {
        !self.toxics.is_calm() && self.dice.lock().unwrap().chance(permille)
    }

    pub(super) fn between(&self, from: u64, to: u64) -> u64 {
        self.dice.lock().unwrap().between(from, to)
    }

    pub(super) fn toxics(&self) -> &Toxics {
        &self.toxics
    }

    pub(super) fn note(&self, what: &str) {
        self.journal.note(&format!("{} {what}", self.name));
    }

    /// What a dead process still does has no effect: it goes no further than here.
    async fn alive(&self) {
        if self.process.is_dead.load(Ordering::SeqCst) {
            pending::<()>().await;
        }
    }

    /// Has an operation done, or not. What a thread needs in the midst of its work is done at once: virtual time stands
    /// still until the thread is ready.
    pub(super) async fn pass<T>(&self, place: Place, what: &str, effect: impl FnOnce() -> T) -> Outcome<T> {
        if !self.journal.is_on_its_thread() {
            return Outcome::Done(effect());
        }
        self.alive().await;
        let (delay, fate) = self.decide(place);
        self.pause(delay).await;
        self.alive().await;
        if fate != Fate::Done || self.toxics.is_verbose() {
            self.note(&format!("{} {what}: {fate:?}", place.as_str()));
        }
        match fate {
            Fate::Done => Outcome::Done(effect()),
            Fate::Refused => Outcome::Refused,
            Fate::LostRequest => Outcome::Unknown,
            Fate::LostAnswer => {
                effect();
                Outcome::Unknown
            }
            Fate::CrashBefore => {
                self.process.die();
                pending().await
            }
            Fate::CrashAfter => {
                effect();
                self.process.die();
                pending().await
            }
        }
    }

    /// How long an operation takes, and what becomes of it.
    fn decide(&self, place: Place) -> (u64, Fate) {
        let mut dice = self.dice.lock().unwrap();
        let delay = dice.between(1, 30);
        if let Some(fate) = self.toxics.next_planned() {
            return (delay, fate);
        }
        if self.toxics.is_calm() {
            return (delay, Fate::Done);
        }
        if self.toxics.is_away(place) {
            // It is refused at once, or nobody answers.
            return if dice.chance(700) {
                (delay, Fate::Refused)
            } else {
                (dice.between(500, 4_000), Fate::LostRequest)
            };
        }
        let delay = if dice.chance(self.toxics.slow) { dice.between(100, 5_000) } else { delay };
        let fates = [
            (self.toxics.crash, Fate::CrashBefore),
            (self.toxics.crash, Fate::CrashAfter),
            (self.toxics.refused, Fate::Refused),
            (self.toxics.unknown, Fate::LostRequest),
            (self.toxics.unknown, Fate::LostAnswer),
        ];
        let roll = dice.roll(1_000);
        let mut below = 0;
        for (permille, fate) in fates {
            below += permille;
            if roll < below {
                return (delay, fate);
            }
        }
        (delay, Fate::Done)
    }
}

/// Waits for about so many milliseconds, and wakes in a lane.
pub(super) async fn pause(journal: &Journal, lane: u64, millis: u64) {
    let earliest = journal.millis() + millis.max(1);
    let target = earliest + (lane + LANES - earliest % LANES) % LANES;
    tokio::time::sleep_until(journal.begun() + Duration::from_millis(target)).await;
}
