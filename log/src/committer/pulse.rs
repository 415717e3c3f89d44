//! Whether frames leave the committer: a log that neither takes a frame nor refuses it would have everybody wait.

#![expect(clippy::disallowed_methods, reason = "it measures how long a frame has been on its way")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// How long a frame may be on its way before the committer counts as stuck. A broker that does not answer has its
/// frames on the spool within half of that.
pub const STUCK_AFTER: Duration = Duration::from_secs(5);

/// How long the present frame has been on its way. Clones share it, and keep no committer running.
#[derive(Debug, Clone)]
pub struct Pulse {
    begun: Instant,
    /// Milliseconds from `begun` to when the frame left, and one more; 0 while none is on its way.
    left: Arc<AtomicU64>,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), left: Arc::default() }
    }

    /// A frame leaves.
    pub(super) fn leave(&self) {
        self.left.store(self.millis() + 1, Ordering::Relaxed);
    }

    /// It is stored, or refused.
    pub(super) fn arrive(&self) {
        self.left.store(0, Ordering::Relaxed);
    }

    /// How long the committer has been stuck; `None` if it is not.
    pub fn stuck_for(&self) -> Option<Duration> {
        let left = self.left.load(Ordering::Relaxed).checked_sub(1)?;
        let since = Duration::from_millis(self.millis().saturating_sub(left));
        (since >= STUCK_AFTER).then_some(since)
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }
}
