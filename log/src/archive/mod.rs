//! The archive: sealed hours as Parquet parts under manifests, on anything that `object_store` reaches.
//!
//! - [`keys`] owns every storage key; [`manifest`] the document that makes an hour exist;
//! - [`store`] puts and gets with the guarantees that sealing needs;
//! - [`kind`] says what differs between streams; [`clicks`] is the kind of the click log, [`part`] writes and reads
//!   its Parquet pairs; verdicts have theirs in the room above;
//! - [`identities`] finds events in a sealed hour by their identity, [`locate`] finds one anywhere by its position;
//! - [`seal`] turns a range of the log into an hour; [`verify`] reads it back and checks all of it.
//!
//! Files that no manifest names do not exist: readers follow manifests and never list parts.

pub mod clicks;
mod columns;
pub mod entry;
pub mod identities;
pub mod keys;
pub mod kind;
pub mod locate;
pub mod manifest;
pub mod part;
pub mod seal;
mod sort;
pub mod store;
pub mod verify;

pub use manifest::Manifest;
pub use store::{Archive, Error};

#[cfg(test)]
mod tests;
