//! The HTTP doors: capture (`/c/{ad_id}`, `/i.gif`, `/v1/events`), health and metrics. One file per resource.
//!
//! A request becomes drafts, drafts become one batch of events and one of rejected events, both are stored
//! (`store`), and only then is anybody answered. Handlers know status codes and no storage; a failure becomes a
//! [`problem::Problem`], which [`finish`] turns into a document with the request's id.
//!
//! Conservation (invariant I2): every item that was read is counted as received, and once more as exactly one of
//! logged, rejected or refused (told to send it again), in the task that stores it, so that a client that hangs up
//! changes no count.

use std::{fmt, ops::Deref, sync::Arc};

use axum::{Router, routing};
use clicktrail_log::{committer::Committer, time::Clock};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::task::TaskTracker;

mod answer;
mod body;
mod budget;
mod client_address;
mod entrance;
mod events;
mod finish;
mod gather;
mod health;
mod intake;
pub mod limits;
pub mod metric_names;
pub mod metrics;
mod pixel;
pub mod problem;
mod redirect;
pub mod registry;
mod request_id;
mod serve;
mod store;
#[cfg(test)]
mod testing;
mod visit;

pub use entrance::Entrance;
pub use health::Ready;
pub use limits::Limits;
pub use registry::Registry;
pub use serve::serve;

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
    /// What is too much.
    pub limits: Limits,
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
    tally: metrics::Tally,
    budget: budget::Budget,
    gather: gather::Gather,
    request_ids: request_id::Source,
    /// Every commit under way: a client that hangs up does not stop it, and shutting down waits for it.
    commits: TaskTracker,
}

impl State {
    /// Registers the metrics of these doors with the recorder that is installed now.
    pub fn new(setup: Setup) -> Self {
        let budget = budget::Budget::new(setup.limits.bodies_bytes_max);
        Self(Arc::new(Shared {
            setup,
            tally: metrics::Tally::register(),
            budget,
            gather: gather::Gather::new(),
            request_ids: request_id::Source::new(),
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

/// All routes. Clicks go past the router, see [`entrance`]: its route of them is there for the methods that they do not
/// have, and for what `Allow` then says.
fn router(state: State) -> Router {
    Router::new()
        .route("/c/{ad_id}", routing::get(problem::method_not_allowed).post(problem::method_not_allowed))
        .route("/i.gif", routing::get(pixel::pixel))
        .route("/v1/events", routing::post(events::events))
        .route("/livez", routing::get(health::livez))
        .route("/readyz", routing::get(health::readyz))
        .route("/metrics", routing::get(metrics::metrics))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .with_state(state)
}
