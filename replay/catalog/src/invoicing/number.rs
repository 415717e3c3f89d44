//! Numbers of documents.

use std::fmt;

/// A document's number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DocumentNumber {
    /// Which series.
    pub series: String,
    /// From 1, without a gap.
    pub number: u32,
}

/// `INV 12`.
impl fmt::Display for DocumentNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.series, self.number)
    }
}
