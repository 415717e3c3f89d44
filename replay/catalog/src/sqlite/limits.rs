//! How long is waited for the embedded catalog, and how many read it at once.

use std::time::Duration;

/// How long to wait for another process that writes, or for a connection; then the call is
/// [`Error::Unavailable`](crate::Error::Unavailable).
pub(super) const WAIT_MAX: Duration = Duration::from_secs(10);

/// So many reads run at once; a further one waits until one of them ends.
pub(super) const READERS_MAX: u32 = 4;
