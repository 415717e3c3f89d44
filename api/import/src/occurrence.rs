//! The id of a line that brings none: made of its bytes, and of how many equal lines came before it.
//!
//! So the same line has the same id in a longer version of its file, in a rotated copy, and under another mapping.
//! Lines that are equal in every byte are told apart by their number; where two servers may write equal lines, each
//! server's are imported under a source of their own.
//!
//! Equal lines have equal times, and lines come in order of time: only those of one instant are remembered.

use std::collections::HashMap;

use clicktrail_log::time::Timestamp;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Different lines of one instant. More are refused: 200 MB are enough for what is remembered of them.
pub(super) const SAME_TIME_LINES_MAX: usize = 4 << 20;

/// More than [`SAME_TIME_LINES_MAX`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany;

/// Counts equal lines.
#[derive(Debug)]
pub(super) struct Occurrences {
    /// A hash that has taken in the source, if there is one.
    begun: Sha256,
    present: Option<Timestamp>,
    seen: HashMap<[u8; 16], u32>,
}

impl Occurrences {
    /// Of the lines of `source`.
    pub(super) fn new(source: Option<&str>) -> Self {
        let mut begun = Sha256::new();
        if let Some(source) = source {
            begun.update(b"source");
            begun.update(Sha256::digest(source.as_bytes()));
        }
        Self { begun, present: None, seen: HashMap::new() }
    }

    /// The id of the next line. `time` never runs back.
    pub(super) fn id(&mut self, time: Timestamp, line: &[u8]) -> Result<Uuid, TooMany> {
        if self.present != Some(time) {
            self.present = Some(time);
            self.seen.clear();
        }
        let digest: [u8; 32] = self.begun.clone().chain_update(line).finalize().into();
        let half: [u8; 16] = *digest.first_chunk().expect("a digest has 32 bytes");
        let room = self.seen.len() < SAME_TIME_LINES_MAX;
        let count = match self.seen.get_mut(&half) {
            Some(count) => count,
            None if room => self.seen.entry(half).or_default(),
            None => return Err(TooMany),
        };
        let before = *count;
        *count += 1;
        if before == 0 {
            return Ok(version_8(half));
        }
        let digest: [u8; 32] = Sha256::new().chain_update(digest).chain_update(before.to_be_bytes()).finalize().into();
        Ok(version_8(*digest.first_chunk().expect("a digest has 32 bytes")))
    }
}

/// A UUID (version 8) of what was hashed.
pub(super) fn version_8(bytes: [u8; 16]) -> Uuid {
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lines_are_told_apart_and_others_keep_their_ids() {
        let at = Timestamp::from_micros;
        let ids = |source, lines: &[(i64, &[u8])]| {
            let mut occurrences = Occurrences::new(source);
            lines.iter().map(|(time, line)| occurrences.id(at(*time), line).unwrap()).collect::<Vec<_>>()
        };
        let short = ids(None, &[(1, b"a"), (1, b"b"), (1, b"a"), (2, b"c")]);
        assert_eq!(short.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
        // A line that came late, out of order: what was there keeps its id.
        let longer = ids(None, &[(1, b"x"), (1, b"a"), (1, b"b"), (1, b"a"), (1, b"a"), (2, b"c")]);
        assert_eq!(longer[1..4], short[..3]);
        assert_eq!(longer[5], short[3]);
        assert!(!short.contains(&longer[4]));
        let elsewhere = ids(Some("web2"), &[(1, b"a"), (1, b"b"), (1, b"a"), (2, b"c")]);
        assert!(elsewhere.iter().all(|id| !short.contains(id)));
        assert!(short.iter().all(|id| id.get_version_num() == 8));
    }
}
