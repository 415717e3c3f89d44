//! All that a log ever took, in its order and each row once: from the archive as far as hours are sealed, then from the
//! log. So a new consumer begins with what it never witnessed, and goes on with what comes.
//!
//! - [`source`](Source) says what differs between the logs;
//! - `walk` goes from sealed hour to sealed hour and refuses a hole, `part` puts the rows of a part back into the order
//!   of the log;
//! - `follow` is the reader, [`History`]: where it stands, and how it changes from the archive to the log and back.
//!
//! **Handover.** The reader goes on in the log where the last sealed hour ends, with the writers' chains that its
//! manifest kept, so that repeats are dropped as sealing and counting drop them. If the log is trimmed past the reader,
//! the hours that were sealed meanwhile hold the same rows: it walks them, and leaves out what it has given.

mod follow;
mod part;
mod source;
#[cfg(test)]
mod tests;
mod walk;

pub use follow::{End, History, Start, Step};
pub use source::Source;
