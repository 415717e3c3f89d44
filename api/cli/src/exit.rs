//! How a command ended.

/// Exit codes are a contract: 0 ok, 1 error, 2 differences found, 3 gate refused, 4 input incomplete, 5 partial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Ok,
    /// The check ran and found problems.
    Differences,
    /// Something that the command needs is not there.
    InputIncomplete,
}

impl Exit {
    /// What the process exits with.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Differences => 2,
            Self::InputIncomplete => 4,
        }
    }
}
