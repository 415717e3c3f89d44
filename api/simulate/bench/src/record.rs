//! One line of JSON for each run, so that a figure of today finds those of every commit before.

use std::{fs::OpenOptions, io::Write as _, path::Path, process::Command};

use anyhow::Context as _;
use clicktrail_log::time::Timestamp;
use serde::Serialize;

use crate::{
    fsync,
    sizes::Sizes,
    table::{Row, Table},
};

/// What a line holds. Fields may be added; what is there keeps its meaning.
#[derive(Debug, Serialize)]
struct Record<'r> {
    at: String,
    /// `null` outside a clone.
    commit: Option<String>,
    cores: usize,
    /// Writing 4 KiB and syncing it, on the disk that the run used.
    fsync_ms_p50: f64,
    fsync_ms_p99: f64,
    sizes: &'r Sizes,
    rows: &'r [Row],
}

/// Appends what was measured to `file`.
///
/// # Errors
/// If the file cannot be written, or the disk not be measured.
pub(crate) fn append(file: &Path, at: Timestamp, sizes: &Sizes, table: &Table) -> anyhow::Result<()> {
    let (p50, p99) = fsync::measure(tempfile::tempdir()?.path())?;
    let record = Record {
        at: at.to_string(),
        commit: commit(),
        cores: std::thread::available_parallelism()?.get(),
        fsync_ms_p50: p50 * 1_000.0,
        fsync_ms_p99: p99 * 1_000.0,
        sizes,
        rows: table.rows(),
    };
    let line = serde_json::to_string(&record)? + "\n";
    let opened = OpenOptions::new().create(true).append(true).open(file);
    let written = opened.and_then(|mut file| file.write_all(line.as_bytes()));
    written.with_context(|| format!("append to {}", file.display()))
}

/// The commit that is checked out, if git knows.
fn commit() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "HEAD"]).output().ok()?;
    let hash = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !hash.is_empty()).then_some(hash)
}
