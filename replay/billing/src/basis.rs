//! The exact list of segments that a period is summed from, as a document of the archive under its digest.
//!
//! Hours are by logged time, a period by event time. So an event of the period may stand in the hour before its own, if
//! a clock was ahead, and in any hour behind it, if it came late. A basis looks at all hours from one before the period
//! to the last that was sealed. Of hours behind the period only those are read that have an event of it, as their
//! manifests say; the others are named.
//!
//! `document` is what is stored, `find` makes it from one snapshot of the catalog.

mod document;
mod find;

pub use document::{Basis, Checkpoint, Error, Hours, Read, Stale, VERSION};
pub use find::{find, signed};
