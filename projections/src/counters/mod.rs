//! The `counters` projection: minute × advertiser × campaign × ad × publisher × country × device × currency.
//!
//! Live ticks and sealed hours run the same SQL, `counters.sql`. Counts are 64-bit, sums are DECIMAL(38,0) of
//! millionths: at 8.6 G clicks a day, 64-bit micros would overflow within weeks.

mod bucket;
mod code;
pub(crate) mod exact;
mod fingerprint;
pub mod hot;
mod project;
pub mod query;
mod rulings;
pub(crate) mod schema;
mod sealed;
pub mod tiers;

pub use code::{BEHIND_SQL, NAME, SQL, VERSION, code_digest};
pub(crate) use code::{code_digest_of, engine};
pub use fingerprint::Fingerprint;
pub use project::{merge, project};
pub use rulings::{no_rulings, rulings, rulings_schema};
pub use schema::{COUNTS, KEYS, SUMS, normalize, schema};
pub use sealed::{Counts, project_frames, project_hour};

#[cfg(test)]
pub(crate) mod tests;
