//! The first hour of a range, as a person writes it.

use clicktrail_log::time::Hour;
use clicktrail_projections::{
    Error,
    zone::{Bound, Unit, Zone},
};

/// Reads an hour of UTC, as in `2026-11-22T14`, or a date for its first hour.
///
/// # Errors
/// If it is none of them, or lies inside an hour.
pub(super) fn parse(text: &str) -> Result<Hour, Error> {
    let utc = Zone::utc();
    Ok(Bound::parse(text, &utc, Unit::Hour)?.first(&utc).hour())
}
