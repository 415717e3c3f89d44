//! The container of a bundle: a zip of stored files, in the one form that this program writes (decision 0070).
//!
//! Zip is ambiguous: a file may have two directories, lengths that contradict each other, names twice, bytes that only
//! some readers see. So two programs may read two bundles in one file. Here a list of files has exactly one form, and
//! whatever is not that form is refused. Every unzip program reads it.
//!
//! - Files are stored, never compressed, one behind the other from byte 0; then their directory, then its end, and
//!   nothing behind it.
//! - Names ascend by their bytes, so none is there twice. A name has letters, digits, `.`, `_`, `-`, in parts between
//!   `/`; no part begins with a point.
//! - No extra fields, comments, flags or disks; the time is 1980-01-01 00:00; no sizes of 64 bits.

mod crc;
mod limits;
mod read;
mod record;
mod write;

pub use crc::Crc;
pub use limits::{BYTES_MAX, Error, FILES_MAX, NAME_MAX};
pub use read::{Archive, Entry, EntryReader, Source};
pub use record::is_name;
pub use write::{Writer, write};

#[cfg(test)]
mod tests;
