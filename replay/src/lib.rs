//! Making it so again: from the log to sealed hours to live counts, and the catalog that says which counts are live.
//!
//! - [`catalog`] is the contract, kept by SQLite and Postgres;
//! - [`live`] counts frames as they come; [`sealing`] archives an hour and puts its segment in the place of what was
//!   counted live; [`segment`] builds that segment;
//! - [`rebuild`] makes the catalog again from the object store.

pub mod catalog;
mod error;
pub mod live;
pub mod metric;
pub mod rebuild;
pub mod sealing;
pub mod segment;

pub use error::Error;
