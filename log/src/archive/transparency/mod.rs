//! The log of logs: every sealed hour's manifest is one entry of an append-only C2SP `tlog`, whose root is signed. So
//! whoever was given a checkpoint once can tell whether an hour was changed, taken out or put in since.
//!
//! The order of the entries is decided by objects that are created once: of two processes that want the same place one
//! gets it, and the other looks again. Everything else (tiles, bundles, roots) is a function of the entries, so two
//! signers of one archive sign the same, and a signer that died anywhere is followed by the next one that runs.
//!
//! - [`Signer`] appends what was sealed, after it was read back from the store, and signs; `standing` is where it
//!   stands;
//! - [`Reader`] has proofs and checkpoints for whoever shows them; [`verify`] compares all of it with the archive;
//! - [`witnesses`] asks others to sign beside us;
//! - `objects` reads and writes single objects, `newest` finds the newest checkpoint without listing all of them.
//!
//! Without a key nothing of this is written, and everything else works as it does with one.

mod candidates;
mod error;
mod hours;
mod mend;
mod newest;
mod objects;
mod reader;
mod signer;
mod standing;
mod streams;
pub mod verify;
pub mod witnesses;

#[cfg(test)]
mod tests;

pub use self::{
    error::Error,
    hours::{Found, Hours},
    mend::mend,
    objects::Kept,
    reader::Reader,
    signer::{Keys, Signed, Signer},
    streams::STREAMS,
};
