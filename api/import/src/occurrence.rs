//! The id of a line that brings none: made of its bytes, and of how many equal lines came before it.
//!
//! So the same line has the same id in a longer version of its file, in a rotated copy, and under another mapping.
//! Lines that are equal in every byte are told apart by their number; where two servers may write equal lines, each
//! server's are imported under a source of their own.
//!
//! Blanks at a line's end are no part of it: an editor, or another line end, adds them to a line that was imported
//! before. The id that such a line had when they were ([`Ids::earlier`]) is still found in the log.
//!
//! Equal lines have equal times, and lines come in order of time: only those of one instant are remembered.

use std::collections::{HashMap, hash_map::Entry};

use clicktrail_log::time::Timestamp;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Different lines of one instant. More are refused: 200 MB are enough for what is remembered of them.
pub(super) const SAME_TIME_LINES_MAX: usize = 4 << 20;

/// More than [`SAME_TIME_LINES_MAX`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany;

/// What a line is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ids {
    pub(super) own: Uuid,
    /// As import version 2 called it, if otherwise. It is to be looked for first: the line that has it as its own id
    /// may come later.
    pub(super) earlier: Option<Uuid>,
}

/// Counts equal lines.
#[derive(Debug)]
pub(super) struct Occurrences {
    /// A hash that has taken in the source, if there is one.
    begun: Sha256,
    present: Option<Timestamp>,
    seen: HashMap<[u8; 16], Seen>,
}

/// How many lines of one digest there were.
#[derive(Debug, Default)]
struct Seen {
    /// Blanks at their ends apart.
    alike: u32,
    /// In every byte.
    exact: u32,
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

    /// The ids of the next line. `time` never runs back.
    pub(super) fn ids(&mut self, time: Timestamp, line: &[u8]) -> Result<Ids, TooMany> {
        if self.present != Some(time) {
            self.present = Some(time);
            self.seen.clear();
        }
        let bare = line.trim_ascii_end();
        let digest = self.digest(bare);
        let seen = self.seen(digest)?;
        let before = seen.alike;
        seen.alike += 1;
        if bare.len() == line.len() {
            let exactly = seen.exact;
            seen.exact += 1;
            return Ok(Ids { own: id(digest, before), earlier: (exactly < before).then(|| id(digest, exactly)) });
        }
        let whole = self.digest(line);
        let seen = self.seen(whole)?;
        let exactly = seen.exact;
        seen.exact += 1;
        Ok(Ids { own: id(digest, before), earlier: Some(id(whole, exactly)) })
    }

    fn digest(&self, line: &[u8]) -> [u8; 32] {
        self.begun.clone().chain_update(line).finalize().into()
    }

    fn seen(&mut self, digest: [u8; 32]) -> Result<&mut Seen, TooMany> {
        let has_room = self.seen.len() < SAME_TIME_LINES_MAX;
        match self.seen.entry(half(digest)) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) if has_room => Ok(entry.insert(Seen::default())),
            Entry::Vacant(_) => Err(TooMany),
        }
    }
}

/// Of a line of this digest, with so many before it.
fn id(digest: [u8; 32], before: u32) -> Uuid {
    if before == 0 {
        return version_8(half(digest));
    }
    let digest: [u8; 32] = Sha256::new().chain_update(digest).chain_update(before.to_be_bytes()).finalize().into();
    version_8(half(digest))
}

fn half(digest: [u8; 32]) -> [u8; 16] {
    *digest.first_chunk().expect("a digest has 32 bytes")
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
            lines.iter().map(|(time, line)| occurrences.ids(at(*time), line).unwrap().own).collect::<Vec<_>>()
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

    #[test]
    fn line_with_blanks_at_its_end_is_the_line_without_and_has_its_earlier_id_too() {
        let at = Timestamp::from_micros(1);
        let mut occurrences = Occurrences::new(None);
        let mut ids = |line: &[u8]| occurrences.ids(at, line).unwrap();
        let (bare, blank, tab, again) = (ids(b"a"), ids(b"a "), ids(b"a \t\r"), ids(b"a "));
        // The fifth line like this, and the second of these very bytes.
        assert_eq!(ids(b"a").earlier, Some(id(Sha256::digest(b"a").into(), 1)));
        let mut plain = Occurrences::new(None);
        let expected: Vec<Uuid> = (0..4).map(|_| plain.ids(at, b"a").unwrap().own).collect();
        assert_eq!([bare.own, blank.own, tab.own, again.own], expected[..]);
        assert_eq!(bare.earlier, None);
        // As version 2 made them: the first and the second line of these bytes.
        assert_eq!(blank.earlier, Some(id(Sha256::digest(b"a ").into(), 0)));
        assert_eq!(again.earlier, Some(id(Sha256::digest(b"a ").into(), 1)));
    }
}
