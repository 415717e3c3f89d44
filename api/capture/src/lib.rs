//! From bytes to events, the same for every door that events come in by.
//!
//! Bytes become a [`Draft`] ([`parse`]: is it JSON, has every field its type?), a draft becomes an
//! [`Event`](clicktrail_log::event::Event) ([`validate`]: do the values keep the log's promises?), and whatever does
//! not is told why by a [`Reason`] with a stable code. Nothing here knows of HTTP, files or time of day.

pub mod ads;
pub mod amount;
pub mod currency;
pub mod draft;
pub mod json;
pub mod parse;
pub mod reason;
mod shorten;
pub mod validate;

pub use ads::Ads;
pub use draft::Draft;
pub use reason::Reason;
pub use validate::{Context, Limits};
