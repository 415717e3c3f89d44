//! The periods of one account, through all changes of its cycle and zone: each begins where the one before it ended.
//!
//! A version of terms with another cycle or zone takes effect with the first period that begins on its first day or
//! later; the period that is under way ends as it was agreed. Periods of two cycles or zones do not end together. So
//! the first one of the new kind begins elsewhere than its month or week: where the last one of the old kind ended
//! (decision 0072). If no more than a day and a half is left of that month or week, it is added to the next one.

mod frozen;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use clicktrail_log::time::Timestamp;

pub use frozen::Frozen;

use crate::{
    error::Error,
    period::{Cycle, Period, PeriodName, date, local_date},
    terms::Terms,
};

/// What is left of a month or week and no longer than this is no period of its own: after a change of zone some hours
/// would be, and each with a minimum.
const SHORTEST_MICROS: i64 = 36 * 3_600_000_000;

/// A version of an account's terms, as far as it decides which periods there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Which.
    pub version: u32,
    /// The first day that it is valid on.
    pub valid_from: NaiveDate,
    /// How often is billed.
    pub cycle: Cycle,
    /// By whose clocks.
    pub zone: String,
}

impl Version {
    /// Of terms.
    pub fn of(version: u32, terms: &Terms) -> Self {
        let Terms { valid_from, cycle, zone, .. } = terms;
        Self { version, valid_from: *valid_from, cycle: *cycle, zone: zone.clone() }
    }
}

/// A stretch of an account's time with one cycle and zone: its periods.
#[derive(Debug, Clone)]
struct Stretch {
    cycle: Cycle,
    zone: String,
    /// The first day that terms which say so are valid on.
    from_day: NaiveDate,
    /// The first period; not whole if the stretch before it ended elsewhere.
    first: PeriodName,
    /// The last one; `None`: there is no other stretch behind it.
    last: Option<PeriodName>,
}

/// The periods of one account.
#[derive(Debug, Clone)]
pub struct Calendar {
    /// By the first day that each is valid on: of one day the last version.
    versions: BTreeMap<NaiveDate, Version>,
    /// In order. Only those that have a period.
    stretches: Vec<Stretch>,
}

/// One period of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place<'c> {
    /// The terms that apply.
    pub version: u32,
    /// The zone.
    pub zone: &'c str,
    /// Whether they begin inside the period, because none were valid before.
    pub begins_later: bool,
    /// The account's period before it, with its zone; `None`: it is the first.
    pub before: Option<(PeriodName, &'c str)>,
    /// Whether the one before it has another cycle or zone.
    pub is_changed: bool,
}

impl Calendar {
    /// Of all versions of an account's terms, in any order.
    ///
    /// # Errors
    /// As [`Frozen::of`].
    pub fn of(versions: impl IntoIterator<Item = Version>, frozen: &Frozen) -> Result<Self, Error> {
        let mut by_day: BTreeMap<NaiveDate, Version> = BTreeMap::new();
        for version in versions {
            let there = by_day.entry(version.valid_from).or_insert_with(|| version.clone());
            if there.version < version.version {
                *there = version;
            }
        }
        let mut kinds: Vec<&Version> = by_day.values().collect();
        kinds.dedup_by(|next, last| (next.cycle, &next.zone) == (last.cycle, &last.zone));
        let mut stretches: Vec<Stretch> = Vec::new();
        for (at, kind) in kinds.iter().enumerate() {
            let ends = kinds.get(at + 1).map(|next| next.valid_from);
            let made = stretch(kind, ends, stretches.last(), frozen)?;
            stretches.extend(made);
        }
        Ok(Self { versions: by_day, stretches })
    }

    /// Whether this is one of the account's periods, and what applies to it.
    pub fn place(&self, name: PeriodName) -> Option<Place<'_>> {
        let (at, stretch) = self.stretches.iter().enumerate().find(|(_, stretch)| stretch.has(name))?;
        let is_first = name == stretch.first;
        let earlier = at.checked_sub(1).map(|at| &self.stretches[at]).filter(|_| is_first);
        let is_changed =
            earlier.is_some_and(|earlier| (earlier.cycle, &earlier.zone) != (stretch.cycle, &stretch.zone));
        let before = match (is_first, earlier) {
            (true, Some(earlier)) => earlier.last.map(|last| (last, earlier.zone.as_str())),
            (true, None) => None,
            (false, _) => name.previous().map(|before| {
                let is_first = before == stretch.first.whole();
                (if is_first { stretch.first } else { before }, stretch.zone.as_str())
            }),
        };
        // Where the one before ended in an earlier zone, this one's clocks may still show the day before.
        let day = if at == 0 { name.first_day() } else { name.first_day().max(stretch.from_day) };
        let valid = self.versions.range(..=day).next_back();
        let applied = valid.or_else(|| self.versions.range(..=name.last_day()).next());
        let version = applied?.1.version;
        Some(Place { version, zone: &stretch.zone, begins_later: valid.is_none(), before, is_changed })
    }

    /// The part of a month or week that is the account's first period of its kind, if it is not all of it.
    pub fn part(&self, whole: PeriodName) -> Option<PeriodName> {
        let mut firsts = self.stretches.iter().map(|stretch| stretch.first);
        firsts.find(|first| *first != whole && first.whole() == whole)
    }

    /// Whether no terms are valid on any day of a period.
    pub fn begins_behind(&self, name: PeriodName) -> bool {
        self.versions.range(..=name.last_day()).next().is_none()
    }
}

impl Stretch {
    fn has(&self, name: PeriodName) -> bool {
        let is_behind = |last: PeriodName| name.whole() > last.whole();
        let is_of_it = name.cycle() == self.cycle && !self.last.is_some_and(is_behind);
        is_of_it && (name == self.first || (name.is_whole() && name > self.first.whole()))
    }
}

/// The periods of terms whose first day this is, until those begin that are valid from `ends` on; `None`: none begins
/// in that time.
fn stretch(
    kind: &Version,
    ends: Option<NaiveDate>,
    before: Option<&Stretch>,
    frozen: &Frozen,
) -> Result<Option<Stretch>, Error> {
    let Version { cycle, zone, valid_from, .. } = kind;
    let named = |day: NaiveDate| PeriodName::of(*cycle, day.max(date("1970-01-01").expect("it is a date")));
    let first = match before {
        None => named(*valid_from),
        Some(before) => {
            // Another stretch begins behind it, so it has a last one.
            let last = before.last.unwrap_or(before.first);
            let end = frozen.of(last.whole(), &before.zone)?.to;
            let first = begun_at(end, *cycle, zone, frozen)?;
            let day = local_date(zone, end)?.max(first.name.whole().first_day()).max(*valid_from);
            Some(first.name).filter(|_| ends.is_none_or(|ends| day < ends))
        }
    };
    let Some(first) = first else { return Ok(None) };
    let last = ends.and_then(|ends| named(ends.pred_opt()?));
    // The first one may be of a later month than the last day of this kind.
    let last = last.map(|last| if last <= first.whole() { first } else { last });
    let from_day = *valid_from;
    Ok(Some(Stretch { cycle: *cycle, zone: zone.clone(), from_day, first, last }))
}

/// The first period of a kind that begins where another one ended.
fn begun_at(end: Timestamp, cycle: Cycle, zone: &str, frozen: &Frozen) -> Result<Period, Error> {
    let holds = frozen.at(cycle, zone, end)?;
    let left = holds.to.micros().saturating_sub(end.micros());
    if end == holds.from || left > SHORTEST_MICROS {
        return holds.begun_at(end);
    }
    let outside = || Error::Period(format!("no period holds {end}"));
    frozen.of(holds.name.next().ok_or_else(outside)?, zone)?.begun_at(end)
}

#[cfg(test)]
mod tests;
