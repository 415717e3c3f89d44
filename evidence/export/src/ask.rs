//! What evidence is asked for.

use clicktrail_catalog::invoicing::DocumentNumber;
use clicktrail_log::{position::Position, time::Timestamp};

/// What evidence is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// An invoice with its notes, named by any of them.
    Document {
        /// Which document.
        number: DocumentNumber,
        /// Only the clicks of these campaigns; `None`: all.
        campaigns: Option<Vec<String>>,
    },
    /// All events of an advertiser in a range of event time, half-open.
    Events {
        /// Whose.
        advertiser: String,
        /// From here on.
        from: Timestamp,
        /// To before here.
        to: Timestamp,
    },
    /// The event at a position.
    Event(Position),
    /// The same for whoever has a receipt: with the verdicts of the hours around it alone, so that a proof takes no
    /// longer for an old event.
    Captured(Position),
}
