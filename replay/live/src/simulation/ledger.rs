//! What clients were told: every attempt to send a click, and whether it was acknowledged.

use std::sync::Mutex;

/// One sending of a click. Its number travels with it, so that it is found again wherever it went.
#[derive(Debug, Clone, Default)]
pub(super) struct Attempt {
    pub(super) is_acknowledged: bool,
    pub(super) is_open: bool,
}

/// All attempts of a run.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Attempts>);

#[derive(Debug, Default)]
struct Attempts {
    all: Vec<Attempt>,
    /// Those that were acknowledged, in this order.
    acknowledged: Vec<usize>,
}

impl Ledger {
    pub(super) fn begin(&self) -> usize {
        let mut attempts = self.0.lock().unwrap();
        attempts.all.push(Attempt { is_acknowledged: false, is_open: true });
        attempts.all.len() - 1
    }

    pub(super) fn end(&self, attempt: usize, is_acknowledged: bool) {
        let mut attempts = self.0.lock().unwrap();
        attempts.all[attempt] = Attempt { is_acknowledged, is_open: false };
        if is_acknowledged {
            attempts.acknowledged.push(attempt);
        }
    }

    pub(super) fn attempts(&self) -> Vec<Attempt> {
        self.0.lock().unwrap().all.clone()
    }

    /// Those that were acknowledged behind the first so many.
    pub(super) fn acknowledged(&self, from: usize) -> Vec<usize> {
        self.0.lock().unwrap().acknowledged[from..].to_vec()
    }
}
