//! Personal columns that leave sealed hours, and what is left in their place.
//!
//! - [`document`] states which rows of an hour have none any more, and which files hold what is left; it serves hours
//!   of [rejected events](crate::archive::rejected) too;
//! - [`columns`] is what a personal file has beside its columns once something is gone: salts of the rows that stay,
//!   leaves of those that do not;
//! - `rewrite` makes the files of a part without some rows' values, `hour` does it to an hour, durably and in steps
//!   that can be done again;
//! - `current` finds what stands in the place of a file, and `check` holds it against the manifest.
//!
//! The manifest never changes, nor do the roots in it (I11): the leaf of an erased row is kept, and nobody who has it
//! can guess what it stood for, because its salt is destroyed with the key of the hour. What was never erased is only
//! missing: a file that is not there without a redaction that says so is damage.

pub(crate) mod check;
mod chooses;
pub mod columns;
mod current;
pub mod document;
pub(crate) mod hour;
mod rewrite;

pub use chooses::Chooses;
pub use document::{Cause, Left, Redaction};
pub use hour::{Held, Hidden};

#[cfg(test)]
mod tests;
