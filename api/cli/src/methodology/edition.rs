//! For whom a description is.

/// For whom a description is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Edition {
    /// Names what is done. Thresholds and lists stay unsaid: they would tell how to stay below them.
    Public,
    /// Names everything, so that an auditor can repeat it.
    Auditor,
}
