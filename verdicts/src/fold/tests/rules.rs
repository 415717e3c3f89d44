//! Every detector at its boundaries.

use std::sync::Arc;

use clicktrail_log::event::Kind;

use super::world::{NOON, SECOND, World, event, reasons, rule, ruleset};
use crate::{
    fold::{Fold, Originals},
    verdict::{Category, Decision},
};

const MILLI: i64 = 1000;

fn found(world: &World, detector: &str, parameters: &str) -> Vec<(String, String)> {
    world.found(&rule(detector, parameters))
}

fn one(id: &str, reasons: &str) -> Vec<(String, String)> {
    vec![(id.to_owned(), reasons.to_owned())]
}

#[test]
fn duplicate_names_the_first_event_of_its_kind_and_id() {
    let mut world = World::default();
    world.click("a", NOON, |_| ()).click("b", NOON, |_| ()).click("a", NOON, |_| ());
    world.add(event(Kind::Conversion, "a", NOON)).add(event(Kind::Impression, "b", NOON));
    world.add(event(Kind::Conversion, "a", NOON)).click("a", NOON + 7199 * SECOND, |_| ());
    assert_eq!(
        found(&world, "duplicate", ""),
        [
            ("a".to_owned(), "duplicate(original=1.1.0)".to_owned()),
            ("a".to_owned(), "duplicate(original=1.4.0)".to_owned()),
            ("a".to_owned(), "duplicate(original=1.1.0)".to_owned()),
        ]
    );
    let finding = world.findings(&rule("duplicate", "")).remove(0);
    assert_eq!(
        (finding.decision, finding.category, finding.score_permille),
        (Decision::Invalid, Some(Category::Duplicate), 1000)
    );
}

/// A batch that is sent again: only the first of each impression and conversion is valid.
#[test]
fn impressions_and_conversions_sent_again_are_duplicates() {
    let mut world = World::default();
    for _ in 0..2 {
        world.add(event(Kind::Impression, "i-1", NOON)).add(event(Kind::Conversion, "i-1", NOON));
        world.add(event(Kind::Probe, "i-1", NOON)).add(event(Kind::Prefetch, "i-1", NOON));
    }
    let duplicates = ["1.1.0", "1.2.0"].map(|first| ("i-1".to_owned(), format!("duplicate(original={first})")));
    assert_eq!(found(&world, "duplicate", ""), duplicates);
    assert_eq!(found(&world, "duplicate", "kinds = [\"conversion\"]"), duplicates[1..]);
    assert!(found(&world, "duplicate", "kinds = [\"click\"]").is_empty());
}

#[test]
fn what_one_event_shows_is_judged_of_every_kind_that_counts() {
    let fired = |kind: Kind, agent: Option<&'static str>, ip: Option<&'static str>| {
        let mut world = World::default();
        let mut event = event(kind, "e", NOON);
        event.user_agent = agent.map(Into::into);
        event.ip = ip.map(Into::into);
        event.device_type = Some("desktop".into());
        world.add(event);
        let rules = "[[rule]]\ndetector = \"suspicious_agent\"\n[[rule]]\ndetector = \"device_mismatch\"\n\
             [[rule]]\ndetector = \"datacentre\"\nlists = [\"list.txt\"]\n";
        let found = world.findings(&ruleset(rules));
        found
            .iter()
            .flat_map(|finding| &finding.reasons)
            .map(|reason| reason.rule.clone())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15";
    for (kind, robot, missing, phone, listed) in [
        (Kind::Click, "suspicious_agent", "suspicious_agent", "device_mismatch", "datacentre"),
        (Kind::Impression, "suspicious_agent", "suspicious_agent", "device_mismatch", "datacentre"),
        // Servers report conversions: what they do not say of the visitor is not held against it.
        (Kind::Conversion, "suspicious_agent", "", "", "datacentre"),
        (Kind::Probe, "", "", "", ""),
        (Kind::Prefetch, "", "", "", ""),
    ] {
        assert_eq!(fired(kind, Some("curl/8.16.0"), None), robot, "{kind}");
        assert_eq!(fired(kind, Some("-"), None), missing, "{kind}");
        assert_eq!(fired(kind, None, None), "", "{kind}");
        assert_eq!(fired(kind, Some(iphone), None), phone, "{kind}");
        assert_eq!(fired(kind, Some("Firefox/143.0"), Some("203.0.113.9")), listed, "{kind}");
    }
}

#[test]
fn duplicate_sees_what_was_logged_within_the_look_back() {
    let at = |logged: &[i64]| {
        let mut world = World::default();
        for seconds in logged {
            world.add_logged(event(Kind::Click, "a", NOON), NOON + seconds * SECOND);
        }
        found(&world, "duplicate", "").into_iter().map(|(_, reasons)| reasons).collect::<Vec<_>>()
    };
    assert_eq!(at(&[0, 7199]), ["duplicate(original=1.1.0)"]);
    assert!(at(&[0, 7200]).is_empty());
    assert_eq!(at(&[0, 5000, 7300]), ["duplicate(original=1.1.0)", "duplicate(original=1.2.0)"]);
    assert_eq!(at(&[600, 0, 7250]).last().unwrap(), "duplicate(original=1.1.0)");
    assert_eq!(at(&[0, 600, 7250]).last().unwrap(), "duplicate(original=1.2.0)");
}

#[test]
fn duplicate_is_of_one_advertiser_and_ad() {
    let mut world = World::default();
    let of = |advertiser: &'static str, ad: &'static str| {
        move |click: &mut clicktrail_log::event::Event<'static>| {
            (click.advertiser_id, click.ad_id) = (advertiser.into(), ad.into());
        }
    };
    world.click("1", NOON, of("a", "x")).click("1", NOON, of("b", "x")).click("1", NOON, of("b", "y"));
    // Nor do two texts that are divided elsewhere.
    world.click("1", NOON, of("bx", "y")).click("1", NOON, of("b", "xy"));
    assert!(found(&world, "duplicate", "").is_empty());
    world.click("1", NOON, of("b", "y"));
    assert_eq!(found(&world, "duplicate", ""), one("1", "duplicate(original=1.3.0)"));
}

#[test]
fn duplicate_sees_its_own_window() {
    let mut world = World::default();
    for seconds in [0, 3599, 7198, 10_798] {
        world.add_logged(event(Kind::Click, "a", NOON), NOON + seconds * SECOND);
    }
    let one_hour = found(&world, "duplicate", "window_hours = 1");
    let originals: Vec<_> = one_hour.iter().map(|(_, reasons)| reasons.as_str()).collect();
    assert_eq!(originals, ["duplicate(original=1.1.0)", "duplicate(original=1.2.0)"]);
}

#[test]
fn original_in_the_archive_is_named_only_if_it_is_earlier() {
    let mut world = World::default();
    world.add_logged(event(Kind::Click, "a", NOON), NOON + 72_000 * SECOND);
    let batch = super::world::batch(&world.entries);
    let ruleset = rule("duplicate", "");
    const DAY: i64 = 86_400 * SECOND;
    for (position, is_found) in [("1.0.9", true), ("1.1.0", false), ("1.2.0", false)] {
        let mut originals = Originals::none();
        originals.add(0, DAY, position.parse().unwrap());
        originals.add(0, DAY + 1, "1.0.0".parse().unwrap());
        originals.add(1, DAY, "1.0.0".parse().unwrap());
        let findings = Fold::new(Arc::clone(&ruleset)).judge(&batch, &originals).unwrap();
        let names: Vec<_> = findings.iter().map(reasons).collect();
        assert_eq!(names, if is_found { vec![format!("duplicate(original={position})")] } else { vec![] });
    }
}

#[test]
fn every_event_that_is_billed_may_have_an_original_beyond_the_look_back() {
    let candidates = |ruleset: &str, kind: Kind| {
        let mut world = World::default();
        world.add(event(kind, "a", NOON));
        Fold::new(super::world::ruleset(ruleset)).candidates(&super::world::batch(&world.entries)).unwrap().len()
    };
    let duplicate = "[[rule]]\ndetector = \"duplicate\"\n";
    assert_eq!(Kind::ALL.map(|kind| candidates(duplicate, kind)), [1, 1, 1, 0, 0]);
    let within = format!("{duplicate}window_hours = 2\n");
    assert_eq!(candidates(&within, Kind::Click), 0, "the state knows all of the window");
    assert_eq!(candidates("[[rule]]\ndetector = \"device_mismatch\"\n", Kind::Click), 0);
}

#[test]
fn double_click_looks_sixty_seconds_back_and_not_at_sixty() {
    for (gap, expected) in [(60 * SECOND, None), (60 * SECOND - 1, Some(59_999)), (0, Some(0))] {
        let mut world = World::default();
        world.click("a", NOON, |click| click.user_id = Some("u".into()));
        world.click("b", NOON + gap, |click| click.user_id = Some("u".into()));
        let expected = expected.map(|gap| one("b", &format!("double_click(previous=1.1.0 gap_ms={gap})")));
        assert_eq!(found(&world, "double_click", ""), expected.unwrap_or_default(), "{gap}");
    }
}

#[test]
fn double_click_is_of_one_user_or_one_address_and_agent_on_one_ad() {
    let pair = |user: [Option<&'static str>; 2],
                ip: [Option<&'static str>; 2],
                agent: [Option<&'static str>; 2],
                ad: &'static str| {
        let mut world = World::default();
        for (at, later) in (0..2_usize).zip(0_i64..) {
            world.click(&at.to_string(), NOON + later, |click| {
                click.user_id = user[at].map(Into::into);
                click.ip = ip[at].map(Into::into);
                click.user_agent = agent[at].map(Into::into);
                click.ad_id = if at == 1 { ad.into() } else { "ad".into() };
            });
        }
        !found(&world, "double_click", "").is_empty()
    };
    let (none, v4, other) = ([None; 2], [Some("192.0.2.1"); 2], [Some("192.0.2.1"), Some("192.0.2.2")]);
    assert!(pair([Some("u"); 2], other, none, "ad"));
    assert!(!pair([Some("u"), Some("v")], v4, none, "ad"));
    assert!(!pair([Some("u"); 2], v4, none, "other"));
    assert!(!pair([Some("u"), None], v4, none, "ad"));
    assert!(pair(none, v4, [Some("agent"); 2], "ad"));
    assert!(pair(none, v4, none, "ad"));
    assert!(!pair(none, v4, [Some("agent"), None], "ad"));
    assert!(!pair(none, other, [Some("agent"); 2], "ad"));
    assert!(!pair(none, none, [Some("agent"); 2], "ad"));
}

#[test]
fn late_click_is_compared_with_the_nearest_before_it_in_event_time() {
    let mut world = World::default();
    let user = |click: &mut clicktrail_log::event::Event<'static>| click.user_id = Some("u".into());
    world.click("a", NOON, user).click("b", NOON + 500 * SECOND, user);
    let mut late = event(Kind::Click, "late", NOON + 30 * SECOND);
    late.user_id = Some("u".into());
    world.add_logged(late, NOON + 501 * SECOND);
    assert_eq!(found(&world, "double_click", ""), one("late", "double_click(previous=1.1.0 gap_ms=30000)"));
}

#[test]
fn address_rate_fires_over_its_limit_within_a_half_open_window() {
    let clicks = |times: &[i64]| {
        let mut world = World::default();
        for (index, time) in times.iter().enumerate() {
            world.click(&index.to_string(), NOON + time, |click| click.ip = Some("192.0.2.1".into()));
        }
        found(&world, "address_rate", "clicks_max = 3")
    };
    assert!(clicks(&[0, 1, 2]).is_empty());
    assert_eq!(clicks(&[0, 0, 0, 0]), one("3", "address_rate(clicks=4 clicks_max=3 window_ms=60000)"));
    assert!(clicks(&[0, 1, 2, 60 * SECOND]).is_empty());
    assert_eq!(clicks(&[1, 1, 2, 60 * SECOND]).len(), 1);
    // One that comes late is judged by its own window, and those before it stay as they were.
    assert!(clicks(&[0, 1, 2 * SECOND, 90 * SECOND, 2 * SECOND]).len() == 1);
    assert!(clicks(&[5, 6, 7, 4]).is_empty());
}

#[test]
fn address_rate_counts_addresses_apart_and_ignores_what_is_none() {
    let mut world = World::default();
    for (index, ip) in ["192.0.2.1", "192.0.2.2", "192.0.2.1", "not an address", "not an address", "::ffff:192.0.2.1"]
        .into_iter()
        .enumerate()
    {
        world.click(&index.to_string(), NOON, |click| click.ip = Some(ip.into()));
    }
    world.click("none", NOON, |_| ()).click("none again", NOON, |_| ());
    assert_eq!(
        found(&world, "address_rate", "clicks_max = 2"),
        one("5", "address_rate(clicks=3 clicks_max=2 window_ms=60000)")
    );
}

#[test]
fn rate_rules_under_several_names_fire_each_by_its_own_limit() {
    let rules: String = [2, 4]
        .map(|max| format!("[[rule]]\ndetector = \"address_rate\"\nname = \"over_{max}\"\nclicks_max = {max}\nweight_permille = 400\n"))
        .concat();
    let mut world = World::default();
    for index in 0..5 {
        world.click(&index.to_string(), NOON, |click| click.ip = Some("192.0.2.1".into()));
    }
    let findings = world.findings(&ruleset(&rules));
    let summary: Vec<_> = findings
        .iter()
        .map(|finding| (finding.event_id.as_str(), finding.reasons.len(), finding.decision, finding.category))
        .collect();
    assert_eq!(
        summary,
        [
            ("2", 1, Decision::Valid, None),
            ("3", 1, Decision::Valid, None),
            ("4", 2, Decision::Invalid, Some(Category::Sivt))
        ]
    );
}

#[test]
fn suspicious_agent_is_missing_or_listed() {
    let check = |agent: Option<&'static str>, parameters: &str, expected: &str| {
        let mut world = World::default();
        world.click("a", NOON, |click| click.user_agent = agent.map(Into::into));
        let expected = if expected.is_empty() { vec![] } else { one("a", &format!("suspicious_agent({expected})")) };
        assert_eq!(found(&world, "suspicious_agent", parameters), expected, "{agent:?}");
    };
    check(None, "", "");
    check(Some("-"), "", "user_agent=missing");
    check(Some("  "), "", "user_agent=missing");
    check(Some("curl/8.16.0"), "", "list=crawlers.txt pattern=^curl");
    check(
        Some("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
        "",
        "list=crawlers.txt pattern=Googlebot/",
    );
    check(Some("Evil Browser"), "", "");
    check(Some("Evil Browser"), "lists = [\"bots.txt\"]", "list=bots.txt pattern=Evil");
    check(Some("curl/8.16.0"), "shipped_lists = false", "");
    check(Some("\u{0}\u{ffff}🦀"), "", "");
}

#[test]
fn impossible_click_follows_its_impression_by_less_than_the_gap() {
    let pair = |gap: i64, ad: &'static str, order: [usize; 2]| {
        let mut impression = event(Kind::Impression, "i", NOON + 500 * MILLI);
        impression.user_id = Some("u".into());
        let mut click = event(Kind::Click, "c", NOON + 500 * MILLI + gap);
        click.user_id = Some("u".into());
        click.ad_id = ad.into();
        let both = [impression, click];
        let mut world = World::default();
        order.iter().for_each(|index| {
            world.add_logged(both[*index].clone(), NOON);
        });
        found(&world, "impossible_click", "")
    };
    assert_eq!(pair(0, "ad", [0, 1]), one("c", "impossible_click(impression=1.1.0 gap_ms=0)"));
    assert_eq!(pair(100 * MILLI - 1, "ad", [0, 1]), one("c", "impossible_click(impression=1.1.0 gap_ms=99)"));
    assert!(pair(100 * MILLI, "ad", [0, 1]).is_empty());
    assert!(pair(-1, "ad", [0, 1]).is_empty());
    assert!(pair(0, "other", [0, 1]).is_empty());
    assert!(pair(50, "ad", [1, 0]).is_empty(), "a fold does not look ahead");
    for (seconds, is_found) in [(600, true), (601, false)] {
        let mut world = World::default();
        world.add_logged(event(Kind::Impression, "i", NOON + MILLI), NOON);
        world.add_logged(event(Kind::Click, "c", NOON + MILLI), NOON + seconds * SECOND);
        world.entries.iter_mut().for_each(|entry| entry.event.user_id = Some("u".into()));
        assert_eq!(!found(&world, "impossible_click", "").is_empty(), is_found, "logged {seconds} s apart");
    }
}

#[test]
fn times_in_whole_seconds_are_no_evidence_of_a_fast_click() {
    let pair = |impression: i64, click: i64, parameters: &str| {
        let mut world = World::default();
        for (kind, id, time) in [(Kind::Impression, "i", impression), (Kind::Click, "c", click)] {
            let mut event = event(kind, id, NOON + time);
            event.user_id = Some("u".into());
            world.add_logged(event, NOON);
        }
        found(&world, "impossible_click", parameters).len()
    };
    assert_eq!(pair(MILLI, 2 * MILLI, ""), 1);
    assert_eq!(pair(0, 0, ""), 0, "both are whole seconds");
    assert_eq!(pair(0, MILLI, ""), 0, "the impression is");
    assert_eq!(pair(950 * MILLI, SECOND, ""), 0, "the click is");
    assert_eq!(pair(0, 3 * SECOND, "gap_ms_min = 5000"), 0);
    assert_eq!(pair(MILLI, 3 * SECOND + MILLI, "gap_ms_min = 5000"), 1);
}

#[test]
fn addresses_of_one_version_6_network_are_one_for_rates_farms_and_repeats() {
    let ips = ["2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:1::3", "2001:db8:0:2::4"];
    let mut world = World::default();
    for (ip, user) in ips.iter().zip(["a", "b", "c", "d"]) {
        world.click(ip, NOON, |click| {
            click.ip = Some((*ip).into());
            click.user_id = Some(user.into());
        });
    }
    let third = |detector: &str, parameters: &str| {
        found(&world, detector, parameters).into_iter().map(|(id, _)| id).collect::<Vec<_>>()
    };
    assert_eq!(third("address_rate", "clicks_max = 2"), [ips[2]]);
    assert_eq!(third("click_farm", "users_max = 2"), [ips[2]]);
    let lengths = |prefix: u32| {
        let text = format!("ipv6_prefix = {prefix}\n[[rule]]\ndetector = \"address_rate\"\nclicks_max = 2\n");
        world.found(&ruleset(&text)).len()
    };
    assert_eq!([48, 64, 128].map(lengths), [2, 1, 0]);
    let mut repeats = World::default();
    for ip in ["2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:2::1", "192.0.2.1", "::ffff:192.0.2.1"] {
        repeats.click(ip, NOON, |click| click.ip = Some(ip.into()));
    }
    let repeats: Vec<_> = found(&repeats, "double_click", "").into_iter().map(|(id, _)| id).collect();
    assert_eq!(repeats, ["2001:db8:0:1::2", "::ffff:192.0.2.1"]);
}

#[test]
fn double_click_may_look_at_users_or_at_addresses_alone() {
    let mut world = World::default();
    for (id, user) in [("u1", Some("u")), ("u2", Some("u")), ("a1", None), ("a2", None)] {
        world.click(id, NOON, |click| {
            click.ip = Some("192.0.2.1".into());
            click.user_id = user.map(Into::into);
        });
    }
    let ids = |who: &str| {
        found(&world, "double_click", &format!("who = \"{who}\"")).into_iter().map(|(id, _)| id).collect::<Vec<_>>()
    };
    assert_eq!(
        (ids("any"), ids("user"), ids("address")),
        (vec!["u2".into(), "a2".into()], vec!["u2".into()], vec!["a2".into()])
    );
}

#[test]
fn impossible_travel_compares_with_the_last_event_elsewhere() {
    let travel = |events: &[(Kind, i64, &'static str)], parameters: &str| {
        let mut world = World::default();
        for (index, (kind, seconds, ip)) in events.iter().enumerate() {
            let mut event = event(*kind, &index.to_string(), NOON + MILLI + seconds * SECOND);
            event.user_id = Some("u".into());
            event.ip = Some((*ip).into());
            world.add(event);
        }
        found(&world, "impossible_travel", &format!("database = \"city.mmdb\"\n{parameters}"))
    };
    const BERLIN: &str = "10.1.0.1";
    const PARIS: &str = "10.2.0.1";
    use Kind::{Click, Impression};
    let hour_to_paris = |seconds| travel(&[(Click, 0, BERLIN), (Click, seconds, PARIS)], "");
    let evidence = |gap: i64| {
        one("1", &format!("impossible_travel(previous=1.1.0 distance_km=877 gap_ms={gap} speed_kmh_max=1000)"))
    };
    assert_eq!(hour_to_paris(3157), evidence(3_157_000));
    assert!(hour_to_paris(3159).is_empty());
    assert_eq!(hour_to_paris(0), evidence(0));
    let back_in_time = travel(&[(Click, 60, BERLIN), (Click, 0, PARIS)], "");
    assert_eq!(back_in_time, evidence(60_000));
    // The impression feeds, the click is judged, and the second click at the far end too.
    let found = travel(&[(Impression, 0, BERLIN), (Impression, 60, PARIS), (Click, 61, PARIS), (Click, 62, PARIS)], "");
    assert_eq!(found.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["2", "3"]);
    assert!(travel(&[(Click, 0, BERLIN), (Click, 0, "10.3.0.1")], "").is_empty(), "Potsdam is too near");
    assert_eq!(travel(&[(Click, 0, BERLIN), (Click, 0, "10.3.0.1")], "distance_km_min = 20").len(), 1);
    assert!(travel(&[(Click, 0, BERLIN), (Click, 0, "172.16.0.1")], "").is_empty(), "nowhere known");
    assert!(travel(&[(Click, 0, BERLIN), (Click, 0, "nonsense")], "").is_empty());
    assert!(travel(&[(Click, 0, BERLIN), (Click, 7200, "10.4.0.1")], "").is_empty(), "out of the look-back");
    assert_eq!(travel(&[(Click, 0, BERLIN), (Click, 7199, "10.4.0.1")], "").len(), 1);
    assert!(World::default().found(&rule("impossible_travel", "")).is_empty());
}

#[test]
fn click_farm_counts_distinct_users_of_an_hour() {
    let farm = |clicks: &[(i64, Option<&'static str>)]| {
        let mut world = World::default();
        for (index, (seconds, user)) in clicks.iter().enumerate() {
            world.click(&index.to_string(), NOON + seconds * SECOND, |click| {
                click.ip = Some("192.0.2.1".into());
                click.user_id = user.map(Into::into);
            });
        }
        found(&world, "click_farm", "users_max = 2")
            .into_iter()
            .map(|(id, reasons)| format!("{id} {reasons}"))
            .collect::<Vec<_>>()
    };
    let (a, b, c, d) = (Some("a"), Some("b"), Some("c"), Some("d"));
    assert!(farm(&[(0, a), (0, b), (0, a), (1, b), (1, None)]).is_empty());
    assert_eq!(farm(&[(0, a), (0, b), (0, c)]), ["2 click_farm(users=3 users_max=2 window_ms=3600000)"]);
    assert!(farm(&[(0, a), (1, b), (3600, c)]).is_empty());
    assert_eq!(farm(&[(1, a), (1, b), (3600, c), (3600, None), (3601, d)]).len(), 2);
    // Late ones: each by its own window.
    assert_eq!(farm(&[(0, a), (10, b), (20, c), (4000, d), (15, d), (5, None)]).len(), 2);
}

#[test]
fn listed_addresses_name_list_and_line_and_never_the_address() {
    for (detector, parameters) in [("click_farm", "addresses = \"list.txt\""), ("datacentre", "lists = [\"list.txt\"]")]
    {
        let mut world = World::default();
        for ip in ["203.0.113.0", "203.0.113.255", "203.0.114.0", "x", "2001:db8::1"] {
            world.click(ip, NOON, |click| click.ip = Some(ip.into()));
        }
        let reasons = format!("{detector}(list=list.txt line=2)");
        let expected = [("203.0.113.0".to_owned(), reasons.clone()), ("203.0.113.255".to_owned(), reasons)];
        assert_eq!(found(&world, detector, parameters), expected);
    }
}

#[test]
fn device_mismatch_says_what_was_declared_and_what_the_agent_says() {
    let mut world = World::default();
    for (id, device, os) in [("fits", "desktop", "Windows"), ("lies", "mobile", "iOS"), ("half", "desktop", "Android")]
    {
        world.click(id, NOON, |click| {
            click.user_agent = Some("Mozilla/5.0 (Windows NT 10.0; Win64; x64)".into());
            click.device_type = Some(device.into());
            click.os = Some(os.into());
        });
    }
    assert_eq!(
        found(&world, "device_mismatch", ""),
        [
            (
                "lies".to_owned(),
                "device_mismatch(declared_device_type=mobile agent_device_type=desktop declared_os=iOS agent_os=Windows)".to_owned()
            ),
            ("half".to_owned(), "device_mismatch(declared_os=Android agent_os=Windows)".to_owned()),
        ]
    );
}

#[test]
fn click_injection_rules_on_the_conversion() {
    let injected = |gap: i64, click_id: Option<&'static str>| {
        let mut world = World::default();
        world.click("c", NOON, |_| ());
        let mut conversion = event(Kind::Conversion, "v", NOON + gap);
        conversion.click_event_id = click_id.map(Into::into);
        world.add(conversion);
        found(&world, "click_injection", "")
    };
    assert_eq!(injected(10 * SECOND - 1, Some("c")), one("v", "click_injection(click=1.1.0 gap_ms=9999)"));
    assert_eq!(injected(0, Some("c")), one("v", "click_injection(click=1.1.0 gap_ms=0)"));
    assert!(injected(10 * SECOND, Some("c")).is_empty());
    assert!(injected(-1, Some("c")).is_empty());
    assert!(injected(0, Some("other")).is_empty());
    assert!(injected(0, None).is_empty());
}

#[test]
fn disabled_rules_find_nothing_and_say_so() {
    let ruleset = rule("duplicate", "enabled = false");
    let mut world = World::default();
    world.click("a", NOON, |_| ()).click("a", NOON, |_| ());
    assert!(world.found(&ruleset).is_empty());
    assert_eq!(ruleset.notes(), ["duplicate is off: the ruleset disables it"]);
}

#[test]
fn category_of_a_rule_may_be_set() {
    let mut world = World::default();
    world.click("a", NOON, |click| click.user_agent = Some("-".into()));
    let ruleset = rule("suspicious_agent", "category = \"policy\"\nweight_permille = 701");
    assert_eq!(world.findings(&ruleset)[0].category, Some(Category::Policy));
}

#[test]
fn placeholder_is_no_user() {
    for user in ["null", "undefined", "-", "{{uid}}", "[UID]", "%%USER%%", "00000000-0000-0000-0000-000000000000"] {
        let mut world = World::default();
        for (id, ip) in [("a", "192.0.2.1"), ("b", "192.0.2.2")] {
            world.click(id, NOON, |click| (click.user_id, click.ip) = (Some(user.into()), Some(ip.into())));
        }
        assert!(found(&world, "double_click", "").is_empty(), "{user}");
    }
}
