//! Whether the server should get traffic, as whoever runs a part of it says.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

/// Why the server should get no traffic, by the part that is not ready. Clones share it: whoever runs a part says how
/// it is.
#[derive(Debug, Clone, Default)]
pub struct Ready(Arc<RwLock<BTreeMap<&'static str, String>>>);

impl Ready {
    /// Says that a part is not ready, and why, for people.
    pub fn block(&self, part: &'static str, why: impl Into<String>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(part, why.into());
    }

    /// Says that a part is ready.
    pub fn clear(&self, part: &'static str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(part);
    }

    /// What is not ready, as `part: why`; empty if all is.
    pub fn reasons(&self) -> Vec<String> {
        let parts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        parts.iter().map(|(part, why)| format!("{part}: {why}")).collect()
    }
}
