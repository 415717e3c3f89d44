//! How keys are named: a name, and four bytes that tell keys of one name apart.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// Whether a text may name a key: it is not empty, and has no spaces, no plus and no control characters.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

/// The id of a key. It identifies and proves nothing: anybody can make a key with the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

impl KeyId {
    /// The id of a key under a name; `kind` is the byte of its kind.
    pub(super) fn of(name: &str, kind: u8, public: &[u8; 32]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(name.as_bytes());
        hasher.update([b'\n', kind]);
        hasher.update(public);
        let digest = hasher.finalize();
        Self([digest[0], digest[1], digest[2], digest[3]])
    }

    /// Reads eight lower-case hexadecimal digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 4];
        let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        (is_lower && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(Self(bytes))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
