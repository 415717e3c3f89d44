//! What all handlers share.

use std::{fmt, ops::Deref, sync::Arc};

use clicktrail_evidence::note::SigningKey;
use clicktrail_log::{committer::Committer, ids::Ids, time::Clock};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::{
    budget::Budget, limits::Limits, open_batch::OpenBatch, ready::Ready, redeemed::Redeem, registry::Registry,
    request_id, strangers::Strangers, tally::Tally,
};

/// What the doors are built from.
#[derive(Clone)]
pub struct Setup {
    /// Takes events.
    pub clicks: Committer,
    /// Takes rejected events.
    pub rejected: Committer,
    /// Where clicks lead and what they cost.
    pub registry: Arc<Registry>,
    /// When events are captured.
    pub clock: Arc<dyn Clock>,
    /// What events, and the server's requests, are called that nobody named.
    pub ids: Arc<dyn Ids>,
    /// What is too much.
    pub limits: Limits,
    /// What signs receipts; none: they say that they are unsigned.
    pub receipt_keys: Arc<[SigningKey]>,
    /// Who redeems receipts; `None`: that door is not there.
    pub redeem: Option<Arc<dyn Redeem>>,
    /// What `/readyz` tells.
    pub ready: Ready,
    /// What `/metrics` shows; the recorder behind it should be installed before [`State::new`].
    pub metrics: PrometheusHandle,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("limits", &self.limits).field("ready", &self.ready).finish_non_exhaustive()
    }
}

/// What all handlers share; clones are the same state.
#[derive(Debug, Clone)]
pub struct State(Arc<Shared>);

/// The setup, and what the doors keep beside it.
#[derive(Debug)]
pub struct Shared {
    setup: Setup,
    pub(crate) tally: Tally,
    pub(crate) budget: Budget,
    pub(crate) strangers: Strangers,
    pub(crate) open_batch: OpenBatch,
    pub(crate) request_ids: request_id::RequestIds,
    /// Proofs that may still be begun.
    pub(crate) redemptions: Semaphore,
    /// Every commit under way: a client that hangs up does not stop it, and shutting down waits for it.
    pub(crate) commits: TaskTracker,
}

impl State {
    /// Registers the metrics of these doors with the recorder that is installed now.
    pub fn new(setup: Setup) -> Self {
        // Of the halves of an id only the second is random.
        let (_, process) = setup.ids.next(setup.clock.now()).as_u64_pair();
        let request_ids = request_id::RequestIds::new(process);
        let budget = Budget::new(setup.limits.bodies_bytes_max);
        let redemptions = Semaphore::new(setup.limits.redemptions_max);
        Self(Arc::new(Shared {
            setup,
            tally: Tally::register(),
            budget,
            strangers: Strangers::default(),
            open_batch: OpenBatch::new(),
            request_ids,
            redemptions,
            commits: TaskTracker::new(),
        }))
    }
}

impl Deref for State {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Deref for Shared {
    type Target = Setup;

    fn deref(&self) -> &Setup {
        &self.setup
    }
}
