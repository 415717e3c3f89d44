//! From a range of the log to a sealed hour. Doing it again gives the same bytes.
//!
//! An hour is cut once the clock has passed its end by [`GRACE`]: before the first frame whose logged time is past the
//! end, or after the last frame if there is no such frame. The cut is written in the manifest and never computed
//! again: a frame that comes later with an earlier logged time belongs to the next hour. A frame that is logged far
//! in the future cuts nothing: the clock was wrong.
//!
//! Where the log was lost, an hour is closed: it ends with the last frame that anybody knows of, and a new epoch
//! begins.

mod cursor;
mod error;
mod hour;
mod sealer;

pub use self::{
    cursor::Cursor,
    error::Error,
    hour::ALARMS_MAX,
    sealer::{GRACE, Sealer, latest},
};
