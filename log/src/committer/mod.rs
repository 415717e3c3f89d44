//! Group commit: many requests become few frames, and nobody is answered before their frame is durable.
//!
//! It clocks itself. One frame is in flight, and whatever arrives meanwhile becomes the next frame. So frames grow
//! with the log's latency, and under light traffic no request waits for others. The next frame is made ahead only
//! when more waits than one frame takes: made earlier, it would only be smaller than it could be.
//!
//! The queue is bounded: when it is full, [`Committer::commit`] answers [`Error::Busy`] at once, so memory does not
//! grow.
//!
//! ```text
//! handle ──► queue ──► task ──► group ──► store ──► sink
//! commit     wait      decide   encode    answer    log or spool
//! ```

mod group;
mod handle;
mod limits;
mod outcome;
mod queue;
mod sink;
mod store;
mod task;
#[cfg(test)]
mod tests;

pub use self::{
    handle::Committer,
    outcome::{Committed, Error, Span},
    sink::{Direct, Sink, Stored},
};
