//! The HTTP doors: capture (`/c/{ad_id}`, `/i.gif`, `/v1/events`, `/v1/receipts`), health and metrics. One file per
//! resource.
//!
//! A request becomes drafts, drafts become one batch of events and one of rejected events, both are stored
//! (`store`), and only then is anybody answered. Handlers know status codes and no storage; a failure becomes a
//! [`problem::Problem`], which `finish` turns into a document with the request's id.
//!
//! Whoever asks gets a receipt of an event (`receipts`), and `redeem` proves later what it promised: see [`redeemed`].
//!
//! [`witness`] is another door, of another process: it takes checkpoints of logs and signs them.
//!
//! Conservation (invariant I2): every item that was read is counted as received, and once more as exactly one of
//! logged, rejected or refused (told to send it again), in the task that stores it, so that a client that hangs up
//! changes no count.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests wait, measure and take seeds"))]

mod answer;
mod body;
mod budget;
mod client_address;
#[cfg(test)]
mod damaged;
mod events;
mod finish;
mod gather;
mod health;
mod held;
mod intake;
pub mod limits;
pub mod metric_names;
mod metrics;
mod open_batch;
mod operations;
mod pixel;
pub mod problem;
mod ready;
mod receipts;
mod redeem;
pub mod redeemed;
mod redirect;
pub mod registry;
mod request_id;
mod router;
mod serve;
mod state;
mod store;
mod strangers;
mod tally;
#[cfg(test)]
mod testing;
mod told;
mod visit;
pub mod witness;
mod write_deadline;

pub use limits::Limits;
pub use ready::Ready;
pub use registry::Registry;
pub use serve::{serve, serve_operations};
pub use state::{Setup, State};
pub use tally::recorder;
pub use told::Operations;
