//! What may be wrong with a proof.

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// What is to be proved cannot be: a leaf beyond the end, ranges out of order.
    #[error("no tree of this size has these leaves")]
    Question,
    /// It has fewer or more nodes, or there are fewer or more leaves, than the question takes.
    #[error("the proof does not have the length that it must have")]
    Length,
    /// Sums that no tree has.
    #[error("the sums of the proof are out of range")]
    Sum,
    /// It is well formed, and leads to another root.
    #[error("the proof leads to another root")]
    Root,
}
