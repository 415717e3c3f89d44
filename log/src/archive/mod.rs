//! The archive: sealed hours as Parquet parts under manifests, on anything that `object_store` reaches.
//!
//! - [`keys`] owns every storage key; [`manifest`] the document that makes an hour exist;
//! - [`store`] puts and gets with the guarantees that sealing needs;
//! - [`kind`] says what differs between streams; [`clicks`] is the kind of the click log, [`part`] writes and reads
//!   its Parquet pairs, [`of_advertiser`] reads one advertiser's rows; [`invoices`] is the kind of what was issued;
//!   verdicts have theirs in the room above;
//! - [`identities`] finds events in a sealed hour by their identity, [`locate`] finds one anywhere by its position;
//! - [`documents`] puts and gets what documents are made of, the documents, and that they were issued;
//! - [`seal`] turns a range of the log into an hour; [`verify`] reads it back and checks all of it.
//!
//! Files that no manifest names do not exist: readers follow manifests and never list parts.

pub mod clicks;
mod columns;
pub mod documents;
pub mod entry;
pub mod identities;
pub mod invoices;
pub mod keys;
pub mod kind;
pub mod locate;
pub mod manifest;
pub mod of_advertiser;
pub mod part;
pub mod seal;
mod sort;
pub mod store;
pub mod verify;

pub use manifest::Manifest;
pub use store::{Archive, Error};

#[cfg(test)]
mod tests;
