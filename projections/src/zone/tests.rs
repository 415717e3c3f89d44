use clicktrail_log::time::Timestamp;

use super::*;
use crate::error::Error;

fn read(text: &str, zone: &str, unit: Unit) -> String {
    let zone: Zone = zone.parse().unwrap();
    match Bound::parse(text, &zone, unit) {
        Ok(bound) => show(second(bound.first(&zone)), 0),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn check(text: &str, zone: &str, expected: &str) {
    assert_eq!(read(text, zone, Unit::Minute), expected, "{text} in {zone}");
}

/// Demands a refusal that says all of this.
#[track_caller]
fn refused(text: &str, zone: &str, says: &[&str]) {
    let found = read(text, zone, Unit::Minute);
    assert!(says.iter().all(|part| found.contains(part)), "{text} in {zone}: {found}");
}

#[test]
fn date_is_the_first_instant_of_the_local_day() {
    check("2017-11-08", "UTC", "2017-11-08T00:00:00Z");
    check("2017-11-08", "Asia/Shanghai", "2017-11-07T16:00:00Z");
    check("2017-11-08", "+05:45", "2017-11-07T18:15:00Z");
    check("2026-07-01", "Asia/Kathmandu", "2026-06-30T18:15:00Z");
    // Midnight is left out: the day begins at one.
    check("2026-03-08", "America/Havana", "2026-03-08T05:00:00Z");
    check("2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00:00Z");
    check("2024-04-26", "Africa/Cairo", "2024-04-25T22:00:00Z");
    // Midnight comes twice: the day begins at the first.
    check("2026-11-01", "America/Havana", "2026-11-01T04:00:00Z");
    check("2026-10-25", "Atlantic/Azores", "2026-10-25T00:00:00Z");
    // The day is entered for one minute, left for an hour, and entered again.
    check("2006-10-29", "America/St_Johns", "2006-10-29T02:30:00Z");
}

#[test]
fn time_without_offset_is_what_the_clocks_show() {
    check("2026-11-22T14:00", "Europe/Berlin", "2026-11-22T13:00:00Z");
    check("2026-11-22 14:00:00", "Europe/Berlin", "2026-11-22T13:00:00Z");
    check("2026-11-22T14", "UTC", "2026-11-22T14:00:00Z");
    check("2026-11-22T14:00:00.000Z", "Europe/Berlin", "2026-11-22T14:00:00Z");
    check("2026-11-22t14:00:00z", "Europe/Berlin", "2026-11-22T14:00:00Z");
    check("2026-11-22T14:00:00-03:30", "Europe/Berlin", "2026-11-22T17:30:00Z");
}

#[test]
fn time_that_came_twice_or_never_is_refused_with_both_instants() {
    let twice = ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00", "twice"];
    refused("2026-10-25T02:30", "Europe/Berlin", &twice);
    let never = ["2026-03-29T02:30:00+01:00", "2026-03-29T02:30:00+02:00", "never"];
    refused("2026-03-29T02:30:00", "Europe/Berlin", &never);
    refused("2026-04-05T01:45", "Australia/Lord_Howe", &["01:45:00+11:00", "01:45:00+10:30"]);
    refused("2026-10-04T02:15", "Australia/Lord_Howe", &["02:15:00+10:30", "02:15:00+11:00"]);
    refused("2011-12-30T12:00", "Pacific/Apia", &["2011-12-30T12:00:00-10:00", "2011-12-30T12:00:00+14:00"]);
    // The readings that a refusal names are taken.
    check("2026-10-25T02:30:00+02:00", "Europe/Berlin", "2026-10-25T00:30:00Z");
    check("2026-03-29T02:30:00+01:00", "Europe/Berlin", "2026-03-29T01:30:00Z");
}

#[test]
fn date_that_the_calendar_left_out_is_refused() {
    refused("2011-12-30", "Pacific/Apia", &["does not exist", "write 2011-12-31"]);
    refused("1993-08-21", "Pacific/Kwajalein", &["does not exist", "write 1993-08-22"]);
    check("2011-12-31", "Pacific/Apia", "2011-12-30T10:00:00Z");
}

#[test]
fn bound_inside_a_minute_is_refused_with_the_minutes_beside_it() {
    let beside = ["2026-11-22T14:00:00Z", "2026-11-22T14:01:00Z"];
    for text in
        ["2026-11-22T14:00:30Z", "2026-11-22T14:00:00.5Z", "2026-11-22T14:00:00.0000001Z", "2026-11-22T14:00:01"]
    {
        refused(text, "UTC", &beside);
    }
    refused("2026-11-22T14:00:30Z", "Europe/Berlin", &["2026-11-22T15:00:00+01:00", "2026-11-22T15:01:00+01:00"]);
    refused("1971-06-01", "Africa/Monrovia", &["1971-06-01T00:44:30Z", "1971-06-01T00:44:00Z", "1971-06-01T00:45:00Z"]);
    check("1972-02-01", "Africa/Monrovia", "1972-02-01T00:00:00Z");
}

#[test]
fn hour_of_the_log_is_no_part_of_an_hour() {
    assert_eq!(hour("2026-11-22T14").unwrap().to_string(), "2026-11-22T14");
    assert_eq!(hour("2026-11-22T14:00:00+02:00").unwrap().to_string(), "2026-11-22T12");
    for text in ["2026-11-22", "2026-11-22T14:30", "2026-11-22T1", "2026-11-22T+1", "2026-11-22T24", ""] {
        assert!(hour(text).is_err(), "{text}");
    }
    let found = read("2026-11-22", "Asia/Kathmandu", Unit::Hour);
    assert!(found.contains("2026-11-22T00:00:00+05:45") || found.contains("2026-11-21T18:15:00Z"), "{found}");
    assert!(found.contains("2026-11-21T23:45:00+05:45") && found.contains("2026-11-22T00:45:00+05:45"), "{found}");
    assert_eq!(read("2026-11-22", "Europe/Berlin", Unit::Hour), "2026-11-21T23:00:00Z");
}

#[test]
fn other_text_is_refused_and_nothing_panics() {
    let texts = [
        "",
        "x",
        "2026",
        "2026-11",
        "2026-11-31",
        "2026-13-01",
        "0000-01-01",
        "+026-01-01",
        "2026-1-01",
        "2026-11-22T",
        "2026-11-22T25:00",
        "2026-11-22T14:60",
        "2026-11-22T14:00:60Z",
        "2026-11-22T14:00:00.Z",
        "2026-11-22T14:00+1",
        "2026-11-22T14:00:00+24:00",
        "2026-11-22T14:00:00+02:60",
        "2026-11-22T14:00:00 +02:00",
        "2026-11-22Z",
        "2026-11-22T14:00:00ZZ",
        "2026-11-2é",
        "２０２６-11-22",
        "2026-11-22T14:00:00é",
        "9999-12-32",
    ];
    for text in texts {
        refused(text, "UTC", &["is neither a date nor a time"]);
    }
    check("9999-12-31", "UTC", "9999-12-31T00:00:00Z");
    check("0001-01-01", "+23:59", "0000-12-31T00:01:00Z");
}

fn between(from: Option<&str>, to: Option<&str>, zone: &str) -> Result<Range, Error> {
    Range::parse(from, to, &zone.parse().unwrap(), Unit::Minute)
}

#[test]
fn range_that_holds_nothing_is_an_error() {
    let error = between(Some("2026-11-23"), Some("2026-11-22"), "UTC").unwrap_err().to_string();
    assert!(error.contains("ends before it begins") && error.contains("2026-11-23T00:00:00Z"), "{error}");
    let error = between(Some("2026-11-22"), Some("2026-11-22"), "Asia/Shanghai").unwrap_err().to_string();
    assert!(error.contains("exclusive") && error.contains("2026-11-22T00:00:00+08:00"), "{error}");
    let error = between(Some("2026-11-22T14:00:30Z"), None, "UTC").unwrap_err().to_string();
    assert!(error.starts_with("--from: "), "{error}");
}

#[test]
fn days_that_clocks_entered_twice_are_taken_whole() {
    let zone = "America/St_Johns";
    let range = between(Some("2006-10-28"), Some("2006-10-29"), zone).unwrap();
    let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
    // 00:00 of the 29th for a minute, then 23:01 of the 28th for the rest of an hour.
    assert!(range.holds(at("2006-10-29T02:29:59.999999Z")));
    assert!(!range.holds(at("2006-10-29T02:30:00Z")));
    assert!(range.holds(at("2006-10-29T02:31:00Z")));
    assert!(range.holds(at("2006-10-29T03:29:00Z")));
    assert!(!range.holds(at("2006-10-29T03:30:00Z")));
    assert_eq!(range.pieces().count(), 2);
    assert_eq!(Range::everything().pieces().collect::<Vec<_>>(), [(None, None)]);
}

#[test]
fn month_is_a_month_of_the_zone() {
    let pieces = |text: &str, zone: &str| {
        let range = Range::month(text, &zone.parse().unwrap()).map_err(|error| error.to_string())?;
        let pieces = range.pieces().map(|(from, to)| format!("{}..{}", from.unwrap(), to.unwrap()));
        Ok::<_, String>(pieces.collect::<Vec<_>>().join(" "))
    };
    let expected = "2026-09-30T22:00:00.000000Z..2026-10-31T23:00:00.000000Z";
    assert_eq!(pieces("2026-10", "Europe/Berlin").unwrap(), expected);
    // Kiritimati's calendar went from the 30th of December 1994 to New Year's Day.
    let expected = "1994-12-01T10:00:00.000000Z..1994-12-31T10:00:00.000000Z";
    assert_eq!(pieces("1994-12", "Pacific/Kiritimati").unwrap(), expected);
    for text in ["2026-13", "2026", "2026-10-01", "", "2026-1"] {
        assert!(pieces(text, "UTC").unwrap_err().contains("is not a month"), "{text}");
    }
    assert!(pieces("1971-06", "Africa/Monrovia").unwrap_err().contains("whole minutes"));
}
