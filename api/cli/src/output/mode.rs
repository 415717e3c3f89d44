//! How tables are printed: decided once, when the command line is read.

use std::sync::atomic::{AtomicBool, Ordering};

static CSV: AtomicBool = AtomicBool::new(false);

/// From now on tables are CSV (RFC 4180): columns as in a table, cells whole.
pub(crate) fn tables_are_csv() {
    CSV.store(true, Ordering::Relaxed);
}

/// Whether tables are printed as CSV, in which nothing is shortened.
pub(crate) fn is_csv() -> bool {
    CSV.load(Ordering::Relaxed)
}
