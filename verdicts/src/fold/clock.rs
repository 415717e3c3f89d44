//! The log's clock as a fold sees it: the latest logged time, and how far logged times ran backwards.

use std::time::Duration;

use clicktrail_log::position::Position;

use crate::{detector::rows::Rows, ruleset::limits::LOOK_BACK_SECONDS_MAX};

/// How far a log's wall clock may run backwards between frames without changing any finding: state outlives the
/// look-back by so much.
pub const REWIND_MAX: Duration = Duration::from_micros(REWIND_MAX_MICROS.unsigned_abs());
pub(crate) const REWIND_MAX_MICROS: i64 = 600_000_000;

const _: () = assert!(0 < REWIND_MAX_MICROS && REWIND_MAX_MICROS < LOOK_BACK_SECONDS_MAX * 1_000_000);

/// Frames whose logged time ran backwards by more than [`REWIND_MAX`]: for them, and only for them, a replay may find
/// something else. A person should look at the broker's clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rewinds {
    /// How many events.
    pub events: u64,
    /// The first of them, and how far it lies behind the latest logged time before it, in microseconds.
    pub first: Option<(Position, i64)>,
}

/// The logged times seen so far.
#[derive(Debug, Default)]
pub(super) struct LoggedClock {
    /// The latest so far; `None` before the first event.
    latest: Option<i64>,
    rewinds: Rewinds,
}

impl LoggedClock {
    /// The latest logged time, in microseconds; `None` before the first event.
    pub(super) fn latest(&self) -> Option<i64> {
        self.latest
    }

    /// What ran backwards too far.
    pub(super) fn rewinds(&self) -> Rewinds {
        self.rewinds
    }

    /// Takes in the logged times of the next rows.
    pub(super) fn watch(&mut self, rows: &Rows<'_>) {
        for (position, logged) in rows.positions.iter().zip(rows.logged) {
            let latest = self.latest.unwrap_or(*logged);
            let behind = latest.saturating_sub(*logged);
            if behind > REWIND_MAX_MICROS {
                self.rewinds.events += 1;
                self.rewinds.first.get_or_insert((*position, behind));
            }
            self.latest = Some(latest.max(*logged));
        }
    }
}
