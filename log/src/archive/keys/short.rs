//! How content is named, and what a name must be to be one: whatever else lies in a store is no object of ours.

use crate::frame::Digest;

/// The first 32 hexadecimal digits of a digest: enough to name content.
pub(super) fn short(digest: &Digest) -> String {
    hex::encode(&digest.0[..16])
}

/// Whether a text is one of these.
pub(super) fn is_short(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a text can be the name of a projection: lower-case letters, digits and `_`.
pub(super) fn is_projection(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !text.is_empty() && text.bytes().all(is_word)
}
