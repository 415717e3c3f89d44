//! From the rules that fired to a decision.

use clicktrail_log::invariant;

use crate::{
    schema::SCORE_PERMILLE_MAX,
    verdict::{Category, Decision},
};

/// What an event comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Score {
    pub(super) permille: u16,
    pub(super) decision: Decision,
    pub(super) category: Option<Category>,
}

/// Sums the weights of what fired. Over the threshold, the event is invalid. Its category is `duplicate` if a rule of
/// that category fired; otherwise the one with the largest sum, and among equal sums the first of givt, sivt, policy.
pub(super) fn of(fired: impl Iterator<Item = (Category, u16)>, threshold_permille: u16) -> Score {
    const ORDER: [Category; 4] = [Category::Duplicate, Category::Givt, Category::Sivt, Category::Policy];
    let mut sums = [0_u32; ORDER.len()];
    for (category, weight) in fired {
        let slot = match category {
            Category::Duplicate => 0,
            Category::Givt => 1,
            Category::Sivt => 2,
            Category::Policy => 3,
        };
        sums[slot] += u32::from(weight);
    }
    let permille = u16::try_from(sums.iter().sum::<u32>()).unwrap_or(SCORE_PERMILLE_MAX).min(SCORE_PERMILLE_MAX);
    if permille <= threshold_permille {
        return Score { permille, decision: Decision::Valid, category: None };
    }
    let mut heaviest = 0;
    for slot in 1..ORDER.len() {
        if sums[0] == 0 && sums[slot] > sums[heaviest] {
            heaviest = slot;
        }
    }
    invariant!(I5, sums[heaviest] > 0, "a category decides in which nothing fired");
    Score { permille, decision: Decision::Invalid, category: Some(ORDER[heaviest]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn category_follows_the_weights_and_duplicates_decide() {
        use Category::{Duplicate, Givt, Policy, Sivt};
        let check = |fired: &[(Category, u16)], permille, category: Option<Category>| {
            let decision = if category.is_some() { Decision::Invalid } else { Decision::Valid };
            assert_eq!(of(fired.iter().copied(), 700), Score { permille, decision, category }, "{fired:?}");
        };
        check(&[(Sivt, 400), (Givt, 300)], 700, None);
        check(&[(Sivt, 400), (Givt, 301)], 701, Some(Sivt));
        check(&[(Sivt, 400), (Givt, 400)], 800, Some(Givt));
        check(&[(Policy, 400), (Sivt, 400)], 800, Some(Sivt));
        check(&[(Sivt, 300), (Givt, 400), (Sivt, 200)], 900, Some(Sivt));
        check(&[(Duplicate, 1000)], 1000, Some(Duplicate));
        check(&[(Duplicate, 100), (Sivt, 1000)], 1000, Some(Duplicate));
        check(&[(Sivt, 1000), (Sivt, 1000)], 1000, Some(Sivt));
        check(&[], 0, None);
    }
}
