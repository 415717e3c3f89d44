//! Both sides with their pairs, and what was rejected: what a report is made of.

use clicktrail_log::position::Position;

use super::{
    names::Names,
    pairs::Pairs,
    side::{Our, Side, Their},
};

/// Both sides and their pairs.
#[derive(Debug)]
pub(super) struct Both {
    pub(super) names: Names,
    pub(super) ours: Side<Our>,
    pub(super) theirs: Side<Their>,
    pub(super) tolerance: i64,
    pub(super) pairs: Pairs,
}

/// Something that was sent to us and is no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Where it stands in the rejected log.
    pub position: Position,
    /// Why: the code.
    pub code: String,
    /// Why, for people.
    pub detail: String,
}
