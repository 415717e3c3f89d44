//! What the shipped rulesets must call invalid, whatever their weights and numbers are.

use std::sync::Arc;

use clicktrail_log::event::{Event, Kind};

use super::world::{NOON, SECOND, World, event};
use crate::{
    fold::Finding,
    ruleset::Ruleset,
    verdict::{Category, Decision},
};

const PERSON: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";
const ROBOT: &str = "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)";
/// An address that a cloud provider publishes as its own.
const CLOUD: &str = "3.5.140.1";
const HOME: &str = "192.0.2.1";

fn judged(ruleset: &str, events: impl IntoIterator<Item = Event<'static>>) -> Vec<Finding> {
    let mut world = World::default();
    for event in events {
        world.add(event);
    }
    world.findings(&Arc::new(Ruleset::named(ruleset).unwrap()))
}

fn click(
    id: usize,
    time: i64,
    ip: &'static str,
    agent: Option<&'static str>,
    user: Option<&'static str>,
) -> Event<'static> {
    let mut click = event(Kind::Click, &id.to_string(), time);
    click.ip = Some(ip.into());
    click.user_agent = agent.map(Into::into);
    click.user_id = user.map(Into::into);
    // Of a flood, each click is on an ad of its own: nothing but their number is wrong with them.
    click.ad_id = id.to_string().into();
    click
}

/// Decision and category of one click under a ruleset; valid if nothing was found.
fn one(ruleset: &str, ip: &'static str, agent: Option<&'static str>) -> (Decision, Option<Category>) {
    let findings = judged(ruleset, [click(0, NOON, ip, agent, Some("u"))]);
    findings.first().map_or((Decision::Valid, None), |finding| (finding.decision, finding.category))
}

#[test]
fn robots_data_centres_and_missing_agents_are_invalid_each_alone() {
    let givt = (Decision::Invalid, Some(Category::Givt));
    assert_eq!(one("default", HOME, Some(PERSON)), (Decision::Valid, None));
    for agent in [ROBOT, "curl/8.16.0", "python-requests/2.32.5", "GPTBot/1.2", "Some-Crawler", "Mozilla/5.0"] {
        assert_eq!(one("default", HOME, Some(agent)), givt, "{agent}");
    }
    for agent in ["-", "", " "] {
        assert_eq!(one("default", HOME, Some(agent)), givt, "{agent:?}");
    }
    assert_eq!(one("default", HOME, None), (Decision::Valid, None), "a batch need not say what it was");
    for ip in [CLOUD, "::ffff:3.5.140.1", "2600:1f18::1"] {
        assert_eq!(one("default", ip, Some(PERSON)), givt, "{ip}");
    }
    assert_eq!(one("default", CLOUD, Some(ROBOT)), givt);
    assert_eq!(one("default", CLOUD, None), givt);
}

#[test]
fn scored_ruleset_marks_them_and_bills_them() {
    for (ip, agent) in [(HOME, Some(ROBOT)), (HOME, Some("-")), (CLOUD, Some(PERSON)), (CLOUD, Some(ROBOT))] {
        let finding = judged("scored", [click(0, NOON, ip, agent, Some("u"))]).remove(0);
        assert_eq!((finding.decision, finding.category), (Decision::Valid, None));
        assert!(finding.score_permille > 0 && finding.reasons.iter().all(|reason| !reason.decides));
    }
}

#[test]
fn verdict_says_what_decided() {
    let mut robot = click(0, NOON, CLOUD, Some(ROBOT), None);
    robot.device_type = Some("mobile".into());
    let finding = judged("default", [robot]).remove(0);
    let decided: Vec<_> = finding.reasons.iter().map(|reason| (reason.rule.as_str(), reason.decides)).collect();
    assert!(decided.contains(&("suspicious_agent", true)) && decided.contains(&("datacentre", true)), "{decided:?}");
    assert!(finding.reasons.iter().filter(|reason| !reason.decides).all(|reason| reason.weight_permille < 1000));
}

#[test]
fn flood_from_one_address_is_invalid_whatever_its_size_and_users() {
    for (clicks, gap, users) in [(300, 0, 1), (2_000, SECOND / 10, 700), (1_500, 4 * SECOND, 1_500)] {
        let names: Vec<&'static str> =
            (0..users).map(|user| &*Box::leak(format!("user {user}").into_boxed_str())).collect();
        for ip in [HOME, "2001:db8::1"] {
            let flood = (0..clicks)
                .map(|index| click(index, NOON + 1 + gap * index as i64, ip, Some(PERSON), Some(names[index % users])));
            let findings = judged("default", flood);
            let invalid = findings.iter().filter(|finding| finding.decision == Decision::Invalid).count();
            // Who comes first cannot be told from people.
            assert!(invalid * 2 > clicks, "{clicks} clicks, {invalid} invalid");
            assert!(findings.iter().all(|finding| finding.category.is_none_or(|category| category == Category::Givt)));
        }
    }
}

#[test]
fn flood_that_changes_its_address_within_a_version_6_network_is_one_flood() {
    let address = |index: usize| &*Box::leak(format!("2001:db8:0:7::{index:x}").into_boxed_str());
    let flood =
        (0..500).map(|index| click(index, NOON + index as i64 * 1000 + 1, address(index + 1), Some(PERSON), None));
    let invalid = judged("default", flood).iter().filter(|finding| finding.decision == Decision::Invalid).count();
    assert_eq!(invalid, 400);
}

#[test]
fn people_behind_one_gateway_with_one_kind_of_phone_are_billed() {
    for ruleset in ["default", "scored"] {
        let people = (0..20).map(|index| {
            let mut click = click(index, NOON + SECOND * index as i64, HOME, Some(PERSON), None);
            click.ad_id = "one".into();
            click
        });
        let findings = judged(ruleset, people);
        assert_eq!(findings.len(), 19, "they are marked");
        assert!(findings.iter().all(|finding| finding.decision == Decision::Valid), "{ruleset}");
        let twice = (0..2).map(|index| {
            let mut click = click(index, NOON + SECOND * index as i64, HOME, Some(PERSON), Some("u"));
            click.ad_id = "one".into();
            click
        });
        assert_eq!(judged(ruleset, twice)[0].category, Some(Category::Duplicate), "{ruleset}");
    }
}

#[test]
fn event_that_came_by_a_correction_is_invalid_whatever_else_is_found() {
    let marked = |id, agent| {
        let mut click = click(id, NOON + i64::try_from(id).unwrap() * SECOND, HOME, Some(agent), Some("u"));
        click.extra = Some(r#"{"_correction":"c7","a":"b"}"#.into());
        click
    };
    let mut nested = click(3, NOON + 3 * SECOND, "192.0.2.9", Some(PERSON), Some("v"));
    nested.extra = Some(r#"{"a":{"_correction":"c7"}}"#.into());
    let mut probe = marked(4, PERSON);
    probe.kind = Kind::Probe;
    let findings = judged("default", [marked(1, PERSON), marked(2, ROBOT), nested, probe]);
    let found: Vec<_> = findings.iter().map(|finding| (finding.event_id.as_str(), finding.category)).collect();
    assert_eq!(found, [("1", Some(Category::Policy)), ("2", Some(Category::Policy))]);
    let rules = |finding: &Finding| finding.reasons.iter().map(|reason| reason.rule.clone()).collect::<Vec<_>>();
    assert_eq!(rules(&findings[0]), ["correction"]);
    assert!(rules(&findings[1]).len() > 1 && rules(&findings[1]).last().unwrap() == "correction");
}
