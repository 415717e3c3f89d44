//! What events show by themselves, and which of them are *set aside* for it.
//!
//! An event is set aside if the rules that look at one event alone make it invalid: one of them decides, or their
//! weights are over the threshold. A declared robot is, and whoever comes from a data centre. That depends on the event
//! and the ruleset alone, so it is the same for an event of the last minute and for one that lies in the archive.

use std::sync::Arc;

use super::{
    pass::pass,
    score::{self, Fired},
};
use crate::{
    detector::{assemble_stateless, hits::Hit, rows::Rows, stateless::Stateless},
    ruleset::set::Ruleset,
    verdict::Decision,
};

/// The detectors of a ruleset that look at one event alone.
#[derive(Debug)]
pub(crate) struct Alone {
    ruleset: Arc<Ruleset>,
    detectors: Vec<Box<dyn Stateless>>,
    sets_aside: bool,
}

impl Alone {
    pub(crate) fn new(ruleset: Arc<Ruleset>) -> Self {
        let stateless = ruleset.rules().iter().filter(|rule| rule.off_because().is_none() && rule.is_stateless());
        let strongest = score::of(stateless.map(Fired::of), ruleset.threshold_permille());
        let sets_aside = strongest.decision == Decision::Invalid;
        Self { detectors: assemble_stateless(&ruleset), ruleset, sets_aside }
    }

    /// Whether an event can be set aside at all.
    pub(crate) fn sets_aside(&self) -> bool {
        self.sets_aside
    }

    /// What the rules find in the rows.
    pub(super) fn hits(&mut self, rows: &Rows<'_>, is_shared: bool) -> Vec<Hit> {
        pass(&mut self.detectors, true, is_shared, |detector, hits| detector.pass(rows, hits))
    }

    /// Which rows are set aside for what was found in them, by row; empty if none is.
    pub(super) fn aside_for(&self, rows: &Rows<'_>, hits: &[Hit]) -> Vec<bool> {
        if !self.sets_aside || hits.is_empty() {
            return Vec::new();
        }
        let rules = self.ruleset.rules();
        let fired = hits.iter().filter(|hit| rules[hit.rule].kinds().holds(rows.kinds[hit.row]));
        let mut fired: Vec<(usize, usize)> = fired.map(|hit| (hit.row, hit.rule)).collect();
        fired.sort_unstable();
        let mut aside = vec![false; rows.len()];
        for of_row in fired.chunk_by(|one, other| one.0 == other.0) {
            let score =
                score::of(of_row.iter().map(|(_, rule)| Fired::of(&rules[*rule])), self.ruleset.threshold_permille());
            aside[of_row[0].0] = score.decision == Decision::Invalid;
        }
        aside
    }

    /// Which rows are set aside, by row; empty if none is.
    pub(crate) fn aside(&mut self, rows: &Rows<'_>) -> Vec<bool> {
        if !self.sets_aside {
            return Vec::new();
        }
        let hits = self.hits(rows, false);
        self.aside_for(rows, &hits)
    }

    /// The memory of each detector's cache.
    pub(super) fn memory(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.detectors.iter().map(|detector| (detector.name(), detector.bytes()))
    }
}
