//! The log in a NATS JetStream broker: for production, one server with `sync_interval: always` or three replicas.
//!
//! Each log is a stream. A frame is a message: its header is the message's headers, its sequence the message's in the
//! stream. The broker republishes the headers of every stored frame, which wakes readers at the tail. If the broker
//! comes back with fewer frames than it acknowledged, that is a [`Gap`](crate::log::Error::Gap), and the handle that
//! noticed it refuses to go on.

mod append;
mod config;
mod durability;
mod handle;
pub(crate) mod headers;
mod link;
mod log;
mod read;

pub use self::{config::Config, handle::JetStreamLog};
