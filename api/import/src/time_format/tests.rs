use super::*;

fn read(format: &str, zone: Option<&str>, text: &str) -> Result<String, NoTime> {
    let zone = zone.map(|zone| zone.parse::<Zone>().unwrap());
    let time = TimeFormat::parse_name(format, zone).unwrap_or_else(|error| panic!("{error}")).parse(text);
    time.map(|time| time.to_string())
}

#[track_caller]
fn check(format: &str, text: &str, expected: Option<&str>) {
    assert_eq!(read(format, None, text).ok().as_deref(), expected, "{format}: {text}");
}

#[track_caller]
fn check_in(zone: &str, format: &str, text: &str, expected: &str) {
    assert_eq!(read(format, Some(zone), text).as_deref(), Ok(expected), "{format}: {text}");
}

#[test]
fn each_format_reads_its_own_times() {
    check("combined", "17/May/2015:10:05:03 +0000", Some("2015-05-17T10:05:03.000000Z"));
    check("combined", "01/Jan/2016:00:30:00 +0100", Some("2015-12-31T23:30:00.000000Z"));
    check("combined", "31/Dec/2015:23:30:00 -0130", Some("2016-01-01T01:00:00.000000Z"));
    check("rfc3339", "2026-11-22T14:00:00.5+01:00", Some("2026-11-22T13:00:00.500000Z"));
    check("unix_s", "1431857103", Some("2015-05-17T10:05:03.000000Z"));
    check("unix_s", "1431857103.25", Some("2015-05-17T10:05:03.250000Z"));
    check("unix_ms", "1431857103250", Some("2015-05-17T10:05:03.250000Z"));
    check("unix_us", "1431857103250001", Some("2015-05-17T10:05:03.250001Z"));
    check("%Y-%m-%d %H:%M:%S%.f %z", "2015-05-17 10:05:03.5 +0200", Some("2015-05-17T08:05:03.500000Z"));
    check("%s", "1431857103", Some("2015-05-17T10:05:03.000000Z"));
}

#[test]
fn other_spellings_of_a_web_servers_time_are_read() {
    for text in [
        "17/May/2015:10:05:03.25 +0000",
        "17/May/2015:10:05:03,250 +0000",
        "17/May/2015:10:05:03.250 +00:00",
        "17/may/2015:10:05:03.25 Z",
        "17/MAY/2015:10:05:03.25 GMT",
        "17/May/2015:15:35:03.25+0530",
        "17/May/2015:12:05:03.25 +02",
        "2015-05-17T10:05:03.250+00:00",
        "2015-05-17T12:05:03.25+0200",
        "2015-05-17 10:05:03.25Z",
        "2015-05-17 12:05:03.25 +0200",
    ] {
        check("combined", text, Some("2015-05-17T10:05:03.250000Z"));
    }
    check("combined", "7/May/2015:10:05:03 +0000", Some("2015-05-07T10:05:03.000000Z"));
}

#[test]
fn digits_behind_the_microseconds_are_cut() {
    check("unix_s", "1747040401.8666267", Some("2025-05-12T09:00:01.866626Z"));
    check("unix_s", "1747040401.99999999999999", Some("2025-05-12T09:00:01.999999Z"));
    check("unix_s", "1.7470404018666267e9", Some("2025-05-12T09:00:01.866626Z"));
    check("unix_s", "17470404018666267E-7", Some("2025-05-12T09:00:01.866626Z"));
    check("unix_ms", "1747040401866.6267", Some("2025-05-12T09:00:01.866626Z"));
    check("unix_us", "1747040401866626.7", Some("2025-05-12T09:00:01.866626Z"));
    check("combined", "12/May/2025:09:00:01.8666267 +0000", Some("2025-05-12T09:00:01.866626Z"));
    check("rfc3339", "2025-05-12T09:00:01.8666267Z", Some("2025-05-12T09:00:01.866626Z"));
    check("%Y-%m-%dT%H:%M:%S%.f%z", "2025-05-12T09:00:01.8666267+0000", Some("2025-05-12T09:00:01.866626Z"));
}

#[test]
fn a_local_time_needs_the_mappings_zone() {
    for (format, text) in [
        ("rfc3339", "2015-05-17T10:05:03"),
        ("rfc3339", "2015-05-17 10:05:03.0"),
        ("combined", "17/May/2015:10:05:03"),
        ("combined", "17/May/2015:10:05:03.000"),
        ("combined", "2015-05-17T10:05:03"),
    ] {
        assert_eq!(read(format, None, text), Err(NoTime::NoZone), "{text}");
        check_in("Europe/Berlin", format, text, "2015-05-17T08:05:03.000000Z");
    }
    let pattern = "%d.%m.%Y %H:%M:%S";
    check_in("Europe/Berlin", pattern, "17.05.2015 10:05:03", "2015-05-17T08:05:03.000000Z");
    check_in("UTC", pattern, "17.05.2015 10:05:03", "2015-05-17T10:05:03.000000Z");
    check_in("Europe/Berlin", "%Y-%m-%d %H:%M:%S CET", "2015-01-17 10:05:03 CET", "2015-01-17T09:05:03.000000Z");
    // What a time says of itself counts.
    check_in("Europe/Berlin", "combined", "17/May/2015:10:05:03 +0000", "2015-05-17T10:05:03.000000Z");
    let error = TimeFormat::parse_name(pattern, None).unwrap_err();
    assert!(error.contains("add timezone = \"Europe/Berlin\""), "{error}");
}

#[test]
fn the_name_of_a_zone_is_refused_with_what_to_write() {
    for zone in [None, Some("UTC".parse::<Zone>().unwrap())] {
        for pattern in ["%Y-%m-%d %H:%M:%S %Z", "%a %b %e %T %Z %Y"] {
            let error = TimeFormat::parse_name(pattern, zone.clone()).unwrap_err();
            assert!(error.contains("use %z") && error.contains("timezone = "), "{error}");
        }
    }
    for pattern in ["%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M:%S %:z", "%Y-%m-%d %H:%M:%S %#z", "%+", "%s"] {
        assert!(TimeFormat::parse_name(pattern, None).is_ok(), "{pattern}");
    }
}

#[test]
fn what_is_no_time_is_none() {
    for text in [
        "",
        "17/May/2015:10:05:03 +0",
        "17/Mai/2015:10:05:03 +0000",
        "31/Feb/2015:10:05:03 +0000",
        "17/May/2015:24:05:03 +0000",
        "17/May/2015:10:05:03 +2400",
        "+7/May/2015:10:05:03 +0000",
        "17/May/2015:10:05:03  0000",
        "17/May/2015:10:05:03 CET",
        "17/May/2015:10:05:03. +0000",
        "17/May/1969:10:05:03 +0000",
        "1é/May/2015:10:05:03 +000",
        "17/May/2015:10:05:0é +000",
    ] {
        check("combined", text, None);
    }
    for text in ["", "-1", "1.", ".5", "now", "1e", "1e400", "99999999999999999999", "253402300800", "1e99999999"] {
        check("unix_s", text, None);
    }
    check("unix_s", &"1".repeat(70), None);
    check("unix_ms", "9223372036854775807", None);
    check("rfc3339", "2015-05-17 10:05", None);
    check("%Y-%m-%d %H:%M:%S%z", "2015-05-17 10:05", None);
    assert!(TimeFormat::parse_name("iso", None).is_err());
    assert!(TimeFormat::parse_name("%Q", None).is_err());
}
