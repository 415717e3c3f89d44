//! What detectors find at their boundaries, and that nothing but the log decides it.

mod aside;
mod causal;
mod decided;
mod future;
mod limits;
pub(crate) mod mmdb;
mod naive;
mod real_log;
mod rules;
mod strangers;
mod world;
