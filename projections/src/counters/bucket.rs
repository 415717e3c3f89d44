//! Time buckets of a zone: into which bucket a minute falls, and at which instant that bucket begins.
//!
//! A bucket is named by its first instant, so that the hour that autumn repeats is two buckets with two offsets, and a
//! local day is one, whatever clocks did on it. Counters are kept by the minute of UTC: a minute that lies in two
//! buckets, or a bucket that begins inside a minute, cannot be told and is refused.

use std::{collections::BTreeMap, ops, str::FromStr, sync::Arc};

use datafusion::{
    arrow::{
        array::{ArrayRef, AsArray as _, TimestampMicrosecondArray},
        datatypes::{DataType, TimeUnit, TimestampMicrosecondType},
    },
    error::DataFusionError,
    logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf},
};

use clicktrail_log::{schema, time::Timestamp};

use crate::{
    error::Error,
    zone::{DAY, Zone, day_of, instant, second, show},
};

/// Seconds of what counters are kept by.
const MINUTE: i64 = 60;

/// The name of the function in SQL.
pub(super) const FUNCTION: &str = "bucket_of";

/// The width of a time bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    /// One minute.
    Minute,
    /// Five minutes.
    FiveMinutes,
    /// One hour of the zone.
    Hour,
    /// One calendar day of the zone.
    Day,
    /// One week of the zone, from Monday (ISO 8601).
    Week,
    /// One calendar month of the zone.
    Month,
    /// The whole range as one bucket, without a time column.
    Total,
}

impl FromStr for Granularity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "minute" => Ok(Self::Minute),
            "5m" => Ok(Self::FiveMinutes),
            "hour" => Ok(Self::Hour),
            "day" => Ok(Self::Day),
            "week" => Ok(Self::Week),
            "month" => Ok(Self::Month),
            "total" => Ok(Self::Total),
            _ => Err(Error::Argument(format!(
                "{text:?} is not a granularity: use minute, 5m, hour, day, week, month or total"
            ))),
        }
    }
}

/// Why a minute has no bucket.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Undivided(String);

/// The bucket of every minute, for buckets of one width. What was found is kept: rows ask about few buckets.
#[derive(Debug)]
pub(super) struct Buckets<'z> {
    zone: &'z Zone,
    width: Width,
    /// By its first second, a piece of a bucket: its end, and where the bucket begins.
    found: BTreeMap<i64, (i64, i64)>,
    /// The last answer, and the minutes that it holds for: rows come in runs.
    last: Option<(ops::RangeInclusive<i64>, Timestamp)>,
}

#[derive(Debug, Clone, Copy)]
enum Width {
    /// So many seconds of clocks that were not changed.
    Seconds(i64),
    /// The days around a day, as days since 1970-01-01.
    Days(fn(i64) -> ops::Range<i64>),
}

impl Width {
    fn of(granularity: Granularity) -> Option<Self> {
        match granularity {
            Granularity::Minute => Some(Self::Seconds(MINUTE)),
            Granularity::FiveMinutes => Some(Self::Seconds(300)),
            Granularity::Hour => Some(Self::Seconds(3_600)),
            Granularity::Day => Some(Self::Days(|day| day..day + 1)),
            Granularity::Week => Some(Self::Days(week)),
            Granularity::Month => Some(Self::Days(crate::zone::month_around)),
            Granularity::Total => None,
        }
    }
}

/// The week around a day. 1970-01-01 was a Thursday.
fn week(day: i64) -> ops::Range<i64> {
    let monday = day - (day + 3).rem_euclid(7);
    monday..monday + 7
}

impl<'z> Buckets<'z> {
    /// `None` for a total, which has no buckets.
    pub(super) fn new(zone: &'z Zone, granularity: Granularity) -> Option<Self> {
        Some(Self { zone, width: Width::of(granularity)?, found: BTreeMap::new(), last: None })
    }

    /// The first instant of the bucket that holds a minute.
    pub(super) fn of(&mut self, minute: Timestamp) -> Result<Timestamp, Undivided> {
        let from = second(minute);
        if let Some((minutes, start)) = &self.last
            && minutes.contains(&from)
        {
            return Ok(*start);
        }
        let known = self.found.range(..=from).next_back().filter(|(_, (end, _))| from < *end);
        let (begin, end, start) = match known {
            Some((begin, (end, start))) => (*begin, *end, *start),
            None => {
                let (piece, start) = self.find(from);
                self.found.insert(piece.start, (piece.end, start));
                (piece.start, piece.end, start)
            }
        };
        let whole = start.rem_euclid(MINUTE) == 0 && self.zone.ahead(start) % MINUTE == 0;
        if from + MINUTE > end || !whole {
            return Err(self.undivided(from, start));
        }
        self.last = Some((begin..=end - MINUTE, instant(start)));
        Ok(instant(start))
    }

    /// The piece of a bucket that holds a second, and where the bucket begins.
    fn find(&self, at: i64) -> (ops::Range<i64>, i64) {
        let wall = at + self.zone.ahead(at);
        match self.width {
            Width::Seconds(seconds) => {
                let from = at - wall.rem_euclid(seconds);
                let spans = self.zone.spans(from, from + seconds);
                let span = spans.into_iter().find(|span| span.from <= at && at < span.to);
                let span = span.expect("spans cover what they were asked for");
                (span.from..span.to, span.from)
            }
            Width::Days(around) => {
                let days = around(day_of(wall));
                let pieces = self.zone.pieces(days.start * DAY, days.end * DAY);
                let start = pieces[0].start;
                let piece = pieces.into_iter().find(|piece| piece.contains(&at));
                (piece.expect("an instant lies in its own local day"), start)
            }
        }
    }

    fn undivided(&self, minute: i64, start: i64) -> Undivided {
        let (minute, start, zone) = (show(minute, 0), show(start, 0), self.zone);
        Undivided(format!(
            "{minute} was counted, and in {zone} a bucket begins or ends inside a minute near it (at {start}), because \
             clocks were not ahead of UTC by whole minutes: counters are kept by whole minutes of UTC, so use --timezone \
             UTC, or leave this time out"
        ))
    }
}

/// The function that makes buckets of minutes in SQL.
pub(super) fn function(zone: &Zone, granularity: Granularity) -> ScalarUDF {
    let result = DataType::Timestamp(TimeUnit::Microsecond, Some(zone.name().into()));
    let zone = zone.clone();
    let call = move |arguments: &[ColumnarValue]| -> Result<ColumnarValue, DataFusionError> {
        let minutes = ColumnarValue::values_to_arrays(arguments)?.remove(0);
        let minutes = minutes.as_primitive::<TimestampMicrosecondType>();
        let refused = |error: Undivided| DataFusionError::External(Box::new(Error::Argument(error.to_string())));
        let Some(mut buckets) = Buckets::new(&zone, granularity) else {
            return Err(DataFusionError::Internal("a total has no buckets".to_owned()));
        };
        let starts: Result<TimestampMicrosecondArray, DataFusionError> = minutes
            .iter()
            .map(|minute| {
                let minute = minute.ok_or_else(|| DataFusionError::Internal("a row has a minute".to_owned()))?;
                buckets.of(Timestamp::from_micros(minute)).map(|start| Some(start.micros())).map_err(refused)
            })
            .collect();
        let starts: ArrayRef = Arc::new(starts?.with_timezone(zone.name()));
        Ok(ColumnarValue::Array(starts))
    };
    create_udf(FUNCTION, vec![schema::timestamp_type()], result, Volatility::Immutable, Arc::new(call))
}

#[cfg(test)]
mod tests;
