//! What was issued, in the object store, so that a catalog that was lost gets its documents back.
//!
//! The catalog alone decides what is issued. After that its record is put beside the document. A process that dies in
//! between leaves a record out; [`finish`](crate::finish) puts it there.
//!
//! - [`put`] puts a record there; [`document`] is the record of a document, and [`terms`] that of a version of terms;
//! - [`restore`] brings all of it back, and `of_log` a document of which the log of issued documents alone is left.

mod archived;
pub mod document;
mod of_log;
pub mod restore;
pub mod terms;

pub use archived::put;
