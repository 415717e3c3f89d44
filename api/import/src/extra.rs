//! The fields of a line that no column reads, as the JSON object that `extra` is.

use clicktrail_capture::{
    Aside,
    aside::{self, Why},
    json::Cursor,
};

use clicktrail_log::event::CORRECTION;

use super::value::{Value, write_json_text};

/// Lists and objects inside each other, in the value of a field.
const DEPTH_MAX: usize = 127;

/// Members as JSON, in order.
#[derive(Debug, Default)]
pub(super) struct Members(String);

impl Members {
    /// One more, unless it may not be stored: then `aside` is told.
    pub(super) fn push(&mut self, name: &str, value: &Value<'_>, aside: &mut Aside) {
        match unfit(name, value) {
            Some(why) => aside.field(name, why, value.raw().as_bytes()),
            None => {
                self.name(name);
                value.write_json(&mut self.0);
            }
        }
    }

    /// One more, of a text of ours.
    pub(super) fn push_text(&mut self, name: &str, text: &str) {
        self.name(name);
        write_json_text(text, &mut self.0);
    }

    fn name(&mut self, name: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        write_json_text(name, &mut self.0);
        self.0.push(':');
    }

    /// The object; `None` if it would be empty.
    pub(super) fn finish(mut self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        self.0.push('}');
        Some(self.0)
    }
}

/// Why a field cannot be stored as it is.
fn unfit(name: &str, value: &Value<'_>) -> Option<Why> {
    let (depth, has_nul) = match value {
        Value::Text(text) => (0, text.contains('\0')),
        Value::Scalar(_) => (0, false),
        Value::Nested(raw) => {
            let skipped = Cursor::new(raw).skip().expect("what is nested was read as JSON");
            (skipped.depth, skipped.has_nul)
        }
    };
    if depth > DEPTH_MAX {
        Some(Why::TooDeep)
    } else if has_nul || name.contains('\0') {
        Some(Why::ControlCharacter)
    } else if name == aside::MEMBER || name == CORRECTION {
        Some(Why::Reserved)
    } else {
        None
    }
}
