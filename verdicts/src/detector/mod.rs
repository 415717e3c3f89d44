//! Detectors: state machines over events in log order, each with the rules of a ruleset that use it.
//!
//! A detector sees every row once, in log order, and says which rules fire for it from what it saw before. It may use
//! an earlier event only if that was logged within the look-back before the present one ([`View::is_visible`]) and lies in the
//! rule's window of event time. It may forget only what no later event can see ([`State::forget`]). So where the fold
//! began, and how rows came in batches, changes nothing that it finds.
//!
//! [`chains`], [`trail`], [`timeline`] and [`frames`] are the forms of state; one file for each detector, but for those
//! that ask the same of the same state.

use clicktrail_log::position::Position;

use crate::{
    fold::Originals,
    ruleset::{Detector, Ruleset},
    verdict::Evidence,
};

mod address_rate;
mod agent;
mod chains;
mod click_farm;
mod datacentre;
mod double_click;
pub(crate) mod frames;
mod ids;
mod impossible_click;
mod impossible_travel;
pub(crate) mod rows;
mod timeline;
mod trail;

use {
    frames::{FrameId, Frames, Origin},
    rows::Rows,
};

/// What a rule saw, by name.
pub(crate) type Seen = Vec<(String, Evidence)>;

/// A rule that fired for a row.
#[derive(Debug)]
pub(crate) struct Hit {
    pub(crate) row: usize,
    /// The rule's index in the ruleset.
    pub(crate) rule: usize,
    pub(crate) evidence: Seen,
}

/// Where detectors put what fires.
#[derive(Debug)]
pub(crate) struct Hits {
    /// While state is only warmed nobody asks what fires, and detectors need not look.
    pub(crate) are_wanted: bool,
    pub(crate) found: Vec<Hit>,
}

impl Hits {
    /// The rules to ask: all of them, or none while state is only warmed.
    fn asked<'r, R>(&self, rules: &'r [R]) -> &'r [R] {
        if self.are_wanted { rules } else { &[] }
    }

    fn push<const N: usize>(&mut self, row: usize, rule: usize, evidence: [(&str, Evidence); N]) {
        let evidence = evidence.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.found.push(Hit { row, rule, evidence });
    }
}

/// What a detector may look at beside its own state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'v> {
    pub(crate) rows: &'v Rows<'v>,
    pub(crate) frames: &'v Frames,
    pub(crate) originals: &'v Originals,
    pub(crate) look_back_micros: i64,
}

impl View<'_> {
    /// What was logged up to this instant is out of sight for `row`.
    fn cut(&self, row: usize) -> i64 {
        self.rows.logged[row].saturating_sub(self.look_back_micros)
    }

    /// Whether an event of `frame` may matter for `row`.
    fn is_visible(&self, frame: FrameId, row: usize) -> bool {
        self.frames.logged_micros(frame) > self.cut(row)
    }

    fn position(&self, origin: Origin) -> Position {
        self.frames.position(origin)
    }
}

/// A detector's state and rules.
pub(crate) trait State: Sync + Send + std::fmt::Debug {
    /// What it is, for people who wonder where the memory went.
    fn name(&self) -> &'static str;

    /// Takes in every row in order; for each, first asks its rules, then remembers it.
    fn pass(&mut self, view: &View<'_>, hits: &mut Hits);

    /// Drops what was logged at `cut_micros` or before: no later event sees it.
    fn forget(&mut self, frames: &Frames, cut_micros: i64);

    /// The memory that the state holds.
    fn bytes(&self) -> usize;
}

/// The detectors that the enabled rules of a ruleset need, those with the most work first.
pub(crate) fn of(ruleset: &Ruleset) -> Vec<Box<dyn State>> {
    let mut impossible_click = impossible_click::ImpossibleClick::default();
    let mut travel = impossible_travel::ImpossibleTravel::default();
    let mut ids = ids::Ids::default();
    let mut agent = agent::Agent::default();
    let mut farm = click_farm::ClickFarm::default();
    let mut rate = address_rate::AddressRate::default();
    let mut double_click = double_click::DoubleClick::default();
    let mut datacentre = datacentre::Datacentre::default();
    for (index, rule) in ruleset.rules().iter().enumerate().filter(|(_, rule)| rule.off_because().is_none()) {
        match &rule.detector {
            Detector::Duplicate => ids.duplicates.push(index),
            Detector::ClickInjection { window } => ids.injections.push((index, micros(*window))),
            Detector::DoubleClick { window } => double_click.rules.push((index, micros(*window))),
            Detector::AddressRate { clicks_max, window } => rate.add(index, *clicks_max, micros(*window)),
            Detector::ImpossibleClick { gap_min } => impossible_click.rules.push((index, micros(*gap_min))),
            Detector::ImpossibleTravel { database: Some(places), speed_kmh_max, distance_km_min } => {
                travel.add(index, places, *speed_kmh_max, *distance_km_min);
            }
            Detector::ClickFarm { users_max, window, addresses } => {
                farm.add(index, *users_max, micros(*window), addresses.clone());
            }
            Detector::SuspiciousAgent { lists } => agent.suspicious.push((index, lists.clone())),
            Detector::DeviceMismatch => agent.mismatches.push(index),
            Detector::Datacentre { lists } => datacentre.rules.push((index, lists.clone())),
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
    add(!ids.duplicates.is_empty() || !ids.injections.is_empty(), Box::new(ids));
    add(!farm.is_empty(), Box::new(farm));
    add(!double_click.rules.is_empty(), Box::new(double_click));
    add(!rate.is_empty(), Box::new(rate));
    add(!agent.suspicious.is_empty() || !agent.mismatches.is_empty(), Box::new(agent));
    add(!datacentre.rules.is_empty(), Box::new(datacentre));
    states
}

fn micros(window: std::time::Duration) -> i64 {
    i64::try_from(window.as_micros()).expect("a window is at most two hours")
}

/// A count as evidence.
fn number(count: usize) -> Evidence {
    Evidence::Number(i64::try_from(count).unwrap_or(i64::MAX))
}

/// A span of time as evidence, in whole milliseconds.
fn millis(micros: i64) -> Evidence {
    Evidence::Number(micros / 1000)
}
