//! What an hour counts from, and which generation that comes from.

use std::fmt;

use clicktrail_log::{position::Position, time::Hour};

/// Names a generation: the beginning of its plan's digest, 16 hexadecimal digits. The same plan is the same generation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GenerationId(String);

impl GenerationId {
    /// Digits that it has.
    pub const DIGITS: usize = 16;

    /// From its digits.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == Self::DIGITS && text.bytes().all(is_hex)).then(|| Self(text.to_owned()))
    }

    /// Its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GenerationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an hour counts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LivePointer {
    /// Which hour.
    pub hour: Hour,
    /// Its segment's input digest.
    pub input_digest: String,
    /// Its segment's code digest.
    pub code_digest: String,
    /// SHA-256 of the segment.
    pub output_digest: String,
    /// Which generation it comes from; `None`: it was sealed, and knows the live verdicts alone.
    pub generation: Option<GenerationId>,
    /// It knows the verdicts of every stage before this position; `None`: live verdicts alone.
    pub knows_before: Option<Position>,
}
