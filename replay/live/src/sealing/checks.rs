//! What must hold of an hour once it is sealed, and before its frames leave the log.

use clicktrail_log::{
    archive::{Manifest, entry::Entry, seal::Cursor, verify::Problem},
    invariant,
};
use tracing::error;

/// The manifest of an hour, and where sealing goes on behind it, against where sealing stood (I4).
pub(super) fn check_follows<P: Entry>(before: &Cursor, manifest: &Manifest<P>, after: &Cursor) {
    let (hour, first) = (manifest.hour(), manifest.first_seq());
    let expected = before.next_seq();
    invariant!(I4, first == expected, "{hour} begins with frame {first}, frame {expected} is the first not sealed");
    let is_next = before.hour().is_none_or(|next| next == hour);
    invariant!(I4, is_next, "{hour} is sealed where {:?} is the next hour", before.hour());
    let goes_on = after.hour() == Some(hour.next()) && after.next_seq() == manifest.last_seq().next();
    invariant!(I4, goes_on, "sealing goes on at {:?} with frame {}", after.hour(), after.next_seq());
}

/// Reports what does not read back, and whether all of it does.
pub(super) fn read_back(problems: &[Problem]) -> bool {
    for problem in problems {
        error!(hour = %problem.hour, key = problem.key, reason = problem.reason, "an archived hour does not read back; the log keeps its frames");
    }
    problems.is_empty()
}
