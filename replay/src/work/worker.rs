//! A worker, how it works, and what it tells.

use std::{sync::Arc, time::Duration};

use clicktrail_catalog::{Catalog, generations::GenerationState};
use clicktrail_log::{
    archive::Archive,
    time::{Clock, Hour},
};
use clicktrail_projections::session;
use clicktrail_verdicts::reader::VerdictReader;

/// A worker.
#[derive(Debug, Clone)]
pub struct Worker {
    /// The archive.
    pub archive: Archive,
    /// The verdicts.
    pub history: VerdictReader,
    /// The catalog, through which workers share units.
    pub catalog: Arc<dyn Catalog>,
    /// What time it is: leases are compared across machines, whose clocks should agree within a part of one.
    pub clock: Arc<dyn Clock>,
    /// Who it is, for people.
    pub name: String,
    /// How it works.
    pub settings: Settings,
}

/// How a worker works.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// So many hours at a time, at most.
    pub parallel: usize,
    /// Bytes of memory for all of them; an hour that could take more waits until it is alone.
    pub memory_bytes: u64,
    /// What projecting one hour may use.
    pub limits: session::Limits,
    /// After so long without a sign of life another worker takes a unit.
    pub lease: Duration,
    /// Events a second, at most, over all hours; `None`: no limit.
    pub rows_per_second: Option<u64>,
    /// What happens when a unit has failed for good.
    pub on_failure: OnFailure,
    /// Whether to wait until the generation is built, also by others.
    pub waits: bool,
}

impl Settings {
    /// The time that a dead worker's units wait for another, unless something else is said.
    pub const LEASE: Duration = Duration::from_secs(30);
    /// Memory for all hours of a worker, unless something else is said.
    pub const MEMORY_BYTES: u64 = 1 << 30;
}

/// What happens when a unit has failed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// No further unit is taken.
    Stop,
    /// The others are computed first.
    Continue,
}

/// What a worker tells while it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A unit is done.
    Done {
        /// Which hour.
        hour: Hour,
        /// Events in it.
        rows: u64,
        /// How long it took, microseconds.
        micros: i64,
        /// Whether nothing had to be computed.
        is_reused: bool,
    },
    /// An attempt failed, and another one follows.
    Retried(Hour, String),
    /// A unit has failed for good.
    Failed(Hour, String),
    /// Another worker has the unit: the lease had ended.
    Lost(Hour),
    /// Somebody gave the generation up meanwhile: what was computed counts for nothing, and nothing failed.
    Dropped(Hour),
}

/// Who listens.
pub type Tell = Arc<dyn Fn(Event) + Send + Sync>;

/// How a worker ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Units that it finished.
    pub done: u64,
    /// Those of them that an earlier build had done.
    pub reused: u64,
    /// What failed for good, and why.
    pub failed: Vec<(Hour, String)>,
    /// Whether it was asked to stop.
    pub stopped: bool,
    /// Where the generation stands.
    pub state: GenerationState,
}
