//! The doors' own counts: the terms of the conservation law (invariant I2).

use std::time::Duration;

use metrics::{Counter, Histogram, Unit};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusRecorder};

use crate::metric_names as name;

/// Upper bounds in seconds: from an idle NVMe disk's fsync to a timeout.
const ACK_LATENCY_BUCKETS: [f64; 14] =
    [0.000_5, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// A recorder with this room's buckets. The caller installs it, and calls
/// [`run_upkeep`](metrics_exporter_prometheus::PrometheusHandle::run_upkeep) every few seconds if nobody scrapes.
///
/// # Errors
/// Never in practice: the buckets are not empty.
pub fn recorder() -> Result<PrometheusRecorder, BuildError> {
    let histogram = Matcher::Full(name::ACK_LATENCY.to_owned());
    Ok(PrometheusBuilder::new().set_buckets_for_metric(histogram, &ACK_LATENCY_BUCKETS)?.build_recorder())
}

/// The terms of the conservation law, and how long acknowledgements take. Registered once: a count costs an atomic
/// addition.
pub(super) struct Tally {
    pub(super) received: Counter,
    pub(super) logged: Counter,
    pub(super) rejected: Counter,
    pub(super) refused: Counter,
    pub(super) sampled_out: Counter,
    ack_latency: Histogram,
}

impl std::fmt::Debug for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tally").finish_non_exhaustive()
    }
}

impl Tally {
    pub(super) fn register() -> Self {
        metrics::describe_counter!(name::EVENTS_RECEIVED, Unit::Count, "Items read from requests");
        metrics::describe_counter!(name::EVENTS_LOGGED, Unit::Count, "Items durably in the log or on its spool");
        metrics::describe_counter!(name::EVENTS_REJECTED, Unit::Count, "Items durably in the rejected stream");
        metrics::describe_counter!(
            name::EVENTS_REFUSED,
            Unit::Count,
            "Items whose clients were told to send them again"
        );
        metrics::describe_counter!(
            name::EVENTS_SAMPLED_OUT,
            Unit::Count,
            "Requests for unknown ads that were answered and not kept, beyond what a minute may keep"
        );
        metrics::describe_histogram!(
            name::ACK_LATENCY,
            Unit::Seconds,
            "From the committer's door to its acknowledgement"
        );
        Self {
            received: metrics::counter!(name::EVENTS_RECEIVED),
            logged: metrics::counter!(name::EVENTS_LOGGED),
            rejected: metrics::counter!(name::EVENTS_REJECTED),
            refused: metrics::counter!(name::EVENTS_REFUSED),
            sampled_out: metrics::counter!(name::EVENTS_SAMPLED_OUT),
            ack_latency: metrics::histogram!(name::ACK_LATENCY),
        }
    }

    pub(super) fn acknowledged_after(&self, elapsed: Duration) {
        self.ack_latency.record(elapsed.as_secs_f64());
    }
}
