//! One line of a note's signatures: an em dash, the key's name, and base64 of its id and what it signed.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::name::{KeyId, is_name};

/// A signature as it stands under a note. Whether it is one only its key can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub(super) name: String,
    pub(super) id: KeyId,
    pub(super) bytes: Vec<u8>,
}

impl Signature {
    /// The name of the key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the key.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Reads a line without its end.
    pub fn parse(line: &str) -> Option<Self> {
        let (name, base64) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
        let bytes = BASE64.decode(base64).ok()?;
        let (id, signature) = bytes.split_first_chunk::<4>()?;
        let is_whole = is_name(name) && !signature.is_empty();
        is_whole.then(|| Self { name: name.to_owned(), id: KeyId(*id), bytes: signature.to_vec() })
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.id.0.as_slice(), &self.bytes].concat();
        write!(f, "\u{2014} {} {}", self.name, BASE64.encode(bytes))
    }
}
