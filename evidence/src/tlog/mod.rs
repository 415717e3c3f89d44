//! The log of logs: one append-only C2SP `tlog` whose entries name the manifests of sealed hours.
//!
//! - [`Entry`] is what is logged: stream, hour, and digest of a manifest;
//! - [`Checkpoint`] says how many entries there are and what their root is; signed as a [`note`](crate::note);
//! - [`Tile`] is where the tree's hashes are kept, 256 a file; [`Edge`] grows it, [`bundle`] holds the entries beside
//!   it;
//! - [`Witness`] signs what is consistent with what it saw, and says no to a fork: [`witness`] has the protocol.
//!
//! Everything here is a function of the entries: whoever has them has the whole log.

pub mod bundle;
mod checkpoint;
mod edge;
mod entry;
mod tile;
pub mod witness;

#[cfg(test)]
mod tests;

pub use self::{
    checkpoint::{Checkpoint, CheckpointError},
    edge::Edge,
    entry::{Entry, NotAnEntry},
    tile::{Tile, index_path, parse_index},
    witness::Witness,
};
