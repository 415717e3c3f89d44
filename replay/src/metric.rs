//! The names of this room's metrics, with units.

/// Frames dropped because their writer had used the number before.
pub const REPEATS: &str = "clicktrail_frames_repeated_total";
/// Frames that do not fit their writer's chain.
pub const ALARMS: &str = "clicktrail_chain_alarms_total";
