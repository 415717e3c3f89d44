//! `proofs/advertisers`: one line of JSON for each hour of clicks that has rows, in order.

use serde::{Deserialize, Serialize};

use super::time::Hour;
use crate::advertisers::{Absence, Presence};

/// The longest line that is read. A line has a run for each part of the hour that has rows of the advertiser.
pub const LINE_BYTES_MAX: usize = 4 << 20;

/// Which rows an advertiser has in an hour, with its proof; or that it has none. Frozen with version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The hour.
    pub hour: Hour,
    /// Its rows; null if it has none.
    pub presence: Option<Presence>,
    /// That it has none; null if it has some.
    pub absence: Option<Absence>,
}
