//! JSON as events are read from it: an object is its members in their order, and every name and value keeps the very
//! characters that came.
//!
//! serde_json checks the grammar (RFC 8259) and finds where a value ends; it converts nothing but texts. So a decimal
//! stays exact, an unknown field is kept as it was written, and a number of any size is a number.

use std::{borrow::Cow, fmt, marker::PhantomData, str};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::reason::Reason;

/// What is made of an object, member by member.
pub trait FromMembers<'a>: Default {
    /// Takes the next member: a name in its quotes and a value, as the characters that came, without space around
    /// them.
    ///
    /// # Errors
    /// The object is refused. What follows in it has to be JSON all the same.
    fn member(&mut self, name: &'a str, value: &'a str) -> Result<(), Reason>;
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean,
    /// A number of any size.
    Number,
    /// A string.
    Text,
    /// An array.
    List,
    /// An object.
    Object,
}

/// What there is inside a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Inside {
    /// How many lists and objects are open at its deepest point; 0 for anything else.
    pub(crate) depth: usize,
    /// Whether a text or a name in it holds U+0000.
    pub(crate) has_nul: bool,
}

/// An object, or why it is refused. In a box, because serde hands it on from function to function.
#[derive(Debug)]
struct Object<T>(Result<Box<T>, Reason>);

/// Reads one object with nothing behind it.
///
/// # Errors
/// What a member was refused for; [`Reason::NotAnObject`]; [`Reason::InvalidJson`].
pub fn object<'a, T: FromMembers<'a>>(text: &'a str) -> Result<T, Reason> {
    if first_byte(text) == Some(b'{') {
        return parsed::<Object<T>>(text)?.0.map(|made| *made);
    }
    Err(not_an_object(parsed::<&RawValue>(text)?.get()))
}

/// Reads a list of objects. Calls `each` with the characters of every item and what they say; one that is no object is
/// refused by itself.
///
/// serde_json reads the items; the brackets and commas between them are read here, because it does not tell how far it
/// has come inside a list, and the characters of an item would have to be read twice.
///
/// # Errors
/// [`Reason::InvalidJson`]: then what `each` was given counts for nothing, because where one item ends is uncertain.
pub(crate) fn list<'a, T: FromMembers<'a>>(
    text: &'a str,
    mut each: impl FnMut(&'a str, Result<T, Reason>),
) -> Result<(), Reason> {
    let after_space = |at: usize| text.len() - text[at..].trim_start_matches(SPACE).len();
    let take = |at: usize, byte: u8| (text.as_bytes().get(at) == Some(&byte)).then(|| after_space(at + 1));
    let expected = |at: usize, what: &str| Reason::InvalidJson { offset: at, detail: format!("expected {what}") };
    let start = after_space(0);
    let mut at = take(start, b'[').ok_or_else(|| expected(start, "a list"))?;
    let mut end = take(at, b']');
    while end.is_none() {
        let (item, length) = item(&text[at..]).map_err(|error| invalid(text, at, &error))?;
        each(&text[at..at + length], item);
        at = after_space(at + length);
        end = take(at, b']');
        if end.is_none() {
            at = take(at, b',').ok_or_else(|| expected(at, "`,` or `]`"))?;
        }
    }
    match end {
        Some(end) if end < text.len() => Err(expected(end, "the end")),
        Some(_) | None => Ok(()),
    }
}

const SPACE: [char; 4] = [' ', '\n', '\r', '\t'];

pub(crate) fn first_byte(text: &str) -> Option<u8> {
    text.trim_start_matches(SPACE).bytes().next()
}

/// The value that `text` begins with, and how long it is.
fn item<'a, T: FromMembers<'a>>(text: &'a str) -> serde_json::Result<(Result<T, Reason>, usize)> {
    if text.starts_with('{') {
        let (object, length) = next::<Object<T>>(text)?;
        return Ok((object.0.map(|made| *made), length));
    }
    let (value, length) = next::<&RawValue>(text)?;
    Ok((Err(not_an_object(value.get())), length))
}

fn next<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<(T, usize)> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter();
    match stream.next() {
        Some(value) => Ok((value?, stream.byte_offset())),
        None => Err(serde_json::Error::custom("EOF while parsing a value")),
    }
}

/// serde_json names a line and a column after `start`; what it says else is kept.
#[cold]
fn invalid(text: &str, start: usize, error: &serde_json::Error) -> Reason {
    let lines_before = text[start..].split_inclusive('\n').take(error.line().saturating_sub(1));
    let place = (lines_before.map(str::len).sum::<usize>() + error.column()).saturating_sub(1);
    let offset = if error.is_eof() { text.len() } else { start + place };
    let sentence = error.to_string();
    let detail = sentence.split_once(" at line ").map_or(sentence.as_str(), |(detail, _)| detail);
    Reason::InvalidJson { offset, detail: detail.to_owned() }
}

fn not_an_object(value: &str) -> Reason {
    Reason::NotAnObject(match type_of(value) {
        Type::Null => "null",
        Type::Boolean => "true or false",
        Type::Number => "a number",
        Type::Text => "a text",
        Type::List => "a list",
        Type::Object => "an object",
    })
}

/// What a value is, by the first of its characters.
#[inline]
pub fn type_of(value: &str) -> Type {
    match value.as_bytes()[0] {
        b'"' => Type::Text,
        b'{' => Type::Object,
        b'[' => Type::List,
        b't' | b'f' => Type::Boolean,
        b'n' => Type::Null,
        _ => Type::Number,
    }
}

/// The text that a name or a value in quotes stands for, borrowed unless it holds escapes.
///
/// # Errors
/// As for [`parsed`]: half a surrogate pair, which the grammar allows and no text can hold.
#[inline]
pub fn text(quoted: &str) -> Result<Cow<'_, str>, Reason> {
    if !quoted.as_bytes().contains(&b'\\') {
        return Ok(Cow::Borrowed(&quoted[1..quoted.len() - 1]));
    }
    parsed(quoted).map(Cow::Owned)
}

/// What serde makes of a value.
///
/// # Errors
/// [`Reason::InvalidJson`] with an offset in the value: whoever walks the object puts the offset in the line or body in
/// its place.
pub fn parsed<'a, T: Deserialize<'a>>(value: &'a str) -> Result<T, Reason> {
    serde_json::from_str(value).map_err(|error| invalid(value, 0, &error))
}

/// Looks into a value of any depth, without a deep stack.
///
/// # Errors
/// As for [`text`].
pub(crate) fn inside(value: &str) -> Result<Inside, Reason> {
    let (mut inside, mut depth) = (Inside::default(), 0);
    let (mut text_start, mut is_escaped) = (None, false);
    for (at, byte) in value.bytes().enumerate() {
        match (text_start, byte) {
            (Some(_), _) if is_escaped => is_escaped = false,
            (Some(_), b'\\') => is_escaped = true,
            (Some(start), b'"') => {
                inside.has_nul |= text(&value[start..=at])?.contains('\0');
                text_start = None;
            }
            (None, b'"') => text_start = Some(at),
            (None, b'{' | b'[') => {
                depth += 1;
                inside.depth = inside.depth.max(depth);
            }
            (None, b'}' | b']') => depth -= 1,
            (Some(_) | None, _) => {}
        }
    }
    Ok(inside)
}

impl<'de, T: FromMembers<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: FromMembers<'de>> Visitor<'de> for Members<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<T>, A::Error> {
                let mut made = Box::<T>::default();
                while let Some(name) = map.next_key::<&RawValue>()? {
                    let value = map.next_value::<&RawValue>()?;
                    match made.member(name.get(), value.get()) {
                        Ok(()) => {}
                        Err(Reason::InvalidJson { detail, .. }) => return Err(A::Error::custom(detail)),
                        Err(reason) => {
                            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                            return Ok(Object(Err(reason)));
                        }
                    }
                }
                Ok(Object(Ok(made)))
            }
        }

        deserializer.deserialize_map(Members(PhantomData))
    }
}

#[cfg(test)]
mod tests;
