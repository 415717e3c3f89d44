//! Writing a value as its one text, and reading it back.

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What is stored of a value, with its texts where they are.
pub(super) trait Stored<'t>: Serialize + Deserialize<'t> {
    /// What its text says it is.
    const FORMAT: &'static str;
    /// What it is stored of.
    type Value;

    fn of(value: &'t Self::Value) -> Self;

    /// The value, and nothing else that it could be.
    fn value(self) -> Result<Self::Value, Error>;
}

/// The canonical bytes.
pub(super) fn write(stored: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(stored).expect("it holds only texts, small integers and lists");
    bytes.push(b'\n');
    bytes
}

/// The value of canonical bytes, which `write` must give again.
pub(super) fn read<'t, S: Stored<'t>>(bytes: &'t [u8], write: fn(&S::Value) -> Vec<u8>) -> Result<S::Value, Error> {
    let unreadable = |error: serde_json::Error| {
        let at = error.column().min(bytes.len());
        Error::NotCanonical(format!("in {:?}: {error}", field(bytes.get(..at).unwrap_or_default())))
    };
    let found = format(bytes).ok_or_else(|| Error::NotCanonical("it does not begin with its format".to_owned()))?;
    if found != S::FORMAT {
        return Err(Error::UnknownFormat { found: found.to_owned(), known: S::FORMAT });
    }
    let value = serde_json::from_slice::<S>(bytes).map_err(unreadable)?.value()?;
    let again = write(&value);
    match again == bytes {
        true => Ok(value),
        false => Err(Error::NotCanonical(difference(bytes, &again))),
    }
}

/// What a text says it is, which is the first thing that it says.
fn format(bytes: &[u8]) -> Option<&str> {
    const LONGEST: usize = 64;
    let rest = bytes.strip_prefix(b"{\"format\":\"")?;
    let end = rest.iter().take(LONGEST).position(|byte| *byte == b'"')?;
    std::str::from_utf8(rest.get(..end)?).ok()
}

/// Where two texts part, for a person: the byte, the field that it is in, and what should stand there.
fn difference(found: &[u8], expected: &[u8]) -> String {
    const SHOWN: usize = 24;
    let at = found.iter().zip(expected).take_while(|(one, other)| one == other).count();
    let begin = at.saturating_sub(SHOWN / 2);
    let shown = |bytes: &[u8]| {
        let end = bytes.len().min(at.saturating_add(SHOWN));
        String::from_utf8_lossy(bytes.get(begin..end).unwrap_or_default()).into_owned()
    };
    let field = field(expected.get(..at).unwrap_or_default());
    format!("at byte {at}, in {field:?}: {:?} is there, and {:?} is written", shown(found), shown(expected))
}

/// The name of the last field that begins in a part of a document.
fn field(before: &[u8]) -> String {
    let begin = before.windows(2).rposition(|pair| pair == b"\":").unwrap_or_default();
    let name = before.get(..begin).unwrap_or_default().rsplit(|byte| *byte == b'"').next();
    String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
}
