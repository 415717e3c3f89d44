//! The same as `text` for what may be null. Use it as `#[serde(with = "text_or_null")]`.

use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

use crate::text::Text;

/// Writes a value, or null.
///
/// # Errors
/// As the serializer reports.
pub fn serialize<T: Text, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

/// Reads a value, or null.
///
/// # Errors
/// If the text is of another form.
pub fn deserialize<'de, T: Text, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    T::read(&text).map(Some).ok_or_else(|| D::Error::custom(format!("{text:?} is of another form")))
}
