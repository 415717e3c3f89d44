//! JSON in one form: a value has exactly one text, and a text that is not that one is refused.

use serde::{Serialize, de::DeserializeOwned};

/// Why a text is not read.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// It is of a format or version that this program does not know.
    #[error("its format is {0:?}, which is not known here")]
    Format(String),
    /// It is not JSON of the known fields.
    #[error("it is not readable")]
    Malformed(#[source] serde_json::Error),
    /// It is another spelling of what it says.
    #[error("its bytes are not those of its one form: it was edited")]
    NotCanonical,
    /// Two of its statements exclude each other.
    #[error("it contradicts itself: {0}")]
    Contradiction(&'static str),
}

/// The text: one line without spaces, fields in their order.
pub fn write(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(value).expect("it holds only texts, integers and lists");
    bytes.push(b'\n');
    bytes
}

/// Reads a text that begins with its format.
///
/// # Errors
/// See [`Unread`].
pub fn read<T: Serialize + DeserializeOwned>(bytes: &[u8], format: &str) -> Result<T, Unread> {
    let found = format_of(bytes).unwrap_or_default();
    if found != format {
        return Err(Unread::Format(found));
    }
    let value: T = serde_json::from_slice(bytes).map_err(Unread::Malformed)?;
    match write(&value) == bytes {
        true => Ok(value),
        false => Err(Unread::NotCanonical),
    }
}

/// What a text says it is, which is the first thing that it says.
fn format_of(bytes: &[u8]) -> Option<String> {
    const LONGEST: usize = 64;
    let rest = bytes.strip_prefix(b"{\"format\":\"")?;
    let end = rest.iter().take(LONGEST).position(|byte| *byte == b'"')?;
    Some(String::from_utf8_lossy(&rest[..end]).into_owned())
}
