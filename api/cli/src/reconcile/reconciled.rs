//! A report, and what it is about.

use clicktrail_log::frame::Digest;
use clicktrail_query::reconcile::Report;

use super::theirs::Read;
use crate::exit::Exit;

/// A report, and what it is about.
#[derive(Debug)]
pub(super) struct Reconciled {
    pub(super) report: Report,
    /// What the file held beside clicks.
    pub(super) read: Read,
    pub(super) file: String,
    pub(super) file_digest: Digest,
    pub(super) advertiser: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) zone: String,
    pub(super) tolerance_seconds: u32,
    pub(super) all: bool,
}

impl Reconciled {
    /// Differences that were found, or a list that could not be read whole.
    pub(super) fn exit(&self) -> Exit {
        if self.read.clicks == 0 || self.read.unreadable > 0 {
            Exit::InputIncomplete
        } else if self.report.differences() > 0 {
            Exit::Differences
        } else {
            Exit::Ok
        }
    }
}
