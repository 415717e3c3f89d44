//! One limit on the memory of all request bodies together (invariant I14): what does not fit is refused, so that load
//! beyond the server's means costs answers, not the process.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The bytes that are left for bodies.
#[derive(Debug, Clone)]
pub(super) struct Budget(Arc<Semaphore>);

/// The bytes that one request holds; dropping it gives them back.
#[derive(Debug)]
pub(super) struct Claim {
    budget: Budget,
    held: Option<OwnedSemaphorePermit>,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))))
    }

    pub(super) fn claim(&self) -> Claim {
        Claim { budget: self.clone(), held: None }
    }
}

impl Claim {
    /// Takes so many bytes more; `false`, and nothing taken, if they are not there.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        let Ok(permits) = u32::try_from(bytes) else { return false };
        let Ok(more) = Arc::clone(&self.budget.0).try_acquire_many_owned(permits) else { return false };
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_when_a_claim_ends() {
        let budget = Budget::new(100);
        let (mut first, mut second) = (budget.claim(), budget.claim());
        assert!(first.grow(60) && first.grow(20));
        assert!(!second.grow(21));
        assert!(second.grow(20));
        drop(first);
        assert!(second.grow(80));
        assert!(!second.grow(usize::MAX));
    }
}
