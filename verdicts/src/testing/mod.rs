//! What the tests of this room share: verdicts and logs.

pub(crate) mod bed;
pub(crate) mod memory_log;
mod samples;

pub(crate) use samples::{any_verdict, click, verdict};
