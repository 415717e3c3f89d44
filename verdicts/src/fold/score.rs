//! From the rules that fired to a decision.

use clicktrail_log::invariant;

use crate::{
    ruleset::Rule,
    schema::SCORE_PERMILLE_MAX,
    verdict::{Category, Decision},
};

/// Which category an event gets where several could give it one: the first of these.
pub const PRECEDENCE: [Category; 4] = [Category::Duplicate, Category::Givt, Category::Sivt, Category::Policy];

/// What counts of a rule that fired.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fired {
    category: Category,
    weight_permille: u16,
    decides: bool,
}

impl Fired {
    pub(super) fn of(rule: &Rule) -> Self {
        Self { category: rule.category(), weight_permille: rule.weight_permille(), decides: rule.decides() }
    }
}

/// What an event comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Score {
    pub(super) permille: u16,
    pub(super) decision: Decision,
    pub(super) category: Option<Category>,
}

/// Decides about an event.
///
/// If a rule that decides fired, the event is invalid, and its category is the first in [`PRECEDENCE`] that such a rule
/// has. Otherwise the weights are summed: over the threshold, the event is invalid. Then its category is `duplicate` if
/// a rule of that category fired; otherwise the one with the largest sum, and among equal sums the first in
/// [`PRECEDENCE`].
pub(super) fn of(fired: impl Iterator<Item = Fired>, threshold_permille: u16) -> Score {
    let mut sums = [0_u32; PRECEDENCE.len()];
    let mut decided = [false; PRECEDENCE.len()];
    for rule in fired {
        let slot = match rule.category {
            Category::Duplicate => 0,
            Category::Givt => 1,
            Category::Sivt => 2,
            Category::Policy => 3,
        };
        invariant!(I5, PRECEDENCE[slot] == rule.category, "{} has another category's slot", rule.category);
        sums[slot] += u32::from(rule.weight_permille);
        decided[slot] |= rule.decides;
    }
    let permille = u16::try_from(sums.iter().sum::<u32>()).unwrap_or(SCORE_PERMILLE_MAX).min(SCORE_PERMILLE_MAX);
    let invalid = |slot: usize| Score { permille, decision: Decision::Invalid, category: Some(PRECEDENCE[slot]) };
    if let Some(slot) = decided.iter().position(|decided| *decided) {
        return invalid(slot);
    }
    if permille <= threshold_permille {
        return Score { permille, decision: Decision::Valid, category: None };
    }
    let mut heaviest = 0;
    for slot in 1..PRECEDENCE.len() {
        if sums[0] == 0 && sums[slot] > sums[heaviest] {
            heaviest = slot;
        }
    }
    invariant!(I5, sums[heaviest] > 0, "a category decides in which nothing fired");
    invalid(heaviest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Category::{Duplicate, Givt, Policy, Sivt};

    fn check(fired: &[(Category, u16, bool)], permille: u16, category: Option<Category>) {
        let decision = if category.is_some() { Decision::Invalid } else { Decision::Valid };
        let rules =
            fired.iter().map(|&(category, weight_permille, decides)| Fired { category, weight_permille, decides });
        assert_eq!(of(rules, 700), Score { permille, decision, category }, "{fired:?}");
    }

    #[test]
    fn category_follows_the_weights_and_duplicates_come_first() {
        check(&[(Sivt, 400, false), (Givt, 300, false)], 700, None);
        check(&[(Sivt, 400, false), (Givt, 301, false)], 701, Some(Sivt));
        check(&[(Sivt, 400, false), (Givt, 400, false)], 800, Some(Givt));
        check(&[(Policy, 400, false), (Sivt, 400, false)], 800, Some(Sivt));
        check(&[(Sivt, 300, false), (Givt, 400, false), (Sivt, 200, false)], 900, Some(Sivt));
        check(&[(Duplicate, 1000, false)], 1000, Some(Duplicate));
        check(&[(Duplicate, 100, false), (Sivt, 1000, false)], 1000, Some(Duplicate));
        check(&[(Sivt, 1000, false), (Sivt, 1000, false)], 1000, Some(Sivt));
        check(&[], 0, None);
    }

    #[test]
    fn rule_that_decides_needs_no_weight_and_names_the_category() {
        check(&[(Givt, 1, true)], 1, Some(Givt));
        check(&[(Sivt, 1000, false), (Givt, 1, true)], 1000, Some(Givt));
        check(&[(Duplicate, 300, false), (Givt, 1, true)], 301, Some(Givt));
        check(&[(Policy, 1, true), (Sivt, 1, true), (Givt, 1, true)], 3, Some(Givt));
        check(&[(Givt, 1, true), (Duplicate, 1, true)], 2, Some(Duplicate));
        check(&[(Policy, 1, true), (Sivt, 700, false)], 701, Some(Policy));
    }
}
