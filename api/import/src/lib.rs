//! History from a file: any log of clicks becomes a stream of events in the order in which they happened.
//!
//! A [`Mapping`] says where each column comes from. [`Import::open`] reads the file once, finds every line's time and
//! sorts ([`sort`]); it is told what the log holds already ([`Import::know`]); [`Import::next_batch`] then makes
//! events, validates them as capturing does, leaves out what is known, and cuts the rest into frames
//! ([`clicktrail_log::batch`]). What is no event comes out of [`Import::into_rejects`], with its reason and its bytes.
//! A [`List`] of somebody else is read the same way, and only compared.

mod address;
mod client;
mod combined;
mod csv;
#[cfg(test)]
mod damaged;
mod earlier;
mod extra;
mod interpret;
mod known;
mod layout;
pub mod lines;
mod list;
mod list_mapping;
mod listed;
pub mod mapping;
mod ndjson;
mod occurrence;
mod odd;
pub mod reader;
mod record;
mod rejects;
mod repair;
mod request;
pub mod sort;
mod source;
mod text;
mod time_format;
mod value;

pub use known::LoggedEvent;
pub use list::{Line, List, Listed};
pub use mapping::{Format, Mapping};
pub use reader::{Error, Import, Options};
pub use rejects::{KnownRejects, Rejects};
