//! Checkpoints (C2SP `tlog-checkpoint`): the name of a log, how many entries it has, and the root of their tree.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use crate::hash::Hash;

/// What a log signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log.
    pub origin: String,
    /// How many entries it has.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
}

/// Why a text is no checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is no checkpoint: {0}")]
pub struct CheckpointError(&'static str);

impl Checkpoint {
    /// Reads the text of a note. Lines behind the third are another program's; they are read over, and
    /// [`Checkpoint::to_string`](ToString::to_string) does not give them again.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let error = |reason| Err(CheckpointError(reason));
        let Some(lines) = text.strip_suffix('\n') else { return error("its last line has no end") };
        let lines: Vec<&str> = lines.split('\n').collect();
        let [origin, size, root, further @ ..] = lines.as_slice() else {
            return error("it has fewer than three lines");
        };
        if origin.is_empty() || further.iter().any(|line| line.is_empty()) {
            return error("a line of it is empty");
        }
        let Some(size) = parse_size(size) else { return error("its second line is no number of entries") };
        let root = BASE64.decode(root).ok().and_then(|root| root.try_into().ok());
        let Some(root) = root else { return error("its third line is no root") };
        Ok(Self { origin: (*origin).to_owned(), size, root: Hash(root) })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(self.root.0))
    }
}

/// A number in the one spelling that is allowed: decimal, without a sign and leading zeros.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let size: u64 = text.parse().ok()?;
    (size.to_string() == text).then_some(size)
}
