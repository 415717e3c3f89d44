//! Dates as numbers of days.

use std::ops;

use chrono::{Datelike as _, Months, NaiveDate};
use clicktrail_log::zone::DAY;

/// The day of an instant on clocks, as days since 1970-01-01.
pub(crate) fn day_of(wall: i64) -> i64 {
    wall.div_euclid(DAY)
}

/// A date as days since 1970-01-01.
pub(crate) fn days(date: NaiveDate) -> i64 {
    i64::from(date.num_days_from_ce()) - 719_163
}

/// The days of the month around a day, both as days since 1970-01-01; the day alone where no calendar reaches.
pub(crate) fn month_around(day: i64) -> ops::Range<i64> {
    let date = i32::try_from(day + 719_163).ok().and_then(NaiveDate::from_num_days_from_ce_opt);
    let first = date.and_then(|date| date.with_day(1));
    let next = first.and_then(|first| first.checked_add_months(Months::new(1)));
    first.zip(next).map_or(day..day + 1, |(first, next)| days(first)..days(next))
}
