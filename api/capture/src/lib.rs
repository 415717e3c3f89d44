//! From bytes to events: what every door does with what arrives, whichever door it is.
//!
//! Bytes become a [`Draft`] ([`parse`]: is it JSON, has every field its type?), a draft becomes an
//! [`Event`](clicktrail_log::event::Event) ([`validate`]: do the values keep the log's promises?), and whatever does
//! not is told why by a [`Reason`] with a stable code. Nothing here knows of HTTP, files or time of day.

use std::borrow::Cow;

pub mod ads;
pub mod amount;
pub mod currency;
pub mod draft;
mod json;
pub mod parse;
pub mod reason;
pub mod validate;

pub use ads::Ads;
pub use draft::Draft;
pub use reason::Reason;
pub use validate::{Context, Limits};

/// At most 64 characters of what a client sent, for error messages.
fn shorten(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(64) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}
