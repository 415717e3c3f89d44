//! What a detector may look at beside its own state.

use clicktrail_log::position::Position;

use super::{
    frames::{FrameId, Frames, Origin},
    originals::Originals,
    rows::Rows,
};
use crate::ruleset::address::{Address, Prefixes};

/// The rows to pass over, and what is known about them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'v> {
    pub(crate) rows: &'v Rows<'v>,
    pub(crate) frames: &'v Frames,
    pub(crate) originals: &'v Originals,
    /// Under which number of their batch originals know the first row.
    pub(crate) first_row: usize,
    pub(crate) look_back_micros: i64,
    pub(crate) prefixes: Prefixes,
    /// Of each row whether it is set aside; empty if none is.
    pub(crate) aside: &'v [bool],
}

impl View<'_> {
    /// What was logged up to this instant is out of sight for `row`.
    pub(super) fn cut(&self, row: usize) -> i64 {
        self.rows.logged[row].saturating_sub(self.look_back_micros)
    }

    /// Whether an event of `frame` may matter for `row`.
    pub(super) fn is_visible(&self, frame: FrameId, row: usize) -> bool {
        self.frames.logged_micros(frame) > self.cut(row)
    }

    /// Whether `row` is invalid by what it shows itself, so that it stands for no person. Only what is about addresses
    /// as such remembers it.
    pub(super) fn is_aside(&self, row: usize) -> bool {
        self.aside.get(row).copied().unwrap_or(false)
    }

    /// Whose address it is: the key of what is counted by address.
    pub(super) fn network(&self, address: Address) -> Address {
        address.network(self.prefixes)
    }

    pub(super) fn position(&self, origin: Origin) -> Position {
        self.frames.position(origin)
    }
}
