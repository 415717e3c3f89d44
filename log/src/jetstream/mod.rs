//! The log in a NATS JetStream broker: for production, one server with `sync_interval: always` or three replicas.
//!
//! One stream per log; a frame is a message, its header the message's headers, its sequence the stream's. The broker
//! republishes the headers of every stored frame, which wakes readers at the tail. A broker that restarts with fewer
//! frames than it acknowledged raises [`Gap`](crate::log::Error::Gap), and this handle refuses to go on.

mod append;
mod config;
mod durability;
mod handle;
mod headers;
mod link;
mod log;
mod read;

pub use self::{config::Config, handle::JetStreamLog};
