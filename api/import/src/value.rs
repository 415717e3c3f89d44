//! A field's value as a file holds it, whatever the format.

use std::borrow::Cow;

/// Why a line is not of its format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    /// Also when something else stands in the field's place.
    #[error("{0} is missing or stands in the wrong place")]
    Missing(&'static str),
    /// The line ends inside a quoted text.
    #[error("{0} has no closing quote")]
    Unclosed(&'static str),
    /// Digits were expected.
    #[error("{0} is not a number")]
    NotANumber(&'static str),
    /// CSV: more or fewer cells than the header has.
    #[error("the line has {found} cells, the header has {expected}")]
    Cells {
        /// Cells in the line.
        found: usize,
        /// Cells in the header.
        expected: usize,
    },
    /// CSV: a quote inside a cell that has none around it, or text after a closing quote.
    #[error("cell {0} has a quote in a place where none may be")]
    Quote(usize),
    /// NDJSON: not one JSON object.
    #[error("{0}")]
    Json(String),
}

/// One value. Absent ones (`-`, an empty cell, `null`) are `None` around it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// A number or boolean: its JSON text.
    Scalar(Cow<'a, str>),
    /// A JSON array or object: its characters.
    Nested(&'a str),
}

impl<'a> Value<'a> {
    /// As text for a column; `None` for arrays and objects.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Scalar(text) => Some(text),
            Self::Nested(_) => None,
        }
    }

    #[cfg(test)]
    pub(super) fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) | Self::Scalar(text) => Some(text),
            Self::Nested(_) => None,
        }
    }

    /// The text, or the characters of what is none.
    pub(super) fn raw(&self) -> &str {
        match self {
            Self::Text(text) | Self::Scalar(text) => text,
            Self::Nested(raw) => raw,
        }
    }

    /// Appends the value as JSON.
    pub(super) fn write_json(&self, json: &mut String) {
        match self {
            Self::Text(text) => write_json_text(text, json),
            Self::Scalar(text) => json.push_str(text),
            Self::Nested(raw) => json.push_str(raw),
        }
    }
}

/// Appends a text as a JSON string.
pub(super) fn write_json_text(text: &str, json: &mut String) {
    if !text.bytes().any(|byte| matches!(byte, 0..=0x1f | b'"' | b'\\')) {
        json.push('"');
        json.push_str(text);
        json.push('"');
        return;
    }
    json.push_str(&serde_json::to_string(text).expect("a text is always JSON"));
}
