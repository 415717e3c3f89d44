//! Why a fold stops.

/// Why a batch was not folded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The state outgrew the ruleset's `memory_bytes_max`. To forget some of it would make a replay differ, so the fold
    /// ends here: raise the limit, or judge fewer events at a time, and begin anew from the look-back.
    #[error(
        "the detectors' state takes {bytes} bytes, over memory_bytes_max = {bytes_max}; {largest} takes the most, {largest_bytes}"
    )]
    Memory {
        /// What all states take.
        bytes: usize,
        /// What the ruleset allows.
        bytes_max: usize,
        /// The detector with the largest state.
        largest: &'static str,
        /// What that one takes.
        largest_bytes: usize,
    },
    /// The batch is not what a reader of the log gives; nothing of it was folded.
    #[error("the batch is not one of the log: {0}")]
    Rows(String),
}
