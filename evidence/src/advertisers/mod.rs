//! Whose rows are where in an hour of clicks: a tree over advertisers that also adds up their rows.
//!
//! A leaf says which leaves of the tree of rows are an advertiser's: in each part one range, because a part is sorted
//! by advertiser. Every node commits to the rows of both of its sides, so the root tells how many rows all leaves
//! claim. If these are all rows of the hour, a row that an advertiser's leaf leaves out is claimed by another leaf: of
//! another advertiser, or a second one of its own. A proof shows one place, so it holds against whoever shows the tree,
//! and not against whoever made it: that whoever seals gives each advertiser one leaf, and its own rows, is what the
//! trees are computed again for (`log verify --deep`).
//!
//! ```text
//! key   SHA-256("clicktrail advertiser 1" 0x00 hour 0x00 advertiser_id), hour as in 2026-11-22T14
//! rest  SHA-256 over of each range: first leaf, leaves; 8 bytes each, big endian
//! leaf  SHA-256(0x02 key rows rest)                    rows: 8 bytes, big endian, the sum over the ranges
//! node  SHA-256(0x03 rows hash rows hash)              of the left and the right side
//! ```
//!
//! Leaves ascend by key, and the tree over them has the shape of RFC 6962. That an advertiser has no rows is shown by
//! the two leaves between which its key would stand; these show a key, a number of rows and a hash, not who it is or
//! which rows. A proof does tell how many rows its neighbours have: whoever knows another advertiser's id can compare
//! the key.
//!
//! - `leaf`: keys, ranges and leaves; `tree`: all of an hour, and the proofs; `proof`: checking them.

mod leaf;
mod proof;
mod tree;

pub use leaf::{Claim, Key, Run, Summed};
pub use proof::{Absence, Neighbour, Presence, Proof, Unproved};
pub use tree::{Advertisers, Error, Prover};

#[cfg(test)]
mod tests;
