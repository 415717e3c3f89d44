//! The projection's code, and the digest that names it.

use clicktrail_log::{frame::Digest, schema::columns};

use super::schema::schema;
use crate::segment;

/// In keys, tables and commands.
pub const NAME: &str = "counters";
/// Part of the code digest: raise it when the meaning changes and the SQL does not.
pub const VERSION: u32 = 1;
/// The projection itself.
pub const SQL: &str = include_str!("counters.sql");
/// Adds up partial counters.
/// The events behind rows: see the file.
pub const BEHIND_SQL: &str = include_str!("behind.sql");

pub(super) const MERGE_SQL: &str = include_str!("merge.sql");

/// Names the code: SHA-256 of the version, the SQL, the output columns, the segment's layout, the engine's version,
/// which fixes that of Parquet, and that of Zstandard.
pub fn code_digest() -> Digest {
    code_digest_of(SQL)
}

/// What [`code_digest`] is once `sql` is the projection.
pub(crate) fn code_digest_of(sql: &str) -> Digest {
    let columns = columns(&schema());
    Digest::of(format!("{NAME} {VERSION}\n{sql}\n{columns:?}\n{}", engine()).as_bytes())
}

/// What decides over the bytes of a segment beside the projection: part of every code digest.
pub(crate) fn engine() -> String {
    let (layout, engine) = (segment::CREATED_BY, datafusion::DATAFUSION_VERSION);
    let zstd = zstd::zstd_safe::version_number();
    format!("{layout}\nDataFusion {engine}\nzstd {zstd}")
}
