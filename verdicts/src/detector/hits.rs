//! What detectors say: which rules fired for which rows, and what they saw.

use crate::verdict::Evidence;

/// What a rule saw, by name.
pub(crate) type NamedEvidence = Vec<(String, Evidence)>;

/// A rule that fired for a row.
#[derive(Debug)]
pub(crate) struct Hit {
    pub(crate) row: usize,
    /// The rule's index in the ruleset.
    pub(crate) rule: usize,
    pub(crate) evidence: NamedEvidence,
}

/// Where detectors put what fires.
#[derive(Debug)]
pub(crate) struct Hits {
    /// False while state is only warmed: nobody asks what fires, so detectors need not look.
    pub(crate) are_wanted: bool,
    pub(crate) found: Vec<Hit>,
}

impl Hits {
    /// The rules to ask: all of them, or none while state is only warmed.
    pub(super) fn asked<'r, R>(&self, rules: &'r [R]) -> &'r [R] {
        if self.are_wanted { rules } else { &[] }
    }

    pub(super) fn push<const N: usize>(&mut self, row: usize, rule: usize, evidence: [(&str, Evidence); N]) {
        let evidence = evidence.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.found.push(Hit { row, rule, evidence });
    }
}

/// A count as evidence.
pub(super) fn number(count: usize) -> Evidence {
    Evidence::Number(i64::try_from(count).unwrap_or(i64::MAX))
}

/// A span of time as evidence, in whole milliseconds.
pub(super) fn millis(micros: i64) -> Evidence {
    Evidence::Number(micros / 1000)
}
