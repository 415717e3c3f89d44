//! Made-up traffic that behaves like traffic: for demos, benchmarks and tests.
//!
//! A [`Simulation`] is a pure function of its [`Config`]: the same numbers give the same events, on every machine and
//! (pinned by a test) in every version, so that a benchmark measures the same work next year. It goes through
//! simulated time second by second and remembers only what is still to come of what it has made (`traffic`).
//!
//! What is in it, and why: campaigns whose sizes follow Zipf's law; a day curve; ten impressions to a click;
//! conversions some time after clicks, a few suspiciously soon; bots with the user agents of tools; bursts from one
//! address; double clicks; retries that repeat an event with its id, a few of them 20 hours later; events that arrive
//! late; probes and prefetches. `ip` values are from ranges that belong to nobody (100.64.0.0/10, 2001:db8::/32).

mod config;
mod dice;
mod happening;
mod json;
mod market;
mod people;
mod render;
mod stream;
mod traffic;

pub use config::Config;
pub use stream::Simulation;

#[cfg(test)]
mod tests;
