//! Disputes as plain values: what a customer contests.

use clicktrail_log::time::Timestamp;

use super::{draft::AccountPeriod, number::DocumentNumber};

/// A dispute before it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDispute {
    /// Whose account, for what.
    pub about: AccountPeriod,
    /// Which document of it; `None`: all of it, whether anything was issued or not.
    pub document: Option<DocumentNumber>,
    /// What is contested, in a person's words.
    pub reason: String,
}

/// A dispute as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// Its number, from 1.
    pub number: i64,
    /// What was opened.
    pub opened: NewDispute,
    /// When.
    pub opened_at: Timestamp,
    /// By whom.
    pub opened_by: String,
    /// How it ended; `None`: it is open.
    pub closed: Option<Resolution>,
}

/// How a dispute ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// What was agreed, in a person's words.
    pub text: String,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

/// Which disputes are asked for: those that fit all that is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DisputeFilter {
    /// About this period.
    pub period: Option<String>,
    /// Of this account.
    pub advertiser_id: Option<String>,
    /// Only those that are open.
    pub is_open: bool,
}
