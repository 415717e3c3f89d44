//! JSON to [`Draft`]s: one object, or a list of them, in one pass and borrowed from the bytes where possible.
//!
//! The fields are the columns of the event schema, apart from `captured_at`, which the server gives. Differences:
//!
//! | field | takes |
//! |---|---|
//! | `event_time` | RFC 3339 text, or integer milliseconds since 1970 |
//! | `price`, `value` | decimal text or number with at most six decimals, instead of `price_micros`, `value_micros` |
//! | `extra` | an object; its members count as unknown fields |
//! | any other | kept as it came, in order, in the `extra` column |
//!
//! `null` is as good as a missing field. What a bill needs is read strictly: a field of it that is given twice (also
//! under its two names), has another type, or is no Unicode rejects the event. Anything else that is odd is set aside
//! ([`Aside`](crate::Aside)), and the event stands.

use crate::{
    draft::Draft,
    mend::{self, Mended, Text},
    reader::Reader,
    reason::Reason,
};

/// Reads one JSON object with nothing behind it: a line of NDJSON, or a request with a single event.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn draft(bytes: &[u8]) -> Result<Draft<'_>, Reason> {
    match mend::text(bytes) {
        Text::Plain(text) => Reader::new(text, None).only().map_err(Reason::from),
        Text::Mended(mended) => {
            let draft = Reader::new(&mended.text, Some(&mended)).only();
            draft.map(Draft::into_owned).map_err(|failure| Reason::from(failure).before(&mended))
        }
        Text::Unreadable { offset } => Err(Reason::InvalidUtf8 { offset }),
    }
}

/// Reads a list of objects, or one object. Calls `each` with the bytes of every item, in order, and what they say; an
/// item that is JSON but no event spoils only itself.
///
/// # Errors
/// The bytes as a whole are not JSON, or hold neither list nor object: then what `each` was given counts for
/// nothing, because where one item ends is uncertain.
pub fn drafts<'a>(bytes: &'a [u8], mut each: impl FnMut(&'a [u8], Result<Draft<'a>, Reason>)) -> Result<(), Reason> {
    match mend::text(bytes) {
        Text::Plain(text) => Reader::new(text, None).all(|range, item| each(&bytes[range], item)),
        Text::Mended(mended) => {
            let before = |reason: Reason| reason.before(&mended);
            let read = Reader::new(&mended.text, Some(&mended)).all(|range, item| {
                each(mended.original_of(&range), item.map(Draft::into_owned).map_err(before));
            });
            read.map_err(before)
        }
        Text::Unreadable { offset } => Err(Reason::InvalidUtf8 { offset }),
    }
}

impl Reason {
    /// With its place as it was before the text was mended.
    fn before(self, mended: &Mended<'_>) -> Self {
        match self {
            Self::InvalidJson { offset, .. } if mended.first_in(&(offset..offset + 1)).is_some() => {
                Self::InvalidUtf8 { offset: mended.original(offset) }
            }
            Self::InvalidJson { offset, expected } => Self::InvalidJson { offset: mended.original(offset), expected },
            Self::InvalidUtf8 { offset } => Self::InvalidUtf8 { offset: mended.original(offset) },
            other => other,
        }
    }
}

#[cfg(test)]
mod tests;
