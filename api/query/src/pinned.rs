//! What bounds an answer that is not about everything that counts now.

use clicktrail_catalog::generations::GenerationId;
use clicktrail_log::{position::Position, time::Hour};
use clicktrail_replay::standing::Side;

/// What bounds an answer, so that the same question has the same answer later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pinned {
    /// Positions in both logs.
    AsOf(Bounds),
    /// One side of a generation.
    Generation {
        /// Which one.
        id: GenerationId,
        /// Which side.
        side: Side,
        /// Its first and last hour: nothing else is counted.
        hours: (Hour, Hour),
    },
}

/// Up to where both logs are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Verdicts before this position.
    pub verdicts_before: Position,
    /// Clicks before this position; `None`: all.
    pub clicks_before: Option<Position>,
}
