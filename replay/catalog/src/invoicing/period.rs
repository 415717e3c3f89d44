//! Periods as plain values.

use clicktrail_log::time::Timestamp;

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cycle {
    /// A month of the calendar.
    Month,
    /// A week of ISO 8601, from Monday.
    Week,
}

impl Cycle {
    /// `month`, `week`, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Week => "week",
        }
    }

    /// From what is stored.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Month, Self::Week].into_iter().find(|cycle| cycle.as_str() == text)
    }
}

/// A period before it is frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPeriod {
    /// Its name: `2026-03`, `2026-W10`.
    pub name: String,
    /// In which zone, as the IANA names it.
    pub zone: String,
    /// How long.
    pub cycle: Cycle,
    /// Its first instant, a whole minute.
    pub from: Timestamp,
    /// The first instant behind it, a whole minute.
    pub to: Timestamp,
    /// The edition of the zones' rules that the instants come from.
    pub tzdb: String,
}

/// A frozen period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// What is frozen.
    pub frozen: NewPeriod,
    /// When it was frozen.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it was closed, and by whom; `None`: it is open.
    pub closed: Option<(Timestamp, String)>,
}
