//! What the rooms promise each other, read from manifests and sources: a promise that nobody checks is a wish.
//!
//! Each check is a function from a [`tree`] to what is wrong in it, so that a test can plant a violation in a made-up
//! tree beside the one that looks at the repository. [`crates`] and [`rust`] read sources as far as the checks need.

#![allow(clippy::unwrap_used, reason = "a source tree that cannot be read fails the test")]

mod bans;
mod citations;
mod crates;
mod decoders;
mod modules;
mod promises;
mod rooms;
mod rust;
mod sizes;
mod storage;
mod tree;
mod unused;
