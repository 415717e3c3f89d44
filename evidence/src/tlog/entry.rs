//! What the log of logs logs: the digest of a manifest, with its stream and hour, so that an entry can be read without
//! it. A manifest names all files of its hour by digest, and the roots of its trees.

use std::{fmt, str::FromStr};

use crate::hash::Hash;

const FIRST: &str = "clicktrail manifest 1";

/// One entry, which is one line of text: its bytes with the line feed are the data of the leaf.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// `clicks`, `verdicts`, `invoices`.
    pub stream: String,
    /// `2026-11-22T14`.
    pub hour: String,
    /// SHA-256 of the manifest's bytes.
    pub manifest: Hash,
}

/// A line that is no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no entry of a manifest")]
pub struct NotAnEntry(String);

impl Entry {
    /// Its leaf.
    pub fn leaf(&self) -> Hash {
        Hash::leaf(self.to_string().as_bytes())
    }

    /// Reads the bytes of an entry.
    ///
    /// # Errors
    /// [`NotAnEntry`] with the beginning of what was there.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotAnEntry> {
        let shown = || NotAnEntry(String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned());
        std::str::from_utf8(bytes).map_err(|_| shown())?.parse()
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST}\t{}\t{}\t{}", self.stream, self.hour, self.manifest)
    }
}

impl FromStr for Entry {
    type Err = NotAnEntry;

    fn from_str(text: &str) -> Result<Self, NotAnEntry> {
        let parse = || {
            let fields: Vec<&str> = text.strip_suffix('\n')?.split('\t').collect();
            let [FIRST, stream, hour, manifest] = fields.as_slice() else { return None };
            let is_stream = !stream.is_empty() && stream.bytes().all(|byte| byte.is_ascii_lowercase());
            let entry =
                Self { stream: (*stream).to_owned(), hour: (*hour).to_owned(), manifest: manifest.parse().ok()? };
            (is_stream && is_hour(hour)).then_some(entry)
        };
        parse().ok_or_else(|| NotAnEntry(text.chars().take(200).collect()))
    }
}

/// Whether a text looks like `2026-11-22T14`. Whether there is such a day its stream knows.
fn is_hour(text: &str) -> bool {
    let shape = |byte: u8| if byte.is_ascii_digit() { b'0' } else { byte };
    text.bytes().map(shape).eq(*b"0000-00-00T00")
}
