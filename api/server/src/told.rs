//! What operators are told.

use std::fmt;

use metrics_exporter_prometheus::PrometheusHandle;

use crate::ready::Ready;

/// What is told.
#[derive(Clone)]
pub struct Operations {
    /// What `/readyz` tells.
    pub ready: Ready,
    /// What `/metrics` shows.
    pub metrics: PrometheusHandle,
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operations").field("ready", &self.ready).finish_non_exhaustive()
    }
}
