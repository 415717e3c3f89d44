//! What a period is called: `2026-03` is a month, `2026-W10` an ISO week, which begins on a Monday.
//!
//! Who changes between months and weeks, or to another zone, has one period that begins elsewhere: where the last one
//! under the earlier terms ended. Its name says where. `2026-04-13` is April from its 13th on, `2026-W18-5` is week 18
//! from Friday on; `2026-03+330m` begins 330 minutes behind the beginning of March, `2026-03-330m` so many before it.

use std::{fmt, str::FromStr};

use chrono::{Datelike as _, Days, IsoWeek, Months, NaiveDate, TimeDelta, Weekday};

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

/// A month or an ISO week, of no zone; whole, or from where an account's last period under other terms ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeriodName {
    cycle: Cycle,
    /// Of a month the year; of a week the ISO year, which has most of its days.
    year: i32,
    /// From 1.
    number: u32,
    start: Start,
}

/// Where a period begins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Start {
    /// With the month or week.
    Whole,
    /// With this day of it, behind the first.
    Day(u32),
    /// So many minutes behind its beginning; below zero: before it. Never zero.
    Minutes(i32),
}

/// A month has no more minutes.
const MINUTES_MAX: i32 = 31 * DAY_MINUTES;
const DAY_MINUTES: i32 = 24 * 60;

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
        YEARS.contains(&year).then_some(Self { cycle, year, number, start: Start::Whole })
    }

    /// Whether it begins with its month or week.
    pub const fn is_whole(self) -> bool {
        matches!(self.start, Start::Whole)
    }

    /// The month or week that it is of.
    #[must_use]
    pub const fn whole(self) -> Self {
        Self { start: Start::Whole, ..self }
    }

    /// The same month or week from this day of it on; `None` if that is its first day, or none of it.
    #[must_use]
    pub fn from_day(self, day: NaiveDate) -> Option<Self> {
        let is_of_it = Self::of(self.cycle, day) == Some(self.whole()) && day != self.whole().first_day();
        let number = match self.cycle {
            Cycle::Month => day.day(),
            Cycle::Week => day.weekday().number_from_monday(),
        };
        is_of_it.then_some(Self { start: Start::Day(number), ..self })
    }

    /// The same month or week, begun so many minutes later, or earlier if below zero; `None` if that is none or too
    /// many.
    #[must_use]
    pub fn begun_later(self, minutes: i64) -> Option<Self> {
        let minutes = i32::try_from(minutes).ok().filter(|minutes| *minutes != 0)?;
        (minutes.unsigned_abs() <= MINUTES_MAX.unsigned_abs())
            .then_some(Self { start: Start::Minutes(minutes), ..self })
    }

    /// By how many minutes it begins behind its month or week, where it is named so.
    pub(super) const fn minutes(self) -> Option<i32> {
        match self.start {
            Start::Whole | Start::Day(_) => None,
            Start::Minutes(minutes) => Some(minutes),
        }
    }

    /// Whether it is a month or a week.
    pub const fn cycle(self) -> Cycle {
        self.cycle
    }

    /// Its first date.
    pub fn first_day(self) -> NaiveDate {
        let first = self.begins().expect("checked when it was made");
        match self.start {
            Start::Whole => first,
            Start::Day(number) => first + Days::new(u64::from(number) - 1),
            Start::Minutes(minutes) => first + TimeDelta::days(minutes.div_euclid(DAY_MINUTES).into()),
        }
    }

    /// Its last date.
    pub fn last_day(self) -> NaiveDate {
        self.day_behind().pred_opt().expect("a year of four digits")
    }

    /// The date behind its last.
    pub fn day_behind(self) -> NaiveDate {
        let first = self.whole().first_day();
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

    /// The one before it; `None` before the first of all, and before one that is not whole: what comes before that is
    /// of another cycle or zone.
    pub fn previous(self) -> Option<Self> {
        Self::of(self.cycle, self.first_day().pred_opt()?).filter(|_| self.is_whole())
    }

    fn begins(self) -> Option<NaiveDate> {
        match self.cycle {
            Cycle::Month => NaiveDate::from_ymd_opt(self.year, self.number, 1),
            Cycle::Week => NaiveDate::from_isoywd_opt(self.year, self.number, Weekday::Mon),
        }
    }

    fn read(text: &str) -> Option<Self> {
        let (year, rest) = text.split_once('-')?;
        let (cycle, rest) = match rest.strip_prefix('W') {
            Some(week) => (Cycle::Week, week),
            None => (Cycle::Month, rest),
        };
        let (number, start) = rest.split_at_checked(2)?;
        if !is_number(year, 4) || !is_number(number, 2) {
            return None;
        }
        let whole = Self { cycle, year: year.parse().ok()?, number: number.parse().ok()?, start: Start::Whole };
        whole.begins().filter(|_| YEARS.contains(&whole.year))?;
        if start.is_empty() {
            return Some(whole);
        }
        let (sign, digits) = start.split_at_checked(1)?;
        if let Some(minutes) = digits.strip_suffix('m') {
            let is_plain = is_number(minutes, minutes.len()) && !minutes.starts_with('0');
            let minutes: i64 = minutes.parse().ok().filter(|_| is_plain)?;
            return match sign {
                "+" => whole.begun_later(minutes),
                "-" => whole.begun_later(-minutes),
                _ => None,
            };
        }
        let (width, day) = match cycle {
            Cycle::Month => (2, NaiveDate::from_ymd_opt(whole.year, whole.number, digits.parse().ok()?)?),
            Cycle::Week => (1, whole.first_day() + Days::new(digits.parse::<u8>().ok()?.checked_sub(1)?.into())),
        };
        whole.from_day(day).filter(|_| sign == "-" && is_number(digits, width))
    }
}

fn is_number(text: &str, digits: usize) -> bool {
    text.len() == digits && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
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
        write!(f, "{:04}-{prefix}{:02}", self.year, self.number)?;
        match (self.start, self.cycle) {
            (Start::Whole, _) => Ok(()),
            (Start::Day(day), Cycle::Month) => write!(f, "-{day:02}"),
            (Start::Day(day), Cycle::Week) => write!(f, "-{day}"),
            (Start::Minutes(minutes), _) => write!(f, "{minutes:+}m"),
        }
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
