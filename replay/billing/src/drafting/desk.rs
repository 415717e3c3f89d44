//! Where drafts are made: what is read, and who makes them.

use clicktrail_log::time::Timestamp;

use crate::ready::Checking;

/// Whoever drafts.
#[derive(Debug, Clone)]
pub struct Drafting {
    /// Archive, catalog, verdicts, and what is waited for.
    pub checking: Checking,
    /// Segments that are added up at a time.
    pub threads: usize,
    /// Who drafts, for the audit trail.
    pub actor: String,
    /// The present.
    pub now: Timestamp,
}
