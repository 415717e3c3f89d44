//! The archive of rejected events: one file a part, in the order of the log, among what is personal. What arrived may
//! name anybody, so no leaf of the hour's tree is made of it: it is erased, and the tree stays.
//!
//! - [`RejectedEvents`] is the kind of archive, `layout` the bytes of a part, `read_back` what is checked of it;
//! - `left` says of an hour of which something was erased which files hold what is left, `erase` does it.

mod erase;
mod kind;
mod layout;
mod left;
mod part;
mod read_back;
#[cfg(test)]
mod tests;

pub use kind::RejectedEvents;
pub use left::RedactedRejected;
pub use part::{Manifest, Part};
