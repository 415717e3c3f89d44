//! Periods that were frozen, and what is between them.

use std::collections::BTreeMap;

use clicktrail_log::time::Timestamp;

use crate::{
    error::Error,
    period::{Cycle, Period, PeriodName},
};

/// Periods by name and zone, as they were frozen.
#[derive(Debug, Clone, Default)]
pub struct Frozen {
    periods: BTreeMap<(PeriodName, String), Period>,
}

impl Frozen {
    /// Adds one. Nothing can be frozen twice, so it replaces none.
    pub fn insert(&mut self, period: Period) {
        self.periods.entry((period.name, period.zone.clone())).or_insert(period);
    }

    /// As it was frozen.
    pub fn get(&self, name: PeriodName, zone: &str) -> Option<&Period> {
        self.periods.get(&(name, zone.to_owned()))
    }

    /// The period of a zone: as it was frozen; else by the table that this program was built with, but beginning where
    /// the frozen one before it ended, and ending where the frozen one behind it begins. So another edition of the
    /// table leaves no gap and no overlap between what is frozen and what is not.
    ///
    /// # Errors
    /// As [`Period::of`], and if nothing is left between the two.
    pub fn of(&self, name: PeriodName, zone: &str) -> Result<Period, Error> {
        if let Some(frozen) = self.get(name, zone) {
            return Ok(frozen.clone());
        }
        if !name.is_whole() {
            return self.of(name.whole(), zone)?.named(name);
        }
        let mut period = Period::of(name, zone)?;
        if let Some(before) = name.previous().and_then(|before| self.get(before, zone)) {
            period.from = before.to;
        }
        if let Some(behind) = name.next().and_then(|behind| self.get(behind, zone)) {
            period.to = behind.from;
        }
        match period.from < period.to {
            true => Ok(period),
            false => Err(Error::Period(format!("nothing is left of {period} between the frozen ones beside it"))),
        }
    }

    /// The period of a zone that holds an instant, as [`of`](Self::of) gives it.
    ///
    /// # Errors
    /// As [`of`](Self::of) and [`Period::at`].
    pub fn at(&self, cycle: Cycle, zone: &str, at: Timestamp) -> Result<Period, Error> {
        let named = self.of(Period::at(cycle, zone, at)?.name, zone)?;
        let beside = match (at < named.from, at < named.to) {
            (true, _) => named.name.previous(),
            (false, false) => named.name.next(),
            (false, true) => return Ok(named),
        };
        let outside = || Error::Period(format!("no period holds {at}"));
        self.of(beside.ok_or_else(outside)?, zone)
    }
}
