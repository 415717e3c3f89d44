//! One judgement about one position.

use std::{fmt, str::FromStr};

use clicktrail_log::{position::Position, time::Timestamp};

/// Whether the event may be billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// It counts.
    Valid,
    /// It is marked, and not billed.
    Invalid,
}

impl Decision {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Valid, Self::Invalid];

    /// The text in the `decision` column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
        }
    }
}

/// Why an event is invalid, in the terms of the MRC's Invalid Traffic Detection and Filtration Standards, with two
/// categories of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
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

/// How a verdict came about. [`crate::ruling`] says which stage overrules which.
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

impl Stage {
    /// Every stage.
    pub const ALL: [Self; 4] = [Self::Live, Self::Rejudge, Self::Query, Self::Manual];

    /// The text in the `stage` column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Rejudge => "rejudge",
            Self::Query => "query",
            Self::Manual => "manual",
        }
    }
}

/// A text that is none of the known words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {what}: use {known}")]
pub struct UnknownWord {
    text: String,
    what: &'static str,
    known: String,
}

macro_rules! word {
    ($type:ty, $what:literal) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                Self::ALL.into_iter().find(|known| known.as_str() == text).ok_or_else(|| UnknownWord {
                    text: text.to_owned(),
                    what: $what,
                    known: Self::ALL.map(Self::as_str).join(", "),
                })
            }
        }
    };
}

word!(Decision, "decision");
word!(Category, "category");
word!(Stage, "stage");

/// What a signal saw: a count, a position, a distance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// A number, in the unit that its name ends with.
    Number(i64),
    /// A text: an id, a list, a pattern.
    Text(String),
    /// Another event.
    Position(Position),
}

/// One signal that fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The rule of the ruleset, or the reason that a person or a query gave.
    pub rule: String,
    /// What it adds to the score, in thousandths.
    pub weight_permille: u16,
    /// Whether it made the event invalid alone, whatever the weights.
    pub decides: bool,
    /// What it saw, by name, in a fixed order.
    pub evidence: Vec<(String, Evidence)>,
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
    pub reasons: Vec<Reason>,
    /// The sum of the signals' weights in thousandths, at most 1,000.
    pub score_permille: u16,
    /// The digest of the ruleset, hexadecimal; empty where no ruleset judged.
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
