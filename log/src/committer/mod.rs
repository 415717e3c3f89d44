//! Group commit: many requests become few frames, and nobody is answered before their frame is durable.
//!
//! It clocks itself. One frame is in flight, and whatever arrives meanwhile becomes the next frame. So frames grow
//! with the log's latency, and under light traffic no request waits for others. The next frame is made ahead only
//! when more waits than one frame takes: made earlier, it would only be smaller than it could be.
//!
//! The queue is bounded by rows, requests and bytes: when it is full, [`Committer::commit`] answers [`Error::Busy`] at
//! once, so memory does not grow. When a frame is on its way for too long, it answers [`Error::Unavailable`] at once:
//! waiting would help nobody.
//!
//! ```text
//! handle ──► queue ──► task ──► group ──► store ──► sink
//! commit     wait      decide   encode    answer    log or spool
//! ```

mod group;
mod handle;
mod limits;
mod outcome;
mod pulse;
mod queue;
mod sink;
mod store;
mod task;
#[cfg(test)]
mod tests;

pub use self::{
    handle::Committer,
    outcome::{Committed, Error, Place, Span},
    pulse::{Pulse, STUCK_AFTER},
    sink::{Direct, Sink, Stored},
};
