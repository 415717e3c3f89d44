//! How a command ended.

/// Exit codes are a contract: 0 ok, 1 error, 2 differences found, 3 gate refused, 4 input incomplete, 5 partial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Ok,
    /// What was asked for could not be done, and it was said why.
    Failed,
    /// The check ran and found problems.
    Differences,
    /// What was decided on is no longer what there is: nothing was changed.
    GateRefused,
    /// Something that the command needs is not there.
    InputIncomplete,
    /// Some of it is done, and the rest is not.
    Partial,
    /// Evidence does not verify: the verifiers' own codes, which are not these.
    Unverified(u8),
}

impl Exit {
    /// How two steps ended together: as the first that did not end well.
    pub(crate) const fn and(self, next: Self) -> Self {
        match self {
            Self::Ok => next,
            Self::Failed
            | Self::Differences
            | Self::GateRefused
            | Self::InputIncomplete
            | Self::Partial
            | Self::Unverified(_) => self,
        }
    }

    /// What the process exits with.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Differences => 2,
            Self::GateRefused => 3,
            Self::InputIncomplete => 4,
            Self::Partial => 5,
            Self::Unverified(code) => code,
        }
    }
}
