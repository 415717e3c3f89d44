//! The question service: what people ask, decided once for every door.
//!
//! A [`Service`] is opened over one installation. It changes nothing that counts, and prints nothing: doors do that.
//!
//! - [`basis`] says how far an answer goes, and what it does not hold;
//! - [`counters`] answers how many and how much, live and as of any verdict and click ([`moment`]); `generation`
//!   answers from what a build made or replaced; [`pinned`] is what bounds such answers;
//! - `projected` answers from any other projection;
//! - [`explain`] says everything about one event;
//! - [`reconcile`] holds a partner's list of clicks against ours;
//! - [`rules`] counts what each rule found, by hour;
//! - [`selection`] runs a person's SQL that names events to rule about;
//! - `tiers` answers in gross, net and total net, and says how much was judged.

pub mod basis;
pub mod counters;
mod error;
pub mod explain;
mod generation;
pub mod moment;
pub mod pinned;
mod projected;
pub mod reconcile;
pub mod rules;
pub mod selection;
mod service;
mod tiers;

pub use error::Error;
pub use service::Service;
