//! What answers are read from.

use std::sync::Arc;

use clicktrail_catalog::Catalog;
use clicktrail_log::{archive::Archive, log::Log};
use clicktrail_projections::session;
use clicktrail_verdicts::reader::VerdictReader;

/// An installation, as far as questions need it.
#[derive(Debug, Clone)]
pub struct Service {
    /// The click log.
    pub clicks: Arc<dyn Log>,
    /// The verdicts.
    pub history: VerdictReader,
    /// The archive of both.
    pub archive: Archive,
    /// The catalog.
    pub catalog: Arc<dyn Catalog>,
    /// What one answer may use.
    pub limits: session::Limits,
}
