//! What was issued, from the archive and then the log, each document once; and appending to that log what it does not
//! hold.
//!
//! - [`Issued`] reads;
//! - [`append`] appends, and [`Recorder`] does it several times: a document that is in the log already is found there
//!   and not appended again, whoever appended it, and whatever became of them. So it may be called again after any
//!   error, and by two processes at once.
//!
//! An entry that comes twice all the same is read once. It may, where the clock of whoever issued was more than
//! [`CLOCK`] ahead of the log's: then [`append`] did not look far enough back.

mod append;
mod error;
mod reader;
#[cfg(test)]
mod tests;

pub use append::{CLOCK, Recorder, append};
pub use error::Error;
pub use reader::{Document, Issued};
