//! Which events an hour holds, by their identity: for finding what was logged before.
//!
//! An hour has an *identity filter* beside its parts: a sorted table of forty bits for each event, cut into pages that
//! are read alone. It says which part may hold an event, and is wrong once in 300 million look-ups. The part itself
//! then says whether it does, and where ([`PartIndex`]). What is read is kept within a bound of bytes ([`Identities`]).
//!
//! A filter is derived: its key is made from the digests of the parts that it is about, so it is found from the
//! manifest alone, and one that is missing or damaged is made again from them. No verdict depends on whether it is
//! there. It is written when the hour is sealed, before the manifest.
//!
//! **Ids that say their own time.** Every id must be looked up, or somebody's retry is billed. Only a UUIDv7 says when
//! it was made, as those that our servers mint do. Nobody need believe it: an hour that ended before the id's date can
//! only hold it if the id was *dated ahead* of its own logging, and a filter lists those apart. There are none in an
//! honest log. So a fresh id costs nothing, whoever made it, and a forged date gains nothing: a date in the past is
//! looked up, and one in the future is in the list.

mod cache;
mod file;
mod fingerprint;
mod gather;
mod group;
mod index;
mod made;
mod page;
mod reader;
#[cfg(test)]
mod tests;

pub use self::{
    file::encode,
    fingerprint::{AHEAD_MICROS, Fingerprint, Fingerprints, date_of},
    group::SearchedHour,
    index::{Found, PartIndex},
    made::mend,
    reader::{ASKED_MAX, Asked, Hit, Identities},
};
pub(crate) use self::{
    gather::{Filter, Gatherer},
    index::fingerprints_of,
    made::problems,
};
