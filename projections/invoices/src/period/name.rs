//! What a period is called: `2026-03` is a month, `2026-W10` an ISO week, which begins on a Monday.

use std::{fmt, str::FromStr};

use chrono::{Datelike as _, Days, IsoWeek, Months, NaiveDate, Weekday};

use crate::{error::Error, words::words};

/// Years in which a period may lie: from the Unix epoch, and so that the next one has four digits too.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=9998;

words! {
    /// How often an account is billed.
    pub enum Cycle("cycle") {
        /// By calendar months.
        Month = "month",
        /// By ISO weeks.
        Week = "week",
    }
}

/// A month or an ISO week, of no zone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeriodName {
    cycle: Cycle,
    /// Of a month the year; of a week the ISO year, which has most of its days.
    year: i32,
    /// From 1.
    number: u32,
}

impl PeriodName {
    /// The one that holds a date; `None` outside of the years 1970 to 9998.
    pub fn of(cycle: Cycle, day: NaiveDate) -> Option<Self> {
        let (year, number) = match cycle {
            Cycle::Month => (day.year(), day.month()),
            Cycle::Week => {
                let week: IsoWeek = day.iso_week();
                (week.year(), week.week())
            }
        };
        YEARS.contains(&year).then_some(Self { cycle, year, number })
    }

    /// Whether it is a month or a week.
    pub const fn cycle(self) -> Cycle {
        self.cycle
    }

    /// Its first date.
    pub fn first_day(self) -> NaiveDate {
        self.begins().expect("checked when it was made")
    }

    /// Its last date.
    pub fn last_day(self) -> NaiveDate {
        self.day_behind().pred_opt().expect("a year of four digits")
    }

    /// The date behind its last.
    pub fn day_behind(self) -> NaiveDate {
        let first = self.first_day();
        let next = match self.cycle {
            Cycle::Month => first.checked_add_months(Months::new(1)),
            Cycle::Week => first.checked_add_days(Days::new(7)),
        };
        next.expect("a year of four digits")
    }

    /// The one behind it; `None` behind the last of all.
    pub fn next(self) -> Option<Self> {
        Self::of(self.cycle, self.day_behind())
    }

    /// The one before it; `None` before the first of all.
    pub fn previous(self) -> Option<Self> {
        Self::of(self.cycle, self.first_day().pred_opt()?)
    }

    fn begins(self) -> Option<NaiveDate> {
        match self.cycle {
            Cycle::Month => NaiveDate::from_ymd_opt(self.year, self.number, 1),
            Cycle::Week => NaiveDate::from_isoywd_opt(self.year, self.number, Weekday::Mon),
        }
    }

    fn read(text: &str) -> Option<Self> {
        let (year, rest) = text.split_once('-')?;
        let (cycle, number) = match rest.strip_prefix('W') {
            Some(week) => (Cycle::Week, week),
            None => (Cycle::Month, rest),
        };
        let is_number = |text: &str, digits| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(year, 4) || !is_number(number, 2) {
            return None;
        }
        let name = Self { cycle, year: year.parse().ok()?, number: number.parse().ok()? };
        name.begins().filter(|_| YEARS.contains(&name.year)).map(|_| name)
    }
}

impl FromStr for PeriodName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::read(text).ok_or_else(|| {
            Error::Period(format!(
                "{text:?} is not a period: use a month, as in 2026-03, or an ISO week, as in 2026-W10"
            ))
        })
    }
}

impl fmt::Display for PeriodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match self.cycle {
            Cycle::Month => "",
            Cycle::Week => "W",
        };
        write!(f, "{:04}-{prefix}{:02}", self.year, self.number)
    }
}

impl fmt::Debug for PeriodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads a date as it is written in documents, `2026-03-01`, and in no other form.
pub(crate) fn date(text: &str) -> Option<NaiveDate> {
    let is_plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| is_plain)?;
    // Signs and single digits would fit the same length.
    (date.to_string() == text && (1..=9999).contains(&date.year())).then_some(date)
}

/// A date as days since 1970-01-01.
pub(crate) fn days(date: NaiveDate) -> i64 {
    i64::from(date.num_days_from_ce()) - 719_163
}
