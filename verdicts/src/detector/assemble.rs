//! From the rules of a ruleset to the detectors that they need.

use std::time::Duration;

use clicktrail_log::invariant;

use super::{
    address_rate::AddressRate, agent::Agent, click_farm::ClickFarm, click_injection::ClickInjection,
    datacentre::Datacentre, double_click::DoubleClick, duplicate::Duplicates, impossible_click::ImpossibleClick,
    impossible_travel::ImpossibleTravel, state::State,
};
use crate::ruleset::{detector::Detector, set::Ruleset};

/// The detectors that the enabled rules of a ruleset need, those with the most work first.
pub(crate) fn assemble(ruleset: &Ruleset) -> Vec<Box<dyn State>> {
    let look_back = i64::try_from(ruleset.look_back().as_micros()).expect("at most two hours");
    let mut impossible_click = ImpossibleClick::new(look_back);
    let mut travel = ImpossibleTravel::default();
    let mut duplicates = Duplicates::default();
    let mut injection = ClickInjection::default();
    let mut agent = Agent::default();
    let mut farm = ClickFarm::default();
    let mut rate = AddressRate::default();
    let mut double_click = DoubleClick::default();
    let mut datacentre = Datacentre::default();
    // State is forgotten by the look-back: a longer window would miss what a fold that began earlier still knows.
    let within = |window: Duration| {
        invariant!(I5, window <= ruleset.look_back(), "a window of {window:?} is longer than the look-back");
        micros(window)
    };
    for (index, rule) in ruleset.rules().iter().enumerate().filter(|(_, rule)| rule.off_because().is_none()) {
        match &rule.detector {
            Detector::Duplicate { window } => {
                duplicates.kinds = duplicates.kinds.with(rule.kinds());
                duplicates.rules.push((index, micros(*window)));
            }
            Detector::ClickInjection { window } => injection.rules.push((index, within(*window))),
            Detector::DoubleClick { who, window } => double_click.rules.push((index, *who, within(*window))),
            Detector::AddressRate { clicks_max, window } => rate.add(index, *clicks_max, within(*window)),
            Detector::ImpossibleClick { gap_min } => impossible_click.rules.push((index, within(*gap_min))),
            Detector::ImpossibleTravel { database: Some(database), speed_kmh_max, distance_km_min } => {
                travel.add(index, database, *speed_kmh_max, *distance_km_min);
            }
            Detector::ClickFarm { users_max, window, addresses } => {
                farm.add(index, *users_max, within(*window), addresses.clone());
            }
            Detector::SuspiciousAgent { robots } => {
                agent.kinds = agent.kinds.with(rule.kinds());
                agent.suspicious.push((index, robots.clone()));
            }
            Detector::DeviceMismatch => {
                agent.kinds = agent.kinds.with(rule.kinds());
                agent.mismatches.push(index);
            }
            Detector::Datacentre { lists } => {
                datacentre.kinds = datacentre.kinds.with(rule.kinds());
                datacentre.rules.push((index, lists.clone()));
            }
            Detector::ImpossibleTravel { database: None, .. } => {}
        }
    }
    let mut states: Vec<Box<dyn State>> = Vec::new();
    let mut add = |is_used: bool, state: Box<dyn State>| {
        if is_used {
            states.push(state);
        }
    };
    add(!impossible_click.rules.is_empty(), Box::new(impossible_click));
    add(!travel.is_empty(), Box::new(travel));
    add(!duplicates.rules.is_empty(), Box::new(duplicates));
    add(!farm.is_empty(), Box::new(farm));
    add(!double_click.rules.is_empty(), Box::new(double_click));
    add(!rate.is_empty(), Box::new(rate));
    add(!injection.rules.is_empty(), Box::new(injection));
    add(!agent.suspicious.is_empty() || !agent.mismatches.is_empty(), Box::new(agent));
    add(!datacentre.rules.is_empty(), Box::new(datacentre));
    states
}

fn micros(window: Duration) -> i64 {
    i64::try_from(window.as_micros()).expect("a window is at most a week")
}
