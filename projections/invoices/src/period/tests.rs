#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use chrono::{Datelike as _, Offset as _, TimeZone as _};
use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(name: &str, zone: &str, from: &str, to: &str) {
    let period = Period::of(name.parse().unwrap(), zone).unwrap();
    let shown = |at: Timestamp| at.to_string().replace(":00.000000Z", "Z");
    assert_eq!((shown(period.from).as_str(), shown(period.to).as_str()), (from, to), "{period}");
}

#[test]
fn month_is_one_of_the_zone() {
    check("2026-03", "UTC", "2026-03-01T00:00Z", "2026-04-01T00:00Z");
    check("2026-03", "Europe/Berlin", "2026-02-28T23:00Z", "2026-03-31T22:00Z");
    check("2026-03", "Asia/Kathmandu", "2026-02-28T18:15Z", "2026-03-31T18:15Z");
    check("2026-03", "America/St_Johns", "2026-03-01T03:30Z", "2026-04-01T02:30Z");
    check("2024-02", "Pacific/Chatham", "2024-01-31T10:15Z", "2024-02-29T10:15Z");
    check("2026-12", "America/New_York", "2026-12-01T05:00Z", "2027-01-01T05:00Z");
}

#[test]
fn week_begins_on_monday_and_belongs_to_its_iso_year() {
    check("2026-W10", "Europe/Berlin", "2026-03-01T23:00Z", "2026-03-08T23:00Z");
    // Clocks are put forward on its last day.
    check("2026-W13", "Europe/Berlin", "2026-03-22T23:00Z", "2026-03-29T22:00Z");
    check("2026-W01", "UTC", "2025-12-29T00:00Z", "2026-01-05T00:00Z");
    check("2026-W53", "UTC", "2026-12-28T00:00Z", "2027-01-04T00:00Z");
    let next: PeriodName = "2026-W53".parse().unwrap();
    assert_eq!(next.next().unwrap().to_string(), "2027-W01");
    assert_eq!(next.previous().unwrap().to_string(), "2026-W52");
    assert_eq!((next.first_day().to_string(), next.last_day().to_string()), ("2026-12-28".into(), "2027-01-03".into()));
}

#[test]
fn day_that_the_calendar_left_out_is_in_no_period_and_leaves_no_gap() {
    // Samoa went from Thursday the 29th to Saturday the 31st of December 2011.
    check("2011-12", "Pacific/Apia", "2011-12-01T10:00Z", "2011-12-31T10:00Z");
    check("2011-W52", "Pacific/Apia", "2011-12-26T10:00Z", "2012-01-01T10:00Z");
    // Kwajalein left out a day of August 1993.
    check("1993-08", "Pacific/Kwajalein", "1993-08-01T12:00Z", "1993-08-31T12:00Z");
    // Kiritimati left out the last day of 1994: the new year begins when clocks were put forward over it.
    check("1994-12", "Pacific/Kiritimati", "1994-12-01T10:00Z", "1994-12-31T10:00Z");
    check("1995-01", "Pacific/Kiritimati", "1994-12-31T10:00Z", "1995-01-31T10:00Z");
}

#[test]
fn midnight_that_was_skipped_is_where_clocks_were_put_forward() {
    check("2017-10", "America/Asuncion", "2017-10-01T04:00Z", "2017-11-01T03:00Z");
}

#[test]
fn month_that_clocks_went_back_into_has_ended_when_it_ended_first() {
    // One minute past midnight of the first of November, clocks were put back to 23:01 of the 31st of October.
    let zone = "America/St_Johns";
    check("2009-10", zone, "2009-10-01T02:30Z", "2009-11-01T02:30Z");
    check("2009-11", zone, "2009-11-01T02:30Z", "2009-12-01T03:30Z");
    let back = Timestamp::parse_rfc3339("2009-11-01T02:45:00Z").unwrap();
    assert_eq!(local_date(zone, back).unwrap().to_string(), "2009-10-31", "clocks show the old month again");
    assert_eq!(Period::at(Cycle::Month, zone, back).unwrap().name.to_string(), "2009-11", "it is of the new one");
}

#[test]
fn boundary_inside_a_minute_is_refused() {
    let error = Period::of("1971-06".parse().unwrap(), "Africa/Monrovia").unwrap_err().to_string();
    assert!(error.contains("whole minutes") && error.contains("Africa/Monrovia"), "{error}");
    check("1972-02", "Africa/Monrovia", "1972-02-01T00:00Z", "1972-03-01T00:00Z");
}

#[test]
fn zone_without_an_iana_name_is_refused() {
    for zone in ["", "+02:00", "CET+1", "Berlin", "europe/berlin", "Europe/Berlin "] {
        let error = Period::of("2026-03".parse().unwrap(), zone).unwrap_err().to_string();
        assert!(error.contains(zone) && error.contains("Europe/Berlin"), "{error}");
    }
}

#[test]
fn other_text_is_no_period() {
    for text in [
        "",
        "2026",
        "2026-3",
        "2026-13",
        "2026-00",
        "2026-W00",
        "2026-W54",
        "2025-W53",
        "2026-w10",
        "2026-W1",
        "26-03",
        "2026-03-01",
        "2026-03-32",
        "2026-02-29",
        "2026-03-5",
        "2026-03-+5",
        "2026-W10-1",
        "2026-W10-8",
        "2026-W10-05",
        "2026-03+0m",
        "2026-03+05m",
        "2026-03+44641m",
        "2026-03+13",
        "2026-03+m",
        "2026-03 13",
        "2026-03-13-1",
        "+026-03",
        "1969-12",
        "9999-01",
        "2026-0３",
        "2026-W１0",
    ] {
        let error = text.parse::<PeriodName>().unwrap_err().to_string();
        assert!(error.contains("2026-W10"), "{text}: {error}");
    }
}

/// Who changes its cycle or zone has one period that begins where the last one ended.
#[test]
fn period_that_begins_elsewhere_says_where_and_ends_with_its_month_or_week() {
    check("2026-04-13", "Europe/Berlin", "2026-04-12T22:00Z", "2026-04-30T22:00Z");
    check("2026-W18-5", "America/New_York", "2026-05-01T04:00Z", "2026-05-04T04:00Z");
    check("2026-03+330m", "Asia/Kolkata", "2026-03-01T00:00Z", "2026-03-31T18:30Z");
    check("2026-03-330m", "UTC", "2026-02-28T18:30Z", "2026-04-01T00:00Z");
    for (text, whole, first, last, next) in [
        ("2026-04-13", "2026-04", "2026-04-13", "2026-04-30", "2026-05"),
        ("2026-W18-5", "2026-W18", "2026-05-01", "2026-05-03", "2026-W19"),
        ("2026-03+330m", "2026-03", "2026-03-01", "2026-03-31", "2026-04"),
        ("2026-03-330m", "2026-03", "2026-02-28", "2026-03-31", "2026-04"),
    ] {
        let name: PeriodName = text.parse().unwrap();
        assert_eq!((name.to_string().as_str(), name.whole().to_string().as_str()), (text, whole));
        assert_eq!((name.first_day().to_string().as_str(), name.last_day().to_string().as_str()), (first, last));
        assert_eq!((name.next().unwrap().to_string().as_str(), name.previous()), (next, None));
    }
    let week = Period::of("2026-W10".parse().unwrap(), "UTC").unwrap();
    for at in [week.to, week.to.plus_micros(60_000_000), week.from.plus_micros(1)] {
        week.begun_at(at).unwrap_err();
    }
    Period::of("2026-W10+20000m".parse().unwrap(), "UTC").unwrap_err();
}

proptest! {
    /// Begun at any minute of it or of the day before, a period of any zone says so by its name, and only so.
    #[test]
    fn period_begun_at_an_instant_is_found_again_by_its_name(
        zone in prop::sample::select(chrono_tz::TZ_VARIANTS.to_vec()),
        year in 1974_i32..2050, month in 1_u32..=12, cycle in prop::sample::select(Cycle::ALL.to_vec()),
        minutes in -1_500_i64..10_000, is_midnight in any::<bool>(),
    ) {
        let day = NaiveDate::from_ymd_opt(year, month, 17).unwrap();
        let whole = Period::of(PeriodName::of(cycle, day).unwrap(), zone.name()).unwrap();
        let table = iana(zone.name()).unwrap();
        let at = match is_midnight {
            true => boundary(whole.name, whole.name.last_day(), &table).unwrap(),
            false => whole.from.plus_micros(minutes * 60_000_000),
        };
        prop_assume!(at < whole.to);
        let begun = whole.begun_at(at).unwrap();
        prop_assert_eq!((begun.from, begun.to), (at, whole.to));
        let again: PeriodName = begun.name.to_string().parse().unwrap();
        prop_assert_eq!(Period::of(again, zone.name()).unwrap(), begun.clone());
        prop_assert_eq!(begun.name.whole(), whole.name);
        prop_assert_eq!(at == whole.from, begun.name.is_whole());
        prop_assert!(!is_midnight || begun.name.minutes().is_none(), "a midnight is named by its day: {:?}", begun);
    }
}

#[test]
fn hours_of_a_period_are_those_that_it_has_a_part_of() {
    let period = Period::of("2026-02".parse().unwrap(), "Asia/Kathmandu").unwrap();
    let hours: Vec<Hour> = period.hours().collect();
    assert_eq!(hours.first().unwrap().to_string(), "2026-01-31T18");
    assert_eq!(hours.last().unwrap().to_string(), "2026-02-28T18");
    assert_eq!(hours.len(), 28 * 24 + 1, "an hour is cut at both ends");
}

/// Boundaries of a zone by the one definition, looked up in the table of chrono-tz itself: all that have a change of
/// clocks within two days, and every 64th of the others.
fn check_zone(zone: chrono_tz::Tz, years: std::ops::RangeInclusive<i32>, cycle: Cycle) {
    let first = NaiveDate::from_ymd_opt(*years.start(), 1, 1).unwrap();
    let mut name = PeriodName::of(cycle, first).unwrap();
    let ahead = |at: i64| {
        let time = DateTime::from_timestamp(at, 0).unwrap().naive_utc();
        i64::from(zone.offset_from_utc_datetime(&time).fix().local_minus_utc())
    };
    let mut checked = 0;
    while name.first_day().year() <= *years.end() {
        let midnight = days(name.first_day()) * DAY;
        let is_near_a_change = ahead(midnight - 2 * DAY) != ahead(midnight + 2 * DAY);
        if is_near_a_change || checked % 64 == 0 {
            match Period::of(name, zone.name()) {
                Err(error) => {
                    let is_monrovia = matches!(zone.name(), "Africa/Monrovia") && name.first_day().year() < 1973;
                    assert!(is_monrovia, "{error}");
                }
                Ok(period) => {
                    let from = second(period.from);
                    assert!(from + ahead(from) >= midnight, "{period:?}: clocks show the first day or a later one");
                    let before = (1..=DAY).step_by(900).map(|back| from - back);
                    let shown = before.map(|at| at + ahead(at)).max().unwrap();
                    assert!(shown < midnight, "{period:?}: and did not at any time before");
                    assert!(period.from < period.to, "{period:?}");
                    let next = Period::of(name.next().unwrap(), zone.name()).unwrap();
                    assert_eq!(period.to, next.from, "{period:?}: no gap");
                }
            }
        }
        checked += 1;
        name = name.next().unwrap();
    }
}

#[test]
fn months_of_every_zone_follow_each_other_without_a_gap() {
    for zone in chrono_tz::TZ_VARIANTS {
        check_zone(zone, 1970..=2050, Cycle::Month);
    }
}

#[test]
fn weeks_of_every_zone_follow_each_other_without_a_gap() {
    for zone in chrono_tz::TZ_VARIANTS {
        check_zone(zone, 1970..=2050, Cycle::Week);
    }
}

proptest! {
    /// Each event falls in exactly one period: in that which is found for it, and in neither of its neighbours.
    #[test]
    fn every_instant_is_in_exactly_one_period(
        zone in prop::sample::select(chrono_tz::TZ_VARIANTS.to_vec()),
        micros in 63_072_000_000_000_i64 * 2..2_556_144_000_000_000,
        cycle in prop::sample::select(Cycle::ALL.to_vec()),
    ) {
        let at = Timestamp::from_micros(micros);
        let period = Period::at(cycle, zone.name(), at).unwrap();
        prop_assert!(period.holds(at), "{period:?} {at}");
        for other in [period.name.previous(), period.name.next()] {
            prop_assert!(!Period::of(other.unwrap(), zone.name()).unwrap().holds(at));
        }
    }

    /// Around every change of clocks of a zone, to the second, an instant is in one period.
    #[test]
    fn instants_around_changes_of_clocks_are_in_exactly_one_period(
        zone in prop::sample::select(chrono_tz::TZ_VARIANTS.to_vec()),
        year in 1974_i64..2050,
        cycle in prop::sample::select(Cycle::ALL.to_vec()),
    ) {
        let table = iana(zone.name()).unwrap();
        let from = (year - 1970) * 365 * DAY;
        let changes: Vec<i64> = table.spans(from, from + 366 * DAY).iter().map(|span| span.from).collect();
        for at in changes.iter().flat_map(|change| [change - 3_601, change - 60, change - 1, *change, change + 60]) {
            let at = instant(at);
            let period = Period::at(cycle, zone.name(), at).unwrap();
            prop_assert!(period.holds(at), "{:?} {}", period, at);
        }
    }
}
