//! The archive: sealed hours as Parquet parts under manifests, on anything that `object_store` reaches.
//!
//! - [`keys`] owns every storage key; [`manifest`] the document that makes an hour exist;
//! - [`store`] puts and gets with the guarantees that sealing needs, and [`watch`] is shown what it reads; `aside`
//!   keeps what is derived from an archive that is only read;
//! - [`kind`] says what differs between streams; [`clicks`] is the kind of the click log, [`part`] writes and reads
//!   its Parquet pairs, [`of_advertiser`] reads one advertiser's rows; [`invoices`] is the kind of what was issued,
//!   [`rejected`] that of rejected events; verdicts have theirs in the room above; [`groups`] holds two Parquet files
//!   against each other;
//! - [`identities`] finds events in a sealed hour by their identity, [`locate`] finds one anywhere by its position;
//! - [`documents`] puts and gets what documents are made of, the documents, and that they were issued;
//! - [`ranged`] reads some rows of a file and not the rest, and asks its Bloom filters (`bloom`); [`batches`] reads any
//!   file whose bytes may be damaged;
//! - [`trees`] are what a manifest commits to, row by row;
//! - [`redaction`] is what is left of hours from which personal columns were erased, [`erasure`] who asked for it,
//!   [`retention`] how long it is kept;
//! - [`seal`] turns a range of the log into an hour; [`verify`] reads it back and checks all of it;
//! - [`transparency`] is the log of all sealed hours, which is signed: what was sealed cannot be changed unseen.
//!
//! Files that no manifest names do not exist: readers follow manifests and never list parts.

mod aside;
pub mod batches;
mod bloom;
pub mod clicks;
mod columns;
mod directory;
pub mod documents;
pub mod entry;
pub mod erasure;
pub mod groups;
pub mod identities;
pub mod invoices;
pub mod keys;
pub mod kind;
pub mod locate;
pub mod manifest;
pub mod of_advertiser;
pub mod part;
pub mod ranged;
pub mod redaction;
pub mod rejected;
pub mod retention;
pub mod seal;
mod sort;
pub mod store;
pub mod transparency;
pub mod trees;
pub mod verify;
pub mod watch;

pub use manifest::Manifest;
pub use store::{Archive, Error};

#[cfg(test)]
mod tests;
