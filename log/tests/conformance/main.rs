//! One suite for every implementation of the [`Log`](clicktrail_log::log::Log) contract.
//!
//! [`cases`] holds what all must do, as plain functions on a [`bed::Bed`]; [`embedded`] and [`jetstream`] run them and
//! add what only they can: damage to their own files, a cut connection, a killed server. [`recent`] runs them where
//! readers share what they decoded.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "tests wait, measure and start what they need; a seed is shown once by each of them"
)]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test; allow-unwrap-in-tests does not reach helpers")]

mod bed;
mod cases;
mod copies;
mod embedded;
mod frames;
mod jetstream;
mod nats_server;
mod proxy;
mod recent;
