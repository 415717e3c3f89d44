//! What was set aside of an event: optional values that could not be stored as they came.
//!
//! Nobody is turned away because of a value that no bill needs. Such a value is cut or dropped instead, and the event
//! says so itself: its `extra` ends with a member of its own ([`MEMBER`]), whose form is a contract (`docs/events.md`).
//! `extra` is a core column, which is kept when personal data is erased; so nothing of a personal value stands in it
//! but its length.

use std::fmt::Write as _;

use clicktrail_log::{frame::Digest, schema::PERSONAL};

use crate::{json::Cursor, shorten::shorten};

/// The member of `extra` that tells what was set aside. A client's own field of that name is set aside too.
pub const MEMBER: &str = "_set_aside";
/// So many unknown fields are told of by name; the others are counted.
const FIELDS_MAX: usize = 8;
/// A whole value is kept beside its note if it takes no more bytes than this as JSON.
const WHOLE_BYTES_MAX: usize = 512;
/// What the notes about unknown fields take at most: eight names of 64 characters, each escaped, and what is said of
/// them.
const FIELD_NOTES_BYTES_MAX: usize = 5 << 10;

/// Why a value was set aside. [`Why::code`] is a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Beyond its limit.
    TooLong,
    /// An id holds a control character, or another text U+0000, which databases cut texts at.
    ControlCharacter,
    /// Bytes that are no UTF-8, or half of a surrogate pair.
    NotUnicode,
    /// A list or an object in a text's place.
    NotText,
    /// `extra` is no object.
    NotAnObject,
    /// The first one counts.
    GivenTwice,
    /// More unknown fields than are kept.
    TooMany,
    /// Lists and objects inside each other.
    TooDeep,
    /// No IP address.
    NotAnAddress,
    /// A conversion's field on something else.
    NotForKind,
    /// A field of the name [`MEMBER`], or of the one that only corrections write.
    Reserved,
    /// An import's mapping does not say what the value means.
    Unmapped,
}

impl Why {
    /// The text in `extra`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::ControlCharacter => "control_character",
            Self::NotUnicode => "not_unicode",
            Self::NotText => "not_text",
            Self::NotAnObject => "not_an_object",
            Self::GivenTwice => "given_twice",
            Self::TooMany => "too_many",
            Self::TooDeep => "too_deep",
            Self::NotAnAddress => "not_an_address",
            Self::NotForKind => "not_for_kind",
            Self::Reserved => "reserved",
            Self::Unmapped => "unmapped",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Note {
    name: String,
    why: Why,
    /// Of the value as it came.
    bytes: usize,
    sha256: Option<Digest>,
    /// As JSON.
    whole: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Notes {
    /// At most one for each column.
    columns: Vec<Note>,
    /// At most [`FIELDS_MAX`].
    fields: Vec<Note>,
    /// Unknown fields beyond them.
    more: usize,
}

/// The notes about one event. Empty for nearly every one, and then a null pointer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aside(Option<Box<Notes>>);

impl Aside {
    /// Whether every value is as it came.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// A column's value, as it came, was cut or dropped. Of several notes about one column the first stands.
    #[cold]
    pub fn column(&mut self, column: &'static str, why: Why, value: &[u8]) {
        let notes = self.0.get_or_insert_default();
        if notes.columns.iter().any(|note| note.name == column) {
            return;
        }
        let is_personal = PERSONAL.contains(&column);
        let whole = std::str::from_utf8(value).ok().filter(|text| !is_personal && text.len() <= WHOLE_BYTES_MAX);
        let whole = whole.filter(|text| !text.contains('\0')).map(json_text);
        notes.columns.push(Note {
            name: column.to_owned(),
            why,
            bytes: value.len(),
            sha256: (!is_personal).then(|| Digest::of(value)),
            whole: whole.filter(|json| json.len() <= WHOLE_BYTES_MAX),
        });
    }

    /// An unknown field's value was dropped, or with [`Why::NotUnicode`] mended.
    #[cold]
    pub fn field(&mut self, name: &str, why: Why, value: &[u8]) {
        let notes = self.0.get_or_insert_default();
        if notes.fields.len() == FIELDS_MAX {
            notes.more += 1;
            return;
        }
        let (name, sha256) = (shorten(name).into_owned(), Some(Digest::of(value)));
        notes.fields.push(Note { name, why, bytes: value.len(), sha256, whole: None });
    }

    /// `extra` within `bytes_max`, with the notes at its end. Members that do not fit are dropped and noted. If the
    /// notes alone are more (at most 16 KiB), nothing but them is left.
    pub(crate) fn complete(mut self, extra: Option<&str>, bytes_max: usize) -> Option<String> {
        let extra = extra.unwrap_or("{}");
        if self.is_empty() && extra.len() <= bytes_max {
            return (!inner(extra).is_empty()).then(|| extra.to_owned());
        }
        let notes = self.to_json();
        let kept = if extra.len() + notes.len() <= bytes_max {
            inner(extra).to_owned()
        } else {
            let taken = self.columns_json().len() + FIELD_NOTES_BYTES_MAX;
            self.fitting(extra, bytes_max.saturating_sub(taken))
        };
        let notes = self.to_json();
        let comma = if kept.is_empty() || notes.is_empty() { "" } else { "," };
        Some(format!("{{{kept}{comma}{notes}}}"))
    }

    /// The members of an object that fit, in order; the others become notes.
    fn fitting(&mut self, object: &str, bytes_max: usize) -> String {
        let mut kept = String::new();
        let mut cursor = Cursor::new(object);
        let mut next = || {
            let name = if cursor.take(b'{') || cursor.take(b',') { cursor.string().ok()? } else { return None };
            cursor.require(b':', "`:`").ok()?;
            Some((name, cursor.skip().ok()?.raw))
        };
        while let Some((name, value)) = next() {
            let member = format!("{}:{value}", json_text(&name));
            if kept.len() + member.len() < bytes_max {
                if !kept.is_empty() {
                    kept.push(',');
                }
                kept.push_str(&member);
            } else {
                self.field(&name, Why::TooLong, value.as_bytes());
            }
        }
        kept
    }

    /// `"_set_aside":{…}`, or nothing.
    fn to_json(&self) -> String {
        let Some(notes) = &self.0 else { return String::new() };
        let mut members = self.columns_json();
        if !notes.fields.is_empty() {
            members.push_str(if members.is_empty() { "\"extra\":[" } else { ",\"extra\":[" });
            for (place, note) in notes.fields.iter().enumerate() {
                members.push_str(if place == 0 { "" } else { "," });
                let _ = write!(members, "{{\"field\":{},{}}}", json_text(&note.name), note.to_json());
            }
            members.push(']');
        }
        if notes.more > 0 {
            let _ = write!(members, ",\"extra_more\":{}", notes.more);
        }
        format!("\"{MEMBER}\":{{{members}}}")
    }

    fn columns_json(&self) -> String {
        let columns = self.0.iter().flat_map(|notes| &notes.columns);
        let members: Vec<_> = columns.map(|note| format!("\"{}\":{{{}}}", note.name, note.to_json())).collect();
        members.join(",")
    }
}

impl Note {
    /// The members of its object.
    fn to_json(&self) -> String {
        let mut json = format!("\"why\":\"{}\",\"bytes\":{}", self.why.code(), self.bytes);
        if let Some(digest) = self.sha256 {
            let _ = write!(json, ",\"sha256\":\"{digest}\"");
        }
        if let Some(whole) = &self.whole {
            let _ = write!(json, ",\"whole\":{whole}");
        }
        json
    }
}

/// What stands between an object's braces.
fn inner(object: &str) -> &str {
    object.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or_default().trim()
}

fn json_text(text: &str) -> String {
    serde_json::to_string(text).expect("a text is always JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_stand_behind_the_clients_own_members_and_are_json() {
        let mut aside = Aside::default();
        aside.column("user_id", Why::ControlCharacter, b"a\nb");
        aside.column("user_id", Why::TooLong, b"the second note about a column");
        aside.column("ip", Why::NotAnAddress, b"unknown");
        aside.field("utm", Why::GivenTwice, b"\"x\"");
        let extra = aside.complete(Some(r#"{"a":1}"#), 16_384).unwrap();
        let expected = format!(
            r#"{{"a":1,"_set_aside":{{"user_id":{{"why":"control_character","bytes":3,"sha256":"{}","whole":"a\nb"}},"#,
            Digest::of(b"a\nb")
        ) + r#""ip":{"why":"not_an_address","bytes":7},"extra":[{"field":"utm","why":"given_twice","bytes":3,"sha256":"#;
        assert!(extra.starts_with(&expected), "{extra}");
        serde_json::from_str::<serde_json::Value>(&extra).unwrap();
    }

    #[test]
    fn extra_stays_within_its_bytes_whatever_comes() {
        for (fields, bytes) in [(1, 20_000), (40, 1_000), (3_000, 100), (5, 2_000), (30_000, 1)] {
            let members: Vec<_> =
                (0..fields).map(|field| format!("\"f{field}\":\"{}\"", "\\u0001".repeat(bytes / 6 + 1))).collect();
            let mut aside = Aside::default();
            for column in ["event_id", "publisher_id", "placement_id", "user_id", "country", "city", "os", "browser"] {
                aside.column(column, Why::TooLong, "\u{1}".repeat(80).as_bytes());
            }
            let object = format!("{{{}}}", members.join(","));
            let extra = aside.complete(Some(&object), 16_384).unwrap();
            assert!(extra.len() <= 16_384, "{fields} {bytes}: {}", extra.len());
            let read: serde_json::Value = serde_json::from_str(&extra).unwrap();
            let told = &read[MEMBER];
            let dropped = told["extra"].as_array().map_or(0, |fields| fields.len() as u64)
                + told["extra_more"].as_u64().unwrap_or(0);
            assert_eq!(read.as_object().unwrap().len() as u64 - 1 + dropped, fields, "{fields} {bytes}");
        }
    }
}
