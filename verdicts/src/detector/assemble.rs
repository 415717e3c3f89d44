//! From the rules of a ruleset to the detectors that they need.

use std::{sync::Arc, time::Duration};

use clicktrail_log::invariant;

use super::{
    address_rate::AddressRate, agent::Agent, click_farm::ClickFarm, click_injection::ClickInjection,
    datacentre::Datacentre, double_click::DoubleClick, duplicate::Duplicates, farm_list::FarmList,
    impossible_click::ImpossibleClick, impossible_travel::ImpossibleTravel, state::State, stateless::Stateless,
};
use crate::ruleset::{Rule, detector::Detector, set::Ruleset};

/// The rules of a ruleset that work, each with its index.
fn working(ruleset: &Ruleset) -> impl Iterator<Item = (usize, &Rule)> {
    ruleset.rules().iter().enumerate().filter(|(_, rule)| rule.off_because().is_none())
}

/// The detectors with a state that the enabled rules of a ruleset need, those with the most work first.
pub(crate) fn assemble(ruleset: &Ruleset) -> Vec<Box<dyn State>> {
    let look_back = i64::try_from(ruleset.look_back().as_micros()).expect("at most two hours");
    let mut impossible_click = ImpossibleClick::new(look_back);
    let mut travel = ImpossibleTravel::default();
    let mut duplicates = Duplicates::default();
    let mut injection = ClickInjection::default();
    let mut farm = ClickFarm::default();
    let mut rate = AddressRate::default();
    let mut double_click = DoubleClick::default();
    // State is forgotten by the look-back: a longer window would miss what a fold that began earlier still knows.
    let within = |window: Duration| {
        invariant!(I5, window <= ruleset.look_back(), "a window of {window:?} is longer than the look-back");
        micros(window)
    };
    for (index, rule) in working(ruleset) {
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
            Detector::SuspiciousAgent { .. }
            | Detector::DeviceMismatch
            | Detector::Datacentre { .. }
            | Detector::ImpossibleTravel { database: None, .. } => {}
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
    states
}

/// The detectors that look at one event alone, those with the most work first.
pub(crate) fn assemble_stateless(ruleset: &Ruleset) -> Vec<Box<dyn Stateless>> {
    let (mut agent, mut datacentre, mut farms) = (Agent::default(), Datacentre::default(), FarmList::default());
    for (index, rule) in working(ruleset) {
        match &rule.detector {
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
            Detector::ClickFarm { addresses, .. } => {
                farms.rules.extend(addresses.iter().map(|list| (index, Arc::clone(list))));
            }
            Detector::Duplicate { .. }
            | Detector::DoubleClick { .. }
            | Detector::AddressRate { .. }
            | Detector::ImpossibleClick { .. }
            | Detector::ImpossibleTravel { .. }
            | Detector::ClickInjection { .. } => {}
        }
    }
    let mut detectors: Vec<Box<dyn Stateless>> = Vec::new();
    let mut add = |is_used: bool, detector: Box<dyn Stateless>| {
        if is_used {
            detectors.push(detector);
        }
    };
    add(!agent.suspicious.is_empty() || !agent.mismatches.is_empty(), Box::new(agent));
    add(!datacentre.rules.is_empty(), Box::new(datacentre));
    add(!farms.rules.is_empty(), Box::new(farms));
    detectors
}

fn micros(window: Duration) -> i64 {
    i64::try_from(window.as_micros()).expect("a window is at most a week")
}
