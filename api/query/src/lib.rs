//! The question service: what people ask, decided once for every door.
//!
//! A [`Service`] is opened over one installation. It changes nothing that counts, and prints nothing: doors do that.
//!
//! - [`counters`] answers how many and how much, live and as of any verdict;
//! - [`explain`] says everything about one event;
//! - [`rules`] counts what each rule found, by hour;
//! - [`selection`] runs a person's SQL that names events to rule about.

use std::sync::Arc;

use clicktrail_catalog::Catalog;
use clicktrail_log::{archive::Archive, log::Log};
use clicktrail_projections::session;
use clicktrail_verdicts::history::History;

pub mod counters;
mod error;
pub mod explain;
pub mod rules;
pub mod selection;

pub use error::Error;

/// What answers are read from.
#[derive(Debug, Clone)]
pub struct Service {
    /// The click log.
    pub clicks: Arc<dyn Log>,
    /// The verdicts.
    pub history: History,
    /// The archive of both.
    pub archive: Archive,
    /// The catalog.
    pub catalog: Arc<dyn Catalog>,
    /// What one answer may use.
    pub limits: session::Limits,
}
