//! What is to become of an operation: drawn at a gate, or planned.

/// What is to become of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Done,
    Refused,
    LostRequest,
    LostAnswer,
    CrashBefore,
    CrashAfter,
}
