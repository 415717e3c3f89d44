//! Another look at files while they are read: for a second, independent count of the same bytes, without reading them
//! twice.

use std::fmt;

use bytes::Bytes;

use super::entry::File;

/// Who is shown every file that [`Archive::get_file`](super::Archive::get_file) reads of a watched archive, once its
/// bytes are what its manifest says. It is called where the file is read, so it may take the time that decoding takes.
/// What it finds out it keeps to itself: it cannot make the reading fail.
pub trait Watch: fmt::Debug + Send + Sync {
    /// A file and its bytes. A file that is read twice is shown twice.
    fn see(&self, file: &File, bytes: &Bytes);
}
