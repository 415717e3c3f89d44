//! From bytes to events, the same for every door that events come in by.
//!
//! Bytes become a [`Draft`] ([`parse`]: is it JSON, has every field its type?), a draft becomes an
//! [`Event`](clicktrail_log::event::Event) ([`validate`]: do the values keep the log's promises?), and whatever does
//! not is told why by a [`Reason`] with a stable code. A value that no bill needs is never a reason: it is cut or
//! dropped ([`optional`]), and the event says so ([`Aside`]). Nothing here knows of HTTP, files or time of day.

pub mod ads;
pub mod amount;
pub mod aside;
pub mod currency;
#[cfg(test)]
mod damaged;
pub mod draft;
pub mod json;
pub mod mend;
pub mod optional;
pub mod parse;
mod reader;
pub mod reason;
mod shorten;
pub mod validate;

pub use ads::Ads;
pub use aside::Aside;
pub use draft::Draft;
pub use reason::Reason;
pub use validate::{Context, Limits};
