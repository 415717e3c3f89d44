//! A period: a month or an ISO week of a zone, frozen as two instants.
//!
//! A period begins at the first instant at which local clocks show its first day or a later one, and ends where the
//! next one begins. So the periods of a zone follow each other without a gap, and every instant is in exactly one:
//! - Where the calendar left the first day out, the period begins when clocks were put forward over it.
//! - Where clocks were put back over midnight of the first day, they showed it, went back into the old month, and
//!   showed it again. The period begins at the first time. What happened in the hour after is of the new period,
//!   although clocks showed a date of the old one: one boundary, chosen once.
//!
//! Counters are kept by whole minutes of UTC. A boundary inside a minute, as Monrovia had until 1972, is refused.

mod name;

use std::fmt;

use chrono::{DateTime, NaiveDate};
use clicktrail_log::{
    time::{Hour, Timestamp},
    zone::{DAY, Zone, instant, second, show},
};

pub use name::{Cycle, PeriodName};
pub(crate) use name::{date, days};

use crate::error::Error;

const MINUTE_MICROS: i64 = 60_000_000;

/// A period as it was frozen: a later time zone table never moves it.
#[derive(Clone, PartialEq, Eq)]
pub struct Period {
    /// Which month or week.
    pub name: PeriodName,
    /// The IANA zone whose calendar it is of.
    pub zone: String,
    /// The first instant: a whole minute.
    pub from: Timestamp,
    /// The first instant behind it: a whole minute.
    pub to: Timestamp,
    /// The version of the time zone table that gave the instants, as in `2025b`.
    pub tzdb: String,
}

impl Period {
    /// The period of a zone, by the table that this program was built with.
    ///
    /// # Errors
    /// [`Error::Period`] if there is no such zone, or a boundary is not a whole minute.
    pub fn of(name: PeriodName, zone: &str) -> Result<Self, Error> {
        let table = iana(zone)?;
        let whole = name.whole();
        let from = boundary(name, whole.first_day(), &table)?;
        let to = boundary(name, name.day_behind(), &table)?;
        let tzdb = chrono_tz::IANA_TZDB_VERSION.to_owned();
        Self { name: whole, zone: zone.to_owned(), from, to, tzdb }.named(name)
    }

    /// The same month or week, begun where this name of it says.
    ///
    /// # Errors
    /// [`Error::Period`] if nothing of it would be left, or as [`Period::of`].
    pub fn named(self, name: PeriodName) -> Result<Self, Error> {
        let from = match name.minutes() {
            None if name.is_whole() => self.from,
            None => boundary(name, name.first_day(), &iana(&self.zone)?)?,
            Some(minutes) => self.from.plus_micros(i64::from(minutes) * MINUTE_MICROS),
        };
        match from < self.to {
            true => Ok(Self { name, from, ..self }),
            false => Err(Error::Period(format!("{name} in {} would begin behind its end", self.zone))),
        }
    }

    /// The same month or week, begun at another instant: by the day if its clocks begin one then, else by the minute.
    ///
    /// # Errors
    /// [`Error::Period`] if that is no whole minute, or nothing of it would be left, or as [`Period::of`].
    pub fn begun_at(&self, at: Timestamp) -> Result<Self, Error> {
        if at == self.from {
            return Ok(self.clone());
        }
        let none = || Error::Period(format!("{self} cannot begin at {at}"));
        let day = local_date(&self.zone, at)?;
        let of_day = match self.name.from_day(day) {
            Some(name) if boundary(name, day, &iana(&self.zone)?)? == at => Some(name),
            Some(_) | None => None,
        };
        let later = at.micros().saturating_sub(self.from.micros());
        let is_usable = self.name.is_whole() && later % MINUTE_MICROS == 0;
        let name = of_day.or_else(|| self.name.begun_later(later / MINUTE_MICROS)).filter(|_| is_usable);
        self.clone().named(name.ok_or_else(none)?).map_err(|_| none())
    }

    /// The period of a zone that holds an instant.
    ///
    /// # Errors
    /// As [`Period::of`], and if the instant is not in the years of periods.
    pub fn at(cycle: Cycle, zone: &str, at: Timestamp) -> Result<Self, Error> {
        let outside = || Error::Period(format!("no period holds {at}"));
        let day = local_date(zone, at)?;
        let period = Self::of(PeriodName::of(cycle, day).ok_or_else(outside)?, zone)?;
        // Clocks that were put back into the old period show its date again, behind its end.
        match at < period.to {
            true => Ok(period),
            false => Self::of(period.name.next().ok_or_else(outside)?, zone),
        }
    }

    /// Whether an instant is in it.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    /// The hours of UTC that it has a part of, in order. The first and the last may be cut: zones have offsets with
    /// half and quarter hours.
    pub fn hours(&self) -> impl Iterator<Item = Hour> + use<> {
        let (first, last) = (self.from.hour(), self.to.plus_micros(-1).hour());
        (first.as_i64()..=last.as_i64()).map(Hour::from_i64)
    }
}

impl fmt::Display for Period {
    /// As in `2026-03 Europe/Berlin`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.zone)
    }
}

impl fmt::Debug for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} [{}, {}) by {}", self.from, self.to, self.tzdb)
    }
}

/// The date that a zone's clocks show at an instant: of an invoice that is issued then.
///
/// # Errors
/// [`Error::Period`] if there is no such zone.
pub fn local_date(zone: &str, at: Timestamp) -> Result<NaiveDate, Error> {
    let at = second(at);
    let wall = at.saturating_add(iana(zone)?.ahead(at));
    let shown = DateTime::from_timestamp(wall, 0).map(|time| time.date_naive());
    shown.ok_or_else(|| Error::Period(format!("no calendar has the second {at}")))
}

/// Checks that a zone has an IANA name. A fixed offset is none: it would not follow the clocks of the account.
///
/// # Errors
/// [`Error::Period`] says what to write.
pub fn iana(zone: &str) -> Result<Zone, Error> {
    let known = zone.parse::<chrono_tz::Tz>().ok().and_then(|_| zone.parse().ok());
    known.ok_or_else(|| Error::Period(format!("{zone:?} is not a time zone: use an IANA name, as in Europe/Berlin")))
}

fn boundary(name: PeriodName, day: NaiveDate, zone: &Zone) -> Result<Timestamp, Error> {
    let pieces = zone.not_before(days(day) * DAY);
    let first = pieces.first().expect("every clock shows every day or a later one").start;
    match first.rem_euclid(60) {
        0 => Ok(instant(first)),
        _ => Err(Error::Period(format!(
            "{name} in {zone} begins or ends at {}, but counters are kept by whole minutes of UTC",
            show(first, 0)
        ))),
    }
}

#[cfg(test)]
mod tests;
