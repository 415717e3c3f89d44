//! Memory for hours that are computed side by side: a small hour waits for nobody, a large one until it is alone.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory is shared out in pieces of this size.
const PIECE_BYTES: usize = 1 << 20;
/// What an hour takes beside what is read of its parts.
const HOUR_BYTES: u64 = 32 << 20;
/// How much larger columns are in memory than in a part.
const UNPACKED: u64 = 4;
/// No budget has more pieces.
const PIECES_MAX: u32 = 1 << 28;

/// So much memory.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    pieces: Arc<Semaphore>,
    all: u32,
}

/// An hour's share; it goes back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    pieces: OwnedSemaphorePermit,
}

impl Share {
    /// In bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.pieces.num_permits().saturating_mul(PIECE_BYTES)
    }
}

impl Budget {
    pub(crate) fn new(bytes: u64) -> Self {
        let all = pieces(bytes).clamp(1, PIECES_MAX);
        let permits = usize::try_from(all).expect("28 bits fit");
        Self { pieces: Arc::new(Semaphore::new(permits)), all }
    }

    /// Waits for the share of an hour whose parts have so many bytes. One that could take more than there is gets all.
    pub(crate) async fn share(&self, part_bytes: u64) -> Share {
        let wanted = pieces(part_bytes.saturating_mul(UNPACKED).saturating_add(HOUR_BYTES)).clamp(1, self.all);
        let taken = Arc::clone(&self.pieces).acquire_many_owned(wanted).await;
        Share { pieces: taken.expect("the semaphore is never closed") }
    }

    /// Waits until nobody else has any.
    pub(crate) async fn alone(&self) -> Share {
        self.share(u64::MAX).await
    }
}

fn pieces(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(PIECE_BYTES as u64)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn large_hour_waits_until_it_is_alone() {
        let budget = Budget::new(100 << 20);
        let (one, other) = (budget.share(0).await, budget.share(1 << 20).await);
        assert!(budget.share(8 << 20).now_or_never().is_none(), "68 of 100 are taken, and 64 are wanted");
        assert!(budget.share(u64::MAX).now_or_never().is_none());
        assert_eq!((one.bytes(), other.bytes()), (32 << 20, 36 << 20));
        drop((one, other));
        let all = budget.alone().await;
        assert_eq!(all.bytes(), 100 << 20);
        assert!(budget.share(0).now_or_never().is_none());
        drop(all);
        assert!(Budget::new(0).share(1).now_or_never().is_some(), "an hour alone is always computed");
    }
}
