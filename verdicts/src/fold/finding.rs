//! What a fold finds.

use clicktrail_log::position::Position;

use crate::verdict::{Category, Decision, Reason};

/// What one event was found to be. There is one where at least one rule fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The event.
    pub target: Position,
    /// Its id.
    pub event_id: String,
    /// Invalid if the score is over the ruleset's threshold.
    pub decision: Decision,
    /// Why it is invalid; `None` when valid.
    pub category: Option<Category>,
    /// The sum of the weights of what fired, at most 1,000.
    pub score_permille: u16,
    /// Every rule that fired, in the order of the ruleset.
    pub reasons: Vec<Reason>,
}
