//! The catalog: what is registered, what is sealed, what is counted so far, and which segments are live.
//!
//! Two implementations, [`Sqlite`] (embedded) and [`Postgres`] (servers), behind one trait and one suite. Everything
//! here but the registry, the hot partials and the audit trail mirrors the object store and can be rebuilt from it.
//!
//! - `contract` is the trait, `model` the values that it takes and gives, `pointer` what an hour counts from, `error`
//!   what can go wrong;
//! - [`generations`] is the contract of replays, and below it what they do: units, promotions, live pointers;
//! - `store` keeps the contract for any database: which lock an operation takes, and where its transaction ends;
//! - `registry`, `audit` (of the `trail`), `sealing`, `live` and `verdicts` are the operations and their SQL, `rows`
//!   reads what they fetch;
//! - `snapshot` is what answers are read from, how far it goes and what is missing; `mend` begins a rebuild,
//!   `replace` ends it with a `replacement`, and `making` keeps out who began before it;
//! - [`corrections`] is what people stage before it counts; [`invoicing`] is what is billed, drafted and issued;
//! - `digest` tells a row that was stored from a damaged one, `known_frames` the logs that were counted from others;
//! - `session` is the narrow waist to `sqlx`; `sqlite` and `postgres` are behind it; `many` are statements over rows;
//! - `migration` lists the scripts, `migrate` applies them.

mod audit;
mod contract;
pub mod corrections;
mod digest;
mod error;
pub mod generations;
pub mod invoicing;
mod known_frames;
mod live;
mod making;
mod many;
mod mend;
mod mended;
mod migrate;
mod migration;
mod model;
mod pointer;
mod postgres;
mod registry;
mod replace;
mod replacement;
mod rows;
mod sealing;
mod session;
mod snapshot;
mod sqlite;
mod store;
mod trail;
mod verdict_marks;
mod verdicts;

pub use clicktrail_log::ad::{Ad, Pause};
pub use clicktrail_verdicts::judge::Mark;
pub use contract::Catalog;
pub use error::Error;
pub use known_frames::{Became, JudgedFrames, KnownFrame};
pub use mended::{Forget, Mended};
pub use model::{
    AdAction, AdChange, Compare, Hole, HotPartial, LaterRuling, Making, Marks, OpenRulings, Outcome, Paused,
    Reconciliation, RegisteredAd, SealedHour, Segment, Snapshot, StaleHour,
};
pub use postgres::Postgres;
pub use replacement::{Registered, Replacement};
pub use sqlite::Sqlite;
pub use trail::{AuditEntry, AuditFilter, AuditResult, Audited};
