//! The units that a worker has taken, and the sign of life that it gives for them.
//!
//! A lease only says who need not begin. Whoever loses one may end its work; if it does not notice, its result is
//! welcome.

#![expect(clippy::disallowed_methods, reason = "a sign of life is given at intervals")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use clicktrail_catalog::{Catalog, generations::GenerationId};
use clicktrail_log::time::{Clock, Hour, Timestamp};
use tokio::task::AbortHandle;
use tracing::warn;

/// So many signs of life fit into a lease: one may be late, and one may be lost.
const SIGNS_A_LEASE: u32 = 3;
/// The shortest time between two.
const PAUSE_MIN: Duration = Duration::from_millis(20);

/// The units of one worker.
#[derive(Debug, Clone)]
pub(super) struct Leases {
    catalog: Arc<dyn Catalog>,
    clock: Arc<dyn Clock>,
    generation: GenerationId,
    lease: Duration,
    held: Arc<Mutex<BTreeMap<Hour, Held>>>,
}

#[derive(Debug, Clone)]
struct Held {
    attempt: u32,
    /// What works on it; `None`: it has failed, and nobody else is to take it yet.
    work: Option<AbortHandle>,
}

impl Leases {
    pub(super) fn new(
        catalog: Arc<dyn Catalog>,
        clock: Arc<dyn Clock>,
        generation: GenerationId,
        lease: Duration,
    ) -> Self {
        Self { catalog, clock, generation, lease, held: Arc::default() }
    }

    /// Until when a lease that is taken now lasts.
    pub(super) fn until(&self, now: Timestamp) -> Timestamp {
        now.plus_micros(i64::try_from(self.lease.as_micros()).unwrap_or(i64::MAX))
    }

    /// Keeps a lease from now on.
    pub(super) fn keep(&self, hour: Hour, attempt: u32, work: Option<AbortHandle>) {
        self.lock().insert(hour, Held { attempt, work });
    }

    /// Keeps it no longer.
    pub(super) fn drop(&self, hour: Hour) {
        self.lock().remove(&hour);
    }

    /// Extends all of them again and again, until the task is aborted.
    pub(super) async fn run(self) {
        let mut interval = tokio::time::interval((self.lease / SIGNS_A_LEASE).max(PAUSE_MIN));
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        interval.tick().await;
        loop {
            interval.tick().await;
            let held: Vec<(Hour, Held)> = self.lock().iter().map(|(hour, held)| (*hour, held.clone())).collect();
            for (hour, held) in held {
                self.extend(hour, &held).await;
            }
        }
    }

    async fn extend(&self, hour: Hour, held: &Held) {
        let until = self.until(self.clock.now());
        match self.catalog.extend_lease(&self.generation, hour, held.attempt, until).await {
            Ok(true) => {}
            Ok(false) => {
                // Unless it was just finished, or taken again, by this worker.
                let mut all = self.lock();
                if all.get(&hour).is_some_and(|now| now.attempt == held.attempt) {
                    all.remove(&hour);
                    if let Some(work) = &held.work {
                        work.abort();
                    }
                }
            }
            Err(cause) => warn!(%hour, %cause, "a lease could not be extended; another worker may take the hour"),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Hour, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
