//! The archive: sealed hours as Parquet parts under manifests, on anything that `object_store` reaches.
//!
//! - [`keys`] owns every storage key; [`manifest`] the document that makes an hour exist;
//! - [`store`] puts and gets with the guarantees that sealing needs; [`part`] writes and reads one Parquet pair;
//! - [`seal`] turns a range of the log into an hour; [`verify`] reads it back and checks all of it.
//!
//! Files that no manifest names do not exist: readers follow manifests and never list parts.

mod columns;
pub mod keys;
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
