//! The log's clock as a fold sees it: how far logged time has come, when it jumped ahead, and when it ran back.
//!
//! A logged time far ahead of the one before is one of two things: nothing was logged for a while, or the log's clock
//! was wrong. Only what is logged later tells. So nothing is forgotten because of a jump until the log has gone on from
//! there for as long as any event looks back. If it runs back instead, what was logged ahead is *dated back*: for
//! later events it stands where the log stood before.

use std::{collections::VecDeque, time::Duration};

use clicktrail_log::{invariant, position::Position};

use crate::{
    detector::{frames::DatedBack, rows::Rows},
    ruleset::limits::LOOK_BACK_SECONDS_MAX,
};

/// How far a log's wall clock may run backwards between frames without changing any finding: state outlives the
/// look-back by so much. What is logged farther ahead than this is a jump.
pub const REWIND_MAX: Duration = Duration::from_micros(REWIND_MAX_MICROS.unsigned_abs());
pub(crate) const REWIND_MAX_MICROS: i64 = 600_000_000;

const _: () = assert!(0 < REWIND_MAX_MICROS && REWIND_MAX_MICROS < LOOK_BACK_SECONDS_MAX * 1_000_000);

/// Events whose look-back reaches into what is forgotten, because the log's clock went on for long and then ran back by
/// more than [`REWIND_MAX`]: for them, and only for them, a replay may find something else. A person should look at the
/// broker's clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rewinds {
    /// How many events.
    pub events: u64,
    /// The first of them, and how far it lies behind the latest logged time before it, in microseconds.
    pub first: Option<(Position, i64)>,
}

/// Jumps that may be in doubt at a time. Of more, the first is believed: before as many are needed, it is settled.
const JUMPS_MAX: usize = 16;
const _: () = assert!(
    LOOK_BACK_SECONDS_MAX * 1_000_000 / REWIND_MAX_MICROS + 2 < 16,
    "the first of so many jumps, each of which counts as little as it can, is settled"
);

/// A jump ahead that may be a mistake of the clock.
#[derive(Debug, Clone, Copy)]
struct Jump {
    /// The latest time before it.
    before: i64,
    landed: i64,
}

impl Jump {
    /// By how much it is more than what is no jump.
    fn excess(&self) -> i64 {
        self.landed.saturating_sub(self.before).saturating_sub(REWIND_MAX_MICROS)
    }
}

/// What was forgotten before the clock ran back.
#[derive(Debug, Clone, Copy)]
struct Forgotten {
    /// As if the log had come so far.
    at: i64,
    /// Later events look back to what was logged since.
    until: i64,
}

/// The logged times seen so far.
#[derive(Debug)]
pub(crate) struct LoggedClock {
    look_back_micros: i64,
    /// The latest so far; `None` before the first event.
    latest: Option<i64>,
    /// Those in doubt, in log order.
    jumps: VecDeque<Jump>,
    forgotten: Option<Forgotten>,
    rewinds: Rewinds,
}

impl LoggedClock {
    pub(crate) fn new(look_back_micros: i64) -> Self {
        Self { look_back_micros, latest: None, jumps: VecDeque::new(), forgotten: None, rewinds: Rewinds::default() }
    }

    /// How far the log has certainly come, in microseconds; `None` before the first event.
    pub(crate) fn certain(&self) -> Option<i64> {
        self.jumps.front().map_or(self.latest, |jump| Some(jump.before))
    }

    /// Believes the jumps that are in doubt: there is no memory to wait for more.
    pub(super) fn believe(&mut self) {
        self.jumps.clear();
    }

    /// What ran backwards too far.
    pub(super) fn rewinds(&self) -> Rewinds {
        self.rewinds
    }

    /// Takes in the logged times of the next rows. Returns the rows before which the log ran back, and what was logged
    /// ahead of it then.
    pub(crate) fn watch(&mut self, rows: &Rows<'_>) -> Vec<(usize, DatedBack)> {
        let times = rows.positions.iter().zip(rows.logged).enumerate();
        times.filter_map(|(row, (position, logged))| Some((row, self.see(*position, *logged)?))).collect()
    }

    fn see(&mut self, position: Position, logged: i64) -> Option<DatedBack> {
        let latest = *self.latest.get_or_insert(logged);
        let ran_back = logged < latest.saturating_sub(REWIND_MAX_MICROS);
        let dated_back = ran_back.then(|| self.run_back(latest, logged));
        // From where the log stands now: it may run back from one mistake to another.
        let stands = self.latest.unwrap_or(latest);
        if logged > stands.saturating_add(REWIND_MAX_MICROS) {
            if self.jumps.len() == JUMPS_MAX {
                self.jumps.pop_front();
            }
            self.jumps.push_back(Jump { before: stands, landed: logged });
        }
        self.latest = self.latest.max(Some(logged));
        self.settle();
        let is_lost =
            |forgotten: &Forgotten| logged < forgotten.at.saturating_sub(REWIND_MAX_MICROS) && logged < forgotten.until;
        if self.forgotten.as_ref().is_some_and(is_lost) {
            self.rewinds.events += 1;
            self.rewinds.first.get_or_insert((position, latest.saturating_sub(logged)));
        }
        dated_back
    }

    /// Goes back to before the jumps that landed behind `logged`: these were mistakes.
    fn run_back(&mut self, latest: i64, logged: i64) -> DatedBack {
        let above = logged.saturating_add(REWIND_MAX_MICROS);
        let certain = self.certain().unwrap_or(latest);
        if logged < certain.saturating_sub(REWIND_MAX_MICROS) {
            let until = above.saturating_add(self.look_back_micros);
            self.forgotten = Some(Forgotten { at: certain, until });
        }
        let mut to = above;
        while let Some(mistake) = self.jumps.pop_back_if(|jump| jump.landed > above) {
            to = to.min(mistake.before);
        }
        invariant!(I5, to < latest, "what was logged up to {latest} is dated back to {to}");
        self.latest = Some(to);
        // Nothing before these mistakes was logged later than that.
        DatedBack { to }
    }

    /// A jump is no mistake once the log has gone on from there, bit by bit, for as long as any event looks back.
    fn settle(&mut self) {
        let Some(latest) = self.latest else { return };
        let enough = self.look_back_micros.saturating_add(REWIND_MAX_MICROS);
        while let Some(first) = self.jumps.front() {
            let leaps = self.jumps.iter().skip(1).fold(0_i64, |sum, jump| sum.saturating_add(jump.excess()));
            if latest.saturating_sub(first.landed).saturating_sub(leaps) < enough {
                break;
            }
            self.jumps.pop_front();
        }
    }
}
