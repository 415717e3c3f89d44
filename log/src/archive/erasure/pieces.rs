//! The texts of a row among which somebody is looked for: each column as a whole, and the words of it.
//!
//! `extra` is read as JSON, so that no escape hides a text, and what is escaped as in URLs is read both ways.

use serde_json::Value;

/// What a word is made of beside letters and digits: ids, addresses and mail addresses stay whole.
const IN_WORDS: [char; 5] = ['-', '_', '.', ':', '@'];

/// How deep JSON is followed.
const DEPTH_MAX: usize = 32;

/// Shows `see` each text until it says that it was looked for; whether it did.
pub(super) fn any(text: &str, see: &mut impl FnMut(&str) -> bool) -> bool {
    if text.starts_with('{')
        && let Ok(json) = serde_json::from_str::<Value>(text)
        && in_json(&json, 0, see)
    {
        return true;
    }
    in_text(text, see)
}

fn in_json(json: &Value, depth: usize, see: &mut impl FnMut(&str) -> bool) -> bool {
    if depth > DEPTH_MAX {
        return false;
    }
    match json {
        Value::Null | Value::Bool(_) => false,
        Value::Number(number) => see(&number.to_string()),
        Value::String(text) => in_text(text, see),
        Value::Array(items) => items.iter().any(|item| in_json(item, depth + 1, see)),
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| in_text(name, see) || in_json(value, depth + 1, see))
        }
    }
}

fn in_text(text: &str, see: &mut impl FnMut(&str) -> bool) -> bool {
    if see(text) || words(text, see) {
        return true;
    }
    // What is escaped reads otherwise.
    let decoded = unescaped(text);
    decoded.is_some_and(|decoded| see(&decoded) || words(&decoded, see))
}

fn words(text: &str, see: &mut impl FnMut(&str) -> bool) -> bool {
    let is_inside = |char: char| char.is_alphanumeric() || IN_WORDS.contains(&char);
    text.split(|char| !is_inside(char)).filter(|word| !word.is_empty()).any(|word| {
        // A sentence ends with a point, and a host may stand before a port.
        let bare = word.trim_matches(['.', ':']);
        see(word) || (bare != word && see(bare))
    })
}

/// A text without percent-escapes; `None` if it has none.
fn unescaped(text: &str) -> Option<String> {
    if !text.contains('%') {
        return None;
    }
    let (bytes, mut found, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let escaped = (*byte == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        let decoded = escaped.and_then(|digits| {
            let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            Some(digit(digits[0])? << 4 | digit(digits[1])?)
        });
        match decoded {
            Some(decoded) => {
                found.push(decoded);
                at += 3;
            }
            None => {
                found.push(*byte);
                at += 1;
            }
        }
    }
    Some(String::from_utf8_lossy(&found).into_owned())
}
