#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use proptest::prelude::*;

use super::*;

fn version(version: u32, from: &str, cycle: Cycle, zone: &str) -> Version {
    Version { version, valid_from: date(from).unwrap(), cycle, zone: zone.to_owned() }
}

fn name(text: &str) -> PeriodName {
    text.parse().unwrap()
}

/// The account's periods up to this one, the last first, by going back from it.
fn back(calendar: &Calendar, last: &str) -> Vec<String> {
    let (mut found, mut at) = (vec![last.to_owned()], name(last));
    while let Some((before, _)) = calendar.place(at).unwrap().before {
        found.push(before.to_string());
        at = before;
        if found.len() > 6 {
            break;
        }
    }
    found
}

use Cycle::{Month, Week};

#[test]
fn month_that_becomes_weeks_ends_as_a_month_and_the_first_week_begins_there() {
    let versions = [version(1, "2026-01-01", Month, "UTC"), version(2, "2026-04-08", Week, "UTC")];
    let calendar = Calendar::of(versions, &Frozen::default()).unwrap();
    assert_eq!(
        back(&calendar, "2026-W20"),
        ["2026-W20", "2026-W19", "2026-W18-5", "2026-04", "2026-03", "2026-02", "2026-01"]
    );
    let first = calendar.place(name("2026-W18-5")).unwrap();
    assert_eq!((first.version, first.is_changed, first.before), (2, true, Some((name("2026-04"), "UTC"))));
    assert_eq!(calendar.place(name("2026-04")).unwrap().version, 1);
    for billed_by_the_month in ["2026-W15", "2026-W16", "2026-W18", "2026-05"] {
        assert_eq!(calendar.place(name(billed_by_the_month)), None, "{billed_by_the_month}");
    }
    assert_eq!(calendar.part(name("2026-W18")), Some(name("2026-W18-5")));
    assert_eq!((calendar.part(name("2026-W17")), calendar.part(name("2026-W19"))), (None, None));
}

#[test]
fn weeks_that_become_months_are_followed_by_the_rest_of_the_month() {
    let versions = [version(1, "2026-03-30", Week, "UTC"), version(2, "2026-04-08", Month, "UTC")];
    let calendar = Calendar::of(versions, &Frozen::default()).unwrap();
    assert_eq!(back(&calendar, "2026-05"), ["2026-05", "2026-04-13", "2026-W15", "2026-W14"]);
    assert_eq!(calendar.place(name("2026-04-13")).unwrap().version, 2, "valid before the part begins");
    assert_eq!(calendar.place(name("2026-04")), None);
    // Weeks that end with the month leave no part of it.
    let versions = [version(1, "2026-01-01", Week, "UTC"), version(2, "2026-05-30", Month, "UTC")];
    let calendar = Calendar::of(versions, &Frozen::default()).unwrap();
    assert_eq!(back(&calendar, "2026-06")[..2], ["2026-06", "2026-W22"]);
    // One day is no month: it is added to the next.
    let versions = [version(1, "2026-01-01", Week, "UTC"), version(2, "2026-08-25", Month, "UTC")];
    let calendar = Calendar::of(versions, &Frozen::default()).unwrap();
    assert_eq!(back(&calendar, "2026-09-1440m")[..2], ["2026-09-1440m", "2026-W35"]);
}

#[test]
fn change_of_zone_moves_the_first_period_by_the_hours_between() {
    let check = |from: &str, to: &str, expected: &str| {
        let versions = [version(1, "2026-01-01", Month, from), version(2, "2026-03-01", Month, to)];
        let calendar = Calendar::of(versions, &Frozen::default()).unwrap();
        let first = calendar.place(name(expected)).unwrap_or_else(|| panic!("{calendar:?}"));
        assert_eq!((first.version, first.zone, first.before), (2, to, Some((name("2026-02"), from))));
        assert_eq!(calendar.part(name("2026-03")), Some(name(expected)));
        let (old, new) = (Period::of(name("2026-02"), from).unwrap(), Period::of(name(expected), to).unwrap());
        assert_eq!((old.to, new.to), (new.from, Period::of(name("2026-03"), to).unwrap().to));
        assert_eq!(calendar.place(name("2026-04")).unwrap().before, Some((name(expected), to)));
    };
    check("UTC", "Asia/Kolkata", "2026-03+330m");
    check("Asia/Kolkata", "UTC", "2026-03-330m");
    check("Europe/Berlin", "America/New_York", "2026-03-360m");
    check("Pacific/Kiritimati", "Etc/GMT+12", "2026-03-1560m");
    check("Etc/GMT+12", "Pacific/Kiritimati", "2026-03+1560m");
}

#[test]
fn terms_in_whose_time_no_period_begins_bill_none() {
    let versions = [
        version(1, "2026-01-01", Month, "UTC"),
        version(2, "2026-04-08", Week, "UTC"),
        version(3, "2026-04-10", Month, "UTC"),
        version(4, "2026-04-20", Month, "UTC"),
    ];
    let calendar = Calendar::of(versions, &Frozen::default()).unwrap();
    assert_eq!(back(&calendar, "2026-06")[..3], ["2026-06", "2026-05", "2026-04"]);
    assert_eq!(calendar.place(name("2026-05")).unwrap().version, 4);
    // A later version of the same day takes the place of the earlier.
    let versions = [version(1, "2026-01-01", Month, "UTC"), version(2, "2026-01-01", Week, "UTC")];
    let calendar = Calendar::of(versions, &Frozen::default()).unwrap();
    assert_eq!((calendar.place(name("2026-01")), calendar.place(name("2026-W01")).unwrap().version), (None, 2));
    assert!(calendar.begins_behind(name("2025-12")) && !calendar.begins_behind(name("2026-01")));
}

#[test]
fn terms_that_begin_inside_a_period_apply_to_all_of_it_if_none_were_valid_before() {
    let calendar = Calendar::of([version(1, "2026-03-10", Month, "UTC")], &Frozen::default()).unwrap();
    let march = calendar.place(name("2026-03")).unwrap();
    assert_eq!((march.version, march.begins_later, march.before), (1, true, None));
    assert!(!calendar.place(name("2026-04")).unwrap().begins_later);
    assert_eq!(calendar.place(name("2026-02")), None);
    let ever = Calendar::of([version(1, "0001-01-01", Month, "UTC")], &Frozen::default()).unwrap();
    assert_eq!(ever.place(name("1970-01")).unwrap().version, 1);
}

#[test]
fn frozen_periods_of_another_edition_leave_no_gap_and_no_overlap() {
    let minutes = |period: Period, from: i64, to: i64| Period {
        from: period.from.plus_micros(from * 60_000_000),
        to: period.to.plus_micros(to * 60_000_000),
        tzdb: "1999a".to_owned(),
        ..period
    };
    let zone = "Europe/Berlin";
    let of = |text: &str| Period::of(name(text), zone).unwrap();
    let mut frozen = Frozen::default();
    frozen.insert(minutes(of("2026-02"), 0, -60));
    frozen.insert(minutes(of("2026-04"), 60, 0));
    let march = frozen.of(name("2026-03"), zone).unwrap();
    assert_eq!(march.from, frozen.get(name("2026-02"), zone).unwrap().to);
    assert_eq!(march.to, frozen.get(name("2026-04"), zone).unwrap().from);
    assert_eq!((march.name, march.tzdb.as_str()), (name("2026-03"), chrono_tz::IANA_TZDB_VERSION));
    assert_eq!(frozen.of(name("2026-01"), zone).unwrap(), of("2026-01"), "that is as the table says");
    // What falls into the hour that was moved is in the period that has it.
    let at = of("2026-03").from.plus_micros(-1);
    assert_eq!(frozen.at(Month, zone, at).unwrap().name, name("2026-03"));
    let at = of("2026-04").from.plus_micros(1);
    assert_eq!(frozen.at(Month, zone, at).unwrap().name, name("2026-03"));
}

fn versions() -> impl Strategy<Value = Vec<Version>> {
    let days = 0_u64..700;
    let cycles = prop::sample::select(Cycle::ALL.to_vec());
    let zones = prop::sample::select(chrono_tz::TZ_VARIANTS.to_vec());
    prop::collection::vec((days, cycles, zones), 1..6).prop_map(|all| {
        let version = |(at, (days, cycle, zone)): (usize, (u64, Cycle, chrono_tz::Tz))| Version {
            version: u32::try_from(at).unwrap() + 1,
            valid_from: date("2025-01-01").unwrap() + chrono::Days::new(days),
            cycle,
            zone: zone.name().to_owned(),
        };
        all.into_iter().enumerate().map(version).collect()
    })
}

proptest! {
    /// Whatever terms follow each other, in any zones: an account's periods do too, so each event is in exactly one.
    #[test]
    fn periods_of_an_account_follow_each_other_through_any_changes(versions in versions()) {
        let frozen = Frozen::default();
        let last = versions.iter().map(|version| version.valid_from).max().unwrap();
        let calendar = Calendar::of(versions.clone(), &frozen).unwrap();
        let of_last_day = versions.iter().filter(|version| version.valid_from == last);
        let newest = of_last_day.max_by_key(|version| version.version).unwrap();
        let mut at = PeriodName::of(newest.cycle, last + chrono::Days::new(100)).unwrap();
        let mut period = frozen.of(at, calendar.place(at).unwrap().zone).unwrap();
        let mut count = 0;
        while let Some((before, zone)) = calendar.place(at).unwrap().before {
            let earlier = frozen.of(before, zone).unwrap();
            prop_assert_eq!(earlier.to, period.from, "{:?} then {:?} of {:?}", earlier, period, calendar);
            prop_assert!(calendar.place(before).is_some(), "{:?} is one of its own", before);
            // No other name of the same instants is one of the account's.
            for other in [before.whole(), period.name.whole()] {
                let is_it = other == before || other == period.name;
                prop_assert!(is_it || calendar.place(other).is_none(), "{:?} is billed twice", other);
            }
            (at, period) = (before, earlier);
            count += 1;
            prop_assert!(count < 1_000, "it goes back for ever");
        }
        prop_assert!(period.name.is_whole(), "the first of all is whole");
        let first = versions.iter().map(|version| version.valid_from).min().unwrap();
        prop_assert!(period.name.first_day() <= first && first <= period.name.last_day());
    }
}
