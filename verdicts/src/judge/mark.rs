//! The mark: what a judge's caller keeps between steps.

use clicktrail_log::position::Seq;

/// How far the judge has come: every live verdict about the click frames up to `clicks_through` stands in the verdict
/// log up to `verdicts_through`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The last click frame that is judged; [`Seq::ZERO`] at the beginning.
    pub clicks_through: Seq,
    /// The last verdict frame that may hold a live verdict about them.
    pub verdicts_through: Seq,
}

impl Mark {
    /// Nothing is judged.
    pub const NOTHING: Self = Self { clicks_through: Seq::ZERO, verdicts_through: Seq::ZERO };
}
