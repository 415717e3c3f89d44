//! What is to be planned.

use clicktrail_log::{position::Position, time::Hour};
use clicktrail_projections::Projection;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// What is built.
    pub projection: Projection,
    /// The text of a candidate or of a user's projection, by `Projection::to_text`; empty for the program's own.
    pub sql: String,
    /// From this hour; `None`: the first sealed one.
    pub from: Option<Hour>,
    /// To this hour; `None`: the last sealed one.
    pub to_inclusive: Option<Hour>,
    /// Only hours that have verdicts newer than what counts.
    pub stale_only: bool,
    /// Clicks before this position; `None`: all.
    pub clicks_before: Option<Position>,
    /// Verdicts before this position; `None`: all that there are now.
    pub verdicts_before: Option<Position>,
}
