//! What the tests of this room share: verdicts, logs, fixtures and seeds.

pub(crate) mod bed;
pub(crate) mod fixture;
pub(crate) mod memory_log;
mod samples;
pub(crate) mod seed;

pub(crate) use samples::{any_verdict, click, event, every_shape, summary, verdict};
