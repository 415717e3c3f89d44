//! What happened: events, frames, the log that holds them, and the archive of sealed hours.
//!
//! Nothing here knows of money owed, fraud or counters: it would all still be true if nobody were ever billed.
//!
//! A tour, in the order of an event's life:
//! - [`ad`] is what a click is on; [`event`] is one captured fact, [`identity`] what tells it from others, [`kinds`] a
//!   set of their kinds; [`schema`] its columns and how they may evolve;
//! - [`batch`] cuts past events into what becomes one frame each;
//! - [`frame`] is the unit of append; [`chain`] makes reading frames exactly-once;
//! - [`log`] is the contract, [`embedded`] and [`jetstream`] keep it; [`away`] stands in for one that is not reached;
//! - [`committer`] turns many requests into few frames, [`spool`] takes over when the log is away, [`shared`] appends
//!   under an identity that several processes share;
//! - [`invoices`] are the documents that were issued: what was handed to a customer, whatever is counted later;
//! - [`ids`] and [`time`] are where new ids and the present come from, [`zone`] is what local clocks show when;
//! - [`invariants`] is what always holds, numbered;
//! - [`archive`] writes hours, parts and manifests, and reads them back.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests wait, measure and take seeds"))]

pub mod ad;
pub mod archive;
pub mod away;
pub mod batch;
pub mod causes;
pub mod chain;
pub mod committer;
#[cfg(test)]
mod damaged;
pub mod embedded;
pub mod ended;
pub mod event;
#[cfg(test)]
mod fixtures;
pub mod frame;
pub mod identity;
pub mod ids;
pub mod invariants;
pub mod invoices;
pub mod jetstream;
pub mod kinds;
pub mod log;
pub mod position;
pub mod rejected;
pub mod schema;
pub mod shared;
pub mod spool;
pub mod sqlite;
#[cfg(test)]
mod testing;
pub mod time;
pub mod zone;
