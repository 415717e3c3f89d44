//! What a redaction says of a part of rejected events from which something was erased.

use serde::{Deserialize, Serialize};

use crate::{
    archive::{entry::File, keys::StreamPartKey, redaction::Left},
    log::Stream,
    time::Hour,
};

/// What is left of a part. The order of the fields is their order in the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedactedRejected {
    /// Its first frame.
    pub first_seq: u64,
    /// Its last frame.
    pub last_seq: u64,
    /// Its rows without what arrived.
    pub erased: u64,
    /// What stands in the place of its file, or that file.
    pub file: File,
}

impl Left for RedactedRejected {
    const STREAM: Stream = Stream::Rejected;

    fn frames(&self) -> (u64, u64) {
        (self.first_seq, self.last_seq)
    }

    fn erased(&self) -> u64 {
        self.erased
    }

    fn in_place(&self) -> Vec<Option<&File>> {
        vec![Some(&self.file)]
    }

    fn check(&self, hour: Hour) -> Result<(), String> {
        let named = StreamPartKey::parse(&self.file.key).is_some_and(|key| {
            let frames = (key.first.get(), key.last.get());
            (key.stream, key.hour, frames) == (Stream::Rejected, hour, self.frames())
        });
        match named {
            true => Ok(()),
            false => Err(format!("{} is no file of its frames {}..={}", self.file.key, self.first_seq, self.last_seq)),
        }
    }
}
