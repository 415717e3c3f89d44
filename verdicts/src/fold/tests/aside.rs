//! A robot that comes first unbills nobody.

use std::sync::Arc;

use clicktrail_log::event::{Event, Kind};

use super::world::{NOON, SECOND, World, event, reasons, rule, ruleset};
use crate::{
    ruleset::Ruleset,
    verdict::{Category, Decision},
};

const PERSON: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";
const CLOUD: &str = "3.5.140.1";
const HOME: &str = "192.0.2.1";

/// Address and agent of what is invalid by itself under the shipped rules.
const ROBOTS: [(&str, &str); 4] = [(HOME, "curl/8.16.0"), (CLOUD, PERSON), (HOME, "-"), (CLOUD, "GPTBot/1.2")];

fn by((ip, agent): (&'static str, &'static str), kind: Kind, id: &str, time: i64) -> Event<'static> {
    let mut event = event(kind, id, time);
    (event.ip, event.user_agent) = (Some(ip.into()), Some(agent.into()));
    event
}

/// What is found of events that came one after the other: each with its category, and what its reasons say.
fn judged(
    rules: &Arc<Ruleset>,
    events: impl IntoIterator<Item = Event<'static>>,
) -> Vec<(String, Option<Category>, String)> {
    let mut world = World::default();
    events.into_iter().for_each(|event| _ = world.add(event));
    let found = world.findings(rules);
    found.iter().map(|found| (found.target.to_string(), found.category, reasons(found))).collect()
}

fn invalid(rules: &Arc<Ruleset>, events: impl IntoIterator<Item = Event<'static>>) -> Vec<(String, Option<Category>)> {
    let found = judged(rules, events).into_iter().filter(|(_, category, _)| category.is_some());
    found.map(|(target, category, _)| (target, category)).collect()
}

#[test]
fn person_who_follows_a_link_that_a_robot_fetched_first_is_billed_once() {
    let rules = Arc::new(Ruleset::shipped());
    for robot in ROBOTS {
        for kind in [Kind::Click, Kind::Impression, Kind::Conversion] {
            if kind == Kind::Conversion && robot.1 == "-" {
                continue;
            }
            let events = [robot, robot, (HOME, PERSON), (HOME, PERSON), robot, (HOME, PERSON)];
            let events = (0..).zip(events).map(|(turn, who)| by(who, kind, "fixed", NOON + turn * 1000 * SECOND));
            let found = judged(&rules, events);
            let expected = [
                ("1.1.0", Category::Givt, ""),
                ("1.2.0", Category::Givt, ""),
                ("1.4.0", Category::Duplicate, "duplicate(original=1.3.0)"),
                ("1.5.0", Category::Duplicate, "duplicate(original=1.3.0)"),
                ("1.6.0", Category::Duplicate, "duplicate(original=1.3.0)"),
            ];
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for ((target, category, reasons), (position, expected, original)) in found.iter().zip(expected) {
                assert_eq!((target.as_str(), *category), (position, Some(expected)), "{robot:?}: {reasons}");
                assert!(reasons.starts_with(original), "{reasons}");
            }
        }
    }
}

#[test]
fn person_who_clicks_within_a_minute_after_a_robot_of_the_same_user_is_billed_once() {
    let rules = Arc::new(Ruleset::shipped());
    for robot in ROBOTS {
        let click = |(turn, who): (i64, (&'static str, &'static str))| {
            let mut click = by(who, Kind::Click, &turn.to_string(), NOON + turn * 10 * SECOND);
            click.user_id = Some("u".into());
            click
        };
        let events = (0..).zip([robot, (HOME, PERSON), robot, (HOME, PERSON)]).map(click);
        let expected = [
            ("1.1.0".to_owned(), Some(Category::Givt)),
            ("1.3.0".to_owned(), Some(Category::Duplicate)),
            ("1.4.0".to_owned(), Some(Category::Duplicate)),
        ];
        assert_eq!(invalid(&rules, events), expected, "{robot:?}");
    }
}

/// A ruleset in which agents decide, and one more rule.
fn and(more: &str) -> Arc<Ruleset> {
    ruleset(&format!("[[rule]]\ndetector = \"suspicious_agent\"\ndecides = true\n[[rule]]\n{more}\n"))
}

#[test]
fn what_a_robot_did_is_held_against_no_person() {
    let (robot, person) = (("10.4.0.1", "curl/8.0"), ("10.1.0.1", PERSON));
    let with = |mut event: Event<'static>, change: fn(&mut Event<'static>)| {
        change(&mut event);
        event
    };
    let named = |event| with(event, |event| event.user_id = Some("u".into()));
    let odd = NOON + 1;
    let injection = |who| {
        let conversion = with(by(person, Kind::Conversion, "v", NOON + 6 * SECOND), |conversion| {
            conversion.click_event_id = Some("c".into());
        });
        [by(who, Kind::Click, "c", NOON), conversion]
    };
    let travel = |who| [named(by(who, Kind::Click, "a", odd)), named(by(person, Kind::Click, "b", odd + 300 * SECOND))];
    let too_fast =
        |who| [named(by(who, Kind::Impression, "i", odd)), named(by(person, Kind::Click, "c", odd + 50_000))];
    let elsewhere = ("10.4.0.1", PERSON);
    type Provoked = [Event<'static>; 2];
    let cases: [(&str, Provoked, Provoked); 3] = [
        ("detector = \"click_injection\"\ndecides = true", injection(robot), injection(person)),
        (
            "detector = \"impossible_travel\"\ndatabase = \"city.mmdb\"\ndecides = true",
            travel(robot),
            travel(elsewhere),
        ),
        ("detector = \"impossible_click\"\ndecides = true", too_fast(robot), too_fast(person)),
    ];
    for (rule, after_robot, after_person) in cases {
        let (of_robot, of_person) = (invalid(&and(rule), after_robot), invalid(&and(rule), after_person));
        assert_eq!(of_robot, [("1.1.0".to_owned(), Some(Category::Givt))], "{rule}");
        assert_eq!(of_person, [("1.2.0".to_owned(), Some(Category::Sivt))], "{rule}: it does fire");
    }
}

#[test]
fn what_is_about_an_address_counts_everybody_behind_it() {
    let crowd = |rule: &str| {
        let clicks = (0..4).map(|turn| {
            let who = if turn < 3 { (HOME, "curl/8.0") } else { (HOME, PERSON) };
            let mut click = by(who, Kind::Click, &turn.to_string(), NOON + turn * SECOND);
            click.user_id = Some(turn.to_string().into());
            click.ad_id = turn.to_string().into();
            click
        });
        judged(&and(rule), clicks).pop().map(|(target, ..)| target)
    };
    assert_eq!(crowd("detector = \"address_rate\"\nclicks_max = 3").as_deref(), Some("1.4.0"));
    assert_eq!(crowd("detector = \"click_farm\"\nusers_max = 3").as_deref(), Some("1.4.0"));
}

#[test]
fn robot_that_is_billed_is_an_original() {
    let rules = Arc::new(Ruleset::named("scored").unwrap());
    let events = [by(ROBOTS[0], Kind::Click, "fixed", NOON), by((HOME, PERSON), Kind::Click, "fixed", NOON + SECOND)];
    let found = invalid(&rules, events);
    assert_eq!(found, [("1.2.0".to_owned(), Some(Category::Duplicate))]);
}

#[test]
fn weights_over_the_threshold_set_aside_as_deciding_does() {
    for (threshold, is_aside) in [(200, true), (300, false)] {
        let rules = ruleset(&format!(
            "threshold_permille = {threshold}\n[[rule]]\ndetector = \"duplicate\"\n[[rule]]\n\
             detector = \"suspicious_agent\"\nweight_permille = 300\n[[rule]]\ndetector = \"click_farm\"\n\
             addresses = \"list.txt\"\nweight_permille = 300\n"
        ));
        for who in [(HOME, "curl/8.0"), ("203.0.113.9", PERSON)] {
            let events = [by(who, Kind::Click, "a", NOON), by((HOME, PERSON), Kind::Click, "a", NOON + SECOND)];
            let people = invalid(&rules, events).iter().filter(|(target, _)| target == "1.2.0").count();
            assert_eq!(people == 0, is_aside, "{who:?} over {threshold}");
        }
    }
}

#[test]
fn rule_that_looks_at_other_kinds_sets_nothing_aside() {
    let rules = and("detector = \"duplicate\"\ndecides = true");
    let clicks_alone = ruleset(
        "[[rule]]\ndetector = \"suspicious_agent\"\ndecides = true\nkinds = [\"click\"]\n[[rule]]\n\
         detector = \"duplicate\"\ndecides = true\n",
    );
    let seen = || [ROBOTS[0], (HOME, PERSON)].map(|who| by(who, Kind::Impression, "i", NOON));
    assert_eq!(invalid(&rules, seen()), [("1.1.0".to_owned(), Some(Category::Givt))]);
    assert_eq!(invalid(&clicks_alone, seen()), [("1.2.0".to_owned(), Some(Category::Duplicate))]);
}

#[test]
fn warming_sets_aside_as_judging_does() {
    let rules = and("detector = \"duplicate\"\ndecides = true");
    let mut world = World::default();
    world.add(by(ROBOTS[0], Kind::Click, "a", NOON)).add(by((HOME, PERSON), Kind::Click, "a", NOON + SECOND));
    let mut fold = crate::fold::Fold::new(Arc::clone(&rules));
    fold.warm(&super::world::batch(&world.entries[..1])).unwrap();
    let found = fold.judge(&super::world::batch(&world.entries[1..]), &crate::fold::Originals::none()).unwrap();
    assert!(found.is_empty(), "{found:?}");
    let alone = rule("duplicate", "");
    assert_eq!(world.findings(&alone).len(), 1, "without the rule of agents nothing is set aside");
    assert!(world.findings(&alone).iter().all(|found| found.decision == Decision::Invalid));
}
