//! One judgement about one position.

use clicktrail_log::{position::Position, time::Timestamp};

/// Whether the event may be billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// It counts.
    Valid,
    /// It is marked, and not billed.
    Invalid,
}

/// Why an event is invalid, in the terms of the MRC's Invalid Traffic Detection and Filtration Standards, with two
/// categories of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// General invalid traffic: found by lists and parameters.
    Givt,
    /// Sophisticated invalid traffic: found by behaviour.
    Sivt,
    /// The same event again.
    Duplicate,
    /// A rule of the contract, not of detection.
    Policy,
}

impl Category {
    /// Every category.
    pub const ALL: [Self; 4] = [Self::Givt, Self::Sivt, Self::Duplicate, Self::Policy];

    /// The text in the `category` column of rulings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Givt => "givt",
            Self::Sivt => "sivt",
            Self::Duplicate => "duplicate",
            Self::Policy => "policy",
        }
    }
}

/// How a verdict came about. Precedence is [`crate::ruling`]'s business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// By the judge, as the event was logged.
    Live,
    /// By the judge over past hours.
    Rejudge,
    /// By a person's query.
    Query,
    /// By a person, about this event.
    Manual,
}

/// One judgement about one position. Never changed: a later verdict supersedes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The event that is judged.
    pub target: Position,
    /// Its id.
    pub event_id: String,
    /// Whether it may be billed.
    pub decision: Decision,
    /// Why not; `None` when valid.
    pub category: Option<Category>,
    /// Every signal that fired, with its evidence.
    pub reasons: Vec<String>,
    /// The sum of the signals' weights in thousandths, at most 1,000.
    pub score_permille: u16,
    /// The digest of the ruleset, hexadecimal.
    pub ruleset: String,
    /// How it came about.
    pub stage: Stage,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// Who decided; the judge's name for the judge.
    pub actor: String,
    /// For people.
    pub note: Option<String>,
}
