//! Rows as bytes, encoding 1: what a leaf is the hash of. It depends on values alone, not on how or in which order of
//! columns a file holds them.
//!
//! ```text
//! kind     1 byte: which rows these are, see [`Kind`]
//! version  1 byte: 1
//! of each column, in the order of the published schema behind `position` and `logged_at`:
//!   0                                        null
//!   1, 8 bytes                               an integer or a time in microseconds, signed, big endian
//!   2, 4 bytes big endian, so many bytes     a text, UTF-8
//!   3, 4 bytes big endian, so many bytes     a decimal as text: `-` if negative, digits without leading zeros
//! ```
//!
//! A value ends where its beginning says, so different rows never have the same bytes. Which columns there are is said
//! by the schema that the manifest names.

use std::ops::Range;

/// The version of this encoding.
pub const VERSION: u8 = 1;

const NULL: u8 = 0;
const INTEGER: u8 = 1;
const TEXT: u8 = 2;
const DECIMAL: u8 = 3;

/// Most names of a row are no longer, and a processor copies so many bytes at once.
const SHORT: usize = 16;
/// Most ids of a row are no longer.
const LONGER: usize = 40;

/// Which rows: a row of one kind never has the bytes of one of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What billing needs of an event.
    Clicks,
    /// What is about a person in an event.
    People,
    /// A verdict.
    Verdicts,
    /// An issued document.
    Invoices,
    /// What billing needs of an event before the log gave it a place: [`Kind::Clicks`] without position and logged
    /// time. No tree has such rows: receipts name their hashes.
    Captured,
    /// A rejected event, without what arrived.
    Rejected,
}

impl Kind {
    /// The first byte of such a row.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Clicks => 1,
            Self::People => 2,
            Self::Verdicts => 3,
            Self::Invoices => 4,
            Self::Captured => 5,
            Self::Rejected => 6,
        }
    }
}

/// The columns of events that are about a person, in the order of the schema. With `position` in front they are the
/// columns of a leaf of people; all others are those of a leaf of clicks.
pub const PEOPLE: [&str; 6] = ["user_id", "session_id", "ip", "user_agent", "page_url", "extra"];

/// A value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Nothing.
    Null,
    /// An integer, a position, a time in microseconds.
    Int(i64),
    /// A text of less than 4 GiB.
    Text(&'a str),
    /// A decimal, as its canonical text.
    Decimal(&'a str),
}

/// Begins a row of this kind behind what `bytes` holds.
#[inline]
pub fn begin(kind: Kind, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&[kind.byte(), VERSION]);
}

/// Adds a value to a row that was begun.
#[inline]
pub fn push(value: Value<'_>, bytes: &mut Vec<u8>) {
    match value {
        Value::Text(value) => push_bytes(TEXT, value.as_bytes(), bytes),
        Value::Decimal(value) => push_bytes(DECIMAL, value.as_bytes(), bytes),
        Value::Null => bytes.push(NULL),
        Value::Int(value) => {
            let mut field = [INTEGER; 1 + size_of::<i64>()];
            field[1..].copy_from_slice(&value.to_be_bytes());
            bytes.extend_from_slice(&field);
        }
    }
}

/// Adds one of many texts that stand in one piece, UTF-8, by its place there: the same as [`push`]. A short one is
/// copied together with what stands behind it, which is cut off again: a copy of known length takes a fraction
/// of the time.
///
/// # Panics
/// If there is no such place.
#[inline]
pub fn push_text(texts: &[u8], place: Range<usize>, bytes: &mut Vec<u8>) {
    let length = place.len();
    push_head(TEXT, length, bytes);
    let (from, end) = (&texts[place.start..], bytes.len() + length);
    if length <= SHORT
        && let Some(piece) = from.first_chunk::<SHORT>()
    {
        bytes.extend_from_slice(piece);
        bytes.truncate(end);
    } else if length <= LONGER
        && let Some(piece) = from.first_chunk::<LONGER>()
    {
        bytes.extend_from_slice(piece);
        bytes.truncate(end);
    } else {
        bytes.extend_from_slice(&from[..length]);
    }
}

#[inline]
fn push_bytes(tag: u8, text: &[u8], bytes: &mut Vec<u8>) {
    push_head(tag, text.len(), bytes);
    bytes.extend_from_slice(text);
}

#[inline]
fn push_head(tag: u8, length: usize, bytes: &mut Vec<u8>) {
    let length = u32::try_from(length).expect("no text of a row has 4 GiB");
    let mut head = [tag; 1 + size_of::<u32>()];
    head[1..].copy_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&head);
}

/// A whole row.
pub fn encode<'a>(kind: Kind, values: impl IntoIterator<Item = Value<'a>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    begin(kind, &mut bytes);
    values.into_iter().for_each(|value| push(value, &mut bytes));
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[derive(Debug, Clone, PartialEq)]
    enum Owned {
        Null,
        Int(i64),
        Text(String),
        Decimal(String),
    }

    impl Owned {
        fn value(&self) -> Value<'_> {
            match self {
                Self::Null => Value::Null,
                Self::Int(value) => Value::Int(*value),
                Self::Text(value) => Value::Text(value),
                Self::Decimal(value) => Value::Decimal(value),
            }
        }
    }

    fn rows() -> impl Strategy<Value = Vec<Owned>> {
        let value = prop_oneof![
            Just(Owned::Null),
            any::<i64>().prop_map(Owned::Int),
            "[\\x00-\\x04a]{0,9}".prop_map(Owned::Text),
            "-?[1-9][0-9]{0,5}".prop_map(Owned::Decimal),
        ];
        vec(value, 0..5)
    }

    /// What the description above says, read back.
    fn decode(mut bytes: &[u8]) -> (u8, Vec<Owned>) {
        let [kind, 1, ..] = bytes else { panic!("{bytes:?}") };
        bytes = &bytes[2..];
        let mut values = Vec::new();
        while let [tag, rest @ ..] = bytes {
            bytes = rest;
            let mut take = |count: usize| {
                let (taken, rest) = bytes.split_at(count);
                bytes = rest;
                taken
            };
            values.push(match tag {
                0 => Owned::Null,
                1 => Owned::Int(i64::from_be_bytes(take(8).try_into().unwrap())),
                2 | 3 => {
                    let length = u32::from_be_bytes(take(4).try_into().unwrap());
                    let text = String::from_utf8(take(length as usize).to_vec()).unwrap();
                    if *tag == 2 { Owned::Text(text) } else { Owned::Decimal(text) }
                }
                other => panic!("tag {other}"),
            });
        }
        (*kind, values)
    }

    #[test]
    fn row_has_the_bytes_of_encoding_1() {
        let values = [Value::Int(1 << 56 | 7), Value::Null, Value::Text("é"), Value::Text(""), Value::Decimal("-12")];
        let expected = "0301 010100000000000007 00 0200000002c3a9 0200000000 03000000032d3132";
        assert_eq!(hex::encode(encode(Kind::Verdicts, values)), expected.replace(' ', ""));
    }

    #[test]
    fn text_of_any_length_is_the_same_among_others_and_alone() {
        let texts: Vec<u8> = (0..200).map(|byte| b'a' + byte % 26).collect();
        for length in 0..100 {
            // In the middle, where something stands behind it, and at the end.
            for start in [0, 7, 200 - length] {
                let place = start..start + length;
                let (mut among, mut alone) = (b"before".to_vec(), b"before".to_vec());
                push_text(&texts, place.clone(), &mut among);
                push(Value::Text(std::str::from_utf8(&texts[place]).unwrap()), &mut alone);
                assert_eq!(among, alone, "{length} bytes from {start} on");
            }
        }
    }

    proptest! {
        #[test]
        fn no_two_rows_have_the_same_bytes(row in rows(), kind in 0..6_usize) {
            let kinds = [Kind::Clicks, Kind::People, Kind::Verdicts, Kind::Invoices, Kind::Captured, Kind::Rejected];
            let kind = kinds[kind];
            let bytes = encode(kind, row.iter().map(Owned::value));
            prop_assert_eq!(decode(&bytes), (kind.byte(), row));
        }
    }
}
