//! Making it so again: from the log to sealed hours to live counts, and the catalog that says which counts are live.
//!
//! - [`catalog`] is the contract, kept by SQLite and Postgres;
//! - [`live`] counts frames as they come; [`sealing`] archives an hour and puts its segment in the place of what was
//!   counted live; [`segment`] builds that segment;
//! - [`judging`] keeps the judge's mark, which counting waits for; [`rulings`] is what stands about an hour; [`stale`] lists
//!   the hours that a later ruling concerns, and [`as_of`] counts them with it;
//! - [`rebuild`] makes the catalog again from the object store.

pub mod as_of;
pub mod catalog;
mod error;
pub mod judging;
pub mod live;
pub mod metric;
pub mod rebuild;
pub mod rulings;
pub mod sealing;
pub mod segment;
pub mod stale;

pub use error::Error;
