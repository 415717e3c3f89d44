//! Which logs have sealed hours.

use crate::log::Stream;

/// The logs whose hours are sealed, in the order in which hours of the same time are logged here.
pub const STREAMS: [Stream; 3] = [Stream::Clicks, Stream::Verdicts, Stream::Invoices];
