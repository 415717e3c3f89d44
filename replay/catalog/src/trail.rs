//! What the audit trail keeps, as plain values: who did what, when, why, and how it ended.

use std::fmt;

use clicktrail_log::time::Timestamp;

/// How something ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AuditResult {
    /// It was done.
    #[default]
    Done,
    /// A gate refused it, and nothing changed.
    Refused,
    /// It was begun and did not end well; the detail says what is known.
    Failed,
}

impl AuditResult {
    const ALL: [Self; 3] = [Self::Done, Self::Refused, Self::Failed];

    /// `done`, `refused`, `failed`, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// From what is stored.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|result| result.as_str() == text)
    }
}

impl fmt::Display for AuditResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditEntry {
    /// Who did it.
    pub actor: String,
    /// What was done, in a word with underscores: `put_ads`.
    pub action: String,
    /// Why, in the actor's words; empty if none was given.
    pub reason: String,
    /// How it ended.
    pub result: AuditResult,
    /// To what, and how many.
    pub detail: String,
}

/// One row of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// Its number, which grows.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// What is known of it.
    pub entry: AuditEntry,
}

/// Which rows are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Rows behind the one of this number; 0 for the first page.
    pub after: i64,
    /// From this time on.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
    /// Only of this actor.
    pub actor: Option<String>,
    /// Only this action.
    pub action: Option<String>,
}
