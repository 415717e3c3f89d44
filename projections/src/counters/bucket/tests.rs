use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Offset as _, TimeDelta, Timelike as _, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use clicktrail_log::{
    archive::Archive,
    event::{Event, Kind},
};
use datafusion::arrow::datatypes::Int64Type;

use super::*;
use crate::{
    counters::{
        project_frames,
        query::{Question, Sources, ask},
        tests::{event, frame, limits},
    },
    zone::{Bound, Range},
};

const FIRST: i64 = 0;
/// 2040-01-01.
const LAST: i64 = 2_208_988_800;

/// What the calendar of a zone says, asked the other way: from the instant.
fn local(second: i64, zone: Tz) -> DateTime<Tz> {
    DateTime::<Utc>::from_timestamp(second, 0).unwrap().with_timezone(&zone)
}

fn date(second: i64, zone: Tz) -> NaiveDate {
    local(second, zone).date_naive()
}

fn ahead(second: i64, zone: Tz) -> i64 {
    local(second, zone).offset().fix().local_minus_utc().into()
}

/// The seconds at which clocks were changed, found by looking every third day.
fn changes(zone: Tz) -> Vec<i64> {
    const STEP: i64 = 3 * 86_400;
    let mut changes = Vec::new();
    for day in (FIRST..LAST).step_by(259_200) {
        let (mut before, mut after) = (day, day + STEP);
        if ahead(before, zone) == ahead(after, zone) {
            continue;
        }
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            match ahead(middle, zone) == ahead(day, zone) {
                true => before = middle,
                false => after = middle,
            }
        }
        changes.push(after);
    }
    changes
}

/// Minutes of UTC at which something may go wrong: around every change and the midnights near it, and on some days of
/// every year.
fn minutes(zone: Tz, random: &mut impl FnMut() -> u64) -> Vec<i64> {
    let around =
        [-93_600, -9_000, -7_200, -5_400, -3_660, -3_600, -1_800, -120, -60, 0, 60, 1_800, 3_540, 3_600, 7_200, 88_200];
    let mut minutes = Vec::new();
    for change in changes(zone) {
        let whole = change - change.rem_euclid(MINUTE);
        minutes.extend(around.map(|seconds| whole + seconds));
        let midnight = change - i64::from(local(change, zone).num_seconds_from_midnight());
        minutes.extend([-120, -60, 0, 60].map(|seconds| midnight - midnight.rem_euclid(MINUTE) + seconds));
    }
    for year in 0..70_i64 {
        for _ in 0..4 {
            let within = i64::try_from(random() % 31_536_000).unwrap();
            minutes.push((year * 31_536_000 + within) / MINUTE * MINUTE);
        }
    }
    minutes
}

/// What a bill by local days rests on: each instant is in the bucket of its own date and in no other,
/// all instants of a date are in one, and it is named by the first of them.
#[test]
fn local_days_of_every_zone_partition_the_instants() {
    let seed = std::env::var("CLICKTRAIL_TEST_SEED").map_or(0, |text| text.parse().unwrap());
    let mut drawn: u64 = seed;
    let mut random = || {
        drawn = drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        drawn >> 33
    };
    let (mut asked, mut refused) = (0_u64, BTreeMap::<&str, i64>::new());
    for name in TZ_VARIANTS {
        let zone: Zone = name.name().parse().unwrap();
        let mut buckets = Buckets::new(&zone, Granularity::Day).unwrap();
        let mut starts: BTreeMap<NaiveDate, i64> = BTreeMap::new();
        for minute in minutes(name, &mut random) {
            let (day, context) =
                (date(minute, name), format!("{} in {name}, CLICKTRAIL_TEST_SEED={seed}", show(minute, 0)));
            asked += 1;
            let Ok(start) = buckets.of(instant(minute)) else {
                let latest = refused.entry(name.name()).or_insert(minute);
                *latest = minute.max(*latest);
                continue;
            };
            let start = second(start);
            assert_eq!(*starts.entry(day).or_insert(start), start, "two rows for {day}: {context}");
            assert!(start <= minute && date(start, name) == day, "{} for {context}", show(start, 0));
            for before in [1, 60, 1_800, 3_599, 3_600, 7_200, 43_200, 90_000] {
                assert!(date(start - before, name) < day, "{day} began before {}: {context}", show(start, 0));
            }
            assert_eq!(day, date(minute + 59, name), "a minute in two days: {context}");
        }
    }
    assert!(asked > 500_000, "{asked} instants were tried");
    // The only zone since 1970 whose clocks were not ahead by whole minutes.
    assert_eq!(refused.keys().collect::<Vec<_>>(), [&"Africa/Monrovia"], "{refused:?}");
    // Until the seventh of January 1972, which began inside a minute.
    assert!(refused.values().all(|latest| *latest < 63_676_800), "{refused:?}");
}

/// A range between two dates holds the instants of the local days between them, whichever zone it is.
#[test]
fn range_of_dates_holds_the_local_days_between_them() {
    for name in TZ_VARIANTS {
        let zone: Zone = name.name().parse().unwrap();
        for change in changes(name).into_iter().step_by(5) {
            for minute in [change - 3_600, change - 60, change, change + 60, change + 3_600] {
                let day = date(minute, name);
                let bound = |date: NaiveDate| Some(Bound::Day(i64::from(date.to_epoch_days())));
                let next = day + TimeDelta::days(1);
                let range = Range::between(bound(day), bound(next), &zone).unwrap();
                assert!(range.holds(instant(minute)), "{} in {name}", show(minute, 0));
                let others = [Range::between(None, bound(day), &zone), Range::between(bound(next), None, &zone)];
                assert!(others.iter().all(|range| !range.as_ref().unwrap().holds(instant(minute))));
            }
        }
    }
}

/// Clicks at these seconds, as counters hold them.
async fn clicks(seconds: &[i64]) -> Sources {
    let clicked = |(id, second): (usize, &i64)| Event { event_time: instant(*second), ..event(id, Kind::Click, 0, 0) };
    let events: Vec<_> = seconds.iter().enumerate().map(clicked).collect();
    let frames: Vec<_> = (1..).zip(events.chunks(1_000)).map(|(seq, rows)| frame(seq, rows)).collect();
    let partials = project_frames(&frames, &[]).await.unwrap();
    let archive = Archive::from_store(Arc::new(object_store::memory::InMemory::new()));
    Sources { archive, segments: Vec::new(), partials }
}

async fn answer(seconds: &[i64], zone: Tz, granularity: Granularity, range: Range) -> Result<Vec<(i64, i64)>, Error> {
    let zone: Zone = zone.name().parse().unwrap();
    let question = Question { range, advertiser: None, dimensions: Vec::new(), granularity, zone };
    let mut rows = Vec::new();
    for batch in ask(&question, clicks(seconds).await, limits()).await? {
        let starts = batch.column_by_name("bucket").unwrap().as_primitive::<TimestampMicrosecondType>();
        let clicks = batch.column_by_name("clicks").unwrap().as_primitive::<Int64Type>();
        rows.extend(starts.values().iter().map(|micros| micros / 1_000_000).zip(clicks.values().iter().copied()));
    }
    Ok(rows)
}

/// What a person with a calendar and a clock would count: for each bucket, from the first minute that is in it.
fn counted(seconds: &[i64], zone: Tz, granularity: Granularity) -> Vec<(i64, i64)> {
    let key = |second: i64| {
        let time = local(second, zone);
        let (minute, ahead) = (time.hour() * 60 + time.minute(), ahead(second, zone));
        match granularity {
            Granularity::Minute => (time.date_naive(), minute, ahead),
            Granularity::FiveMinutes => (time.date_naive(), minute / 5, ahead),
            Granularity::Hour => (time.date_naive(), minute / 60, ahead),
            Granularity::Day | Granularity::Week | Granularity::Month | Granularity::Total => (time.date_naive(), 0, 0),
        }
    };
    let (first, last) = (seconds.iter().min().unwrap(), seconds.iter().max().unwrap());
    let begin = first - first.rem_euclid(MINUTE) - 30 * 60 * MINUTE;
    let mut starts = BTreeMap::new();
    for minute in (begin..=*last).step_by(60) {
        starts.entry(key(minute)).or_insert(minute);
    }
    let mut counts = BTreeMap::new();
    for second in seconds {
        *counts.entry(starts[&key(*second)]).or_default() += 1;
    }
    counts.into_iter().collect()
}

/// Zones and moments at which their clocks or calendars did something odd.
const ODD: &[(Tz, &[&str])] = &[
    (Tz::Atlantic__Azores, &["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"]),
    (Tz::America__Havana, &["2026-03-08T05:00:00Z", "2026-11-01T05:00:00Z"]),
    (Tz::Australia__Lord_Howe, &["2026-04-04T15:00:00Z", "2026-10-03T15:30:00Z"]),
    (Tz::Asia__Kathmandu, &["1985-12-31T18:30:00Z", "2026-05-17T18:15:00Z"]),
    (Tz::Pacific__Apia, &["2011-12-30T10:00:00Z"]),
    (Tz::Asia__Shanghai, &["1986-05-03T18:00:00Z", "2017-11-08T00:00:00Z"]),
    (Tz::Africa__Cairo, &["2024-04-25T22:00:00Z", "2024-10-31T21:00:00Z"]),
    (Tz::America__Sao_Paulo, &["2018-02-18T02:00:00Z", "2018-11-04T03:00:00Z"]),
    (Tz::Africa__Casablanca, &["2026-02-15T02:00:00Z", "2026-03-22T02:00:00Z"]),
    (Tz::Pacific__Kwajalein, &["1993-08-21T12:00:00Z"]),
    (Tz::Asia__Manila, &["1978-03-21T16:00:00Z", "1990-05-20T16:00:00Z"]),
    (
        Tz::America__St_Johns,
        &["1988-04-03T03:31:00Z", "1988-10-30T02:31:00Z", "2006-04-02T03:31:00Z", "2006-10-29T02:31:00Z"],
    ),
    (Tz::Antarctica__Troll, &["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"]),
    (Tz::Asia__Pyongyang, &["2015-08-14T15:00:00Z", "2018-05-04T15:00:00Z"]),
    (Tz::Europe__Berlin, &["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buckets_sum_their_own_instants_whatever_clocks_did() {
    let fine = [Granularity::Minute, Granularity::FiveMinutes, Granularity::Hour, Granularity::Day];
    for (zone, moments) in ODD {
        for moment in *moments {
            let moment = second(Timestamp::parse_rfc3339(moment).unwrap());
            let near = (-150..150).map(|minutes| moment + minutes * MINUTE + 59);
            let far = (-260..260).map(|sevenths| moment + sevenths * 7 * MINUTE);
            let seconds: Vec<i64> = near.chain(far).collect();
            for granularity in fine {
                let expected = counted(&seconds, *zone, granularity);
                let found = answer(&seconds, *zone, granularity, Range::everything()).await.unwrap();
                assert_eq!(found, expected, "{granularity:?} of {zone} at {moment}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weeks_and_months_begin_on_their_first_local_day() {
    let at = |text: &str| second(Timestamp::parse_rfc3339(text).unwrap());
    let seconds =
        ["2026-09-30T21:59:00Z", "2026-09-30T22:00:00Z", "2026-10-31T22:59:00Z", "2026-10-31T23:00:00Z"].map(at);
    let months = answer(&seconds, Tz::Europe__Berlin, Granularity::Month, Range::everything()).await.unwrap();
    let starts = ["2026-08-31T22:00:00Z", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"].map(at);
    assert_eq!(months, [(starts[0], 1), (starts[1], 2), (starts[2], 1)]);
    let seconds = ["2026-10-25T22:59:00Z", "2026-10-25T23:00:00Z"].map(at);
    let weeks = answer(&seconds, Tz::Europe__Berlin, Granularity::Week, Range::everything()).await.unwrap();
    assert_eq!(weeks, [(at("2026-10-18T22:00:00Z"), 1), (at("2026-10-25T23:00:00Z"), 1)]);
    // The calendar left the last day of 1994 out.
    let seconds = ["1994-12-31T09:59:00Z", "1994-12-31T10:00:00Z"].map(at);
    let months = answer(&seconds, Tz::Pacific__Kiritimati, Granularity::Month, Range::everything()).await.unwrap();
    assert_eq!(months, [(at("1994-12-01T10:00:00Z"), 1), (at("1994-12-31T10:00:00Z"), 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn day_that_begins_inside_a_minute_is_refused_only_where_it_was_counted() {
    let at = |text: &str| second(Timestamp::parse_rfc3339(text).unwrap());
    for granularity in [Granularity::Minute, Granularity::Hour, Granularity::Day, Granularity::Month] {
        let old = answer(&[at("1971-06-01T12:00:00Z")], Tz::Africa__Monrovia, granularity, Range::everything()).await;
        let error = old.unwrap_err();
        assert!(matches!(error, Error::Argument(_)), "{error:?}");
        assert!(error.to_string().contains("whole minutes of UTC"), "{error}");
    }
    let later = [at("1972-02-01T00:00:00Z")];
    let days = answer(&later, Tz::Africa__Monrovia, Granularity::Day, Range::everything()).await.unwrap();
    assert_eq!(days, [(later[0], 1)]);
}
