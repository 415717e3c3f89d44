//! Hours, positions, times, digests and ids as texts in documents: `1.42.0` says more than an integer, which many
//! readers of JSON would round. Use it as `#[serde(with = "text")]`.

use std::fmt::Display;

use clicktrail_catalog::generations::GenerationId;
use clicktrail_log::{
    frame::Digest,
    position::Position,
    time::{Hour, Timestamp},
};
use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

/// A value that is written as text.
pub trait Text: Display + Sized {
    /// Reads it; `None` for a text of another form.
    fn read(text: &str) -> Option<Self>;
}

impl Text for Position {
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Text for Hour {
    fn read(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

impl Text for Timestamp {
    fn read(text: &str) -> Option<Self> {
        Self::parse_rfc3339(text)
    }
}

impl Text for Digest {
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Text for GenerationId {
    fn read(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

/// Writes a value.
///
/// # Errors
/// As the serializer reports.
pub fn serialize<T: Text, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// Reads a value.
///
/// # Errors
/// If the text is of another form.
pub fn deserialize<'de, T: Text, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    T::read(&text).ok_or_else(|| D::Error::custom(format!("{text:?} is of another form")))
}
