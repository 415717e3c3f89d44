//! Why there is no plan.

use clicktrail_log::time::Hour;

use crate::error::Error as ReplayError;

/// So many hours are named; of more it is said how many.
const NAMED_MAX: usize = 10;

/// What is wrong with an hour of the range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which hour.
    pub hour: Hour,
    /// What, as the rest of a sentence that begins with the hour.
    pub what: String,
}

/// The problems in one sentence each.
fn told(problems: &[Problem]) -> String {
    let mut lines: Vec<String> =
        problems.iter().take(NAMED_MAX).map(|problem| format!("{} {}", problem.hour, problem.what)).collect();
    if problems.len() > NAMED_MAX {
        lines.push(format!("and {} hours more", problems.len() - NAMED_MAX));
    }
    lines.join("; ")
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Hours of the range cannot be read as they should be.
    #[error("{}", told(.0))]
    Incomplete(Vec<Problem>),
    /// There is nothing to plan from.
    #[error("{0}")]
    Nothing(String),
    /// No hour of the range is stale, and only these were asked for.
    #[error("no hour of the range is stale: every verdict is counted")]
    NothingStale,
    /// Something could not be read.
    #[error(transparent)]
    Replay(#[from] ReplayError),
}
