//! Bases: which hours a document counts, and which verdicts it knows of each, as `docs/formats.md` describes it.

use serde::{Deserialize, Serialize};

use super::{
    failure::{Failure, Kind},
    manifest::position,
};
use crate::{
    bundle::time::{Hour, Instant},
    hash::Hash,
};

const PROJECTION: &str = "counters";

/// A basis, version 1 or 2. The order of the fields is that of its text.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Basis {
    version: u32,
    projection: String,
    pub(super) from: Instant,
    pub(super) to: Instant,
    pub(super) first_hour: Hour,
    pub(super) last_hour: Hour,
    pub(super) last_manifest: Hash,
    pub(super) stale: Vec<Hour>,
    pub(super) segments: Vec<Segment>,
    pub(super) without: Vec<Range>,
    /// The head of the log of logs on which it stands; null if nothing was signed yet. Version 1 has no such field.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "is_there")]
    checkpoint: Option<Option<StandsOn>>,
}

/// A field that is there, whatever it holds.
fn is_there<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<StandsOn>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// The head of the log of logs when it was made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StandsOn {
    pub(super) origin: String,
    pub(super) size: u64,
    pub(super) root: Hash,
}

/// An hour that is counted.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Segment {
    pub(super) hour: Hour,
    input_digest: Hash,
    code_digest: Hash,
    output_digest: Hash,
    bytes: u64,
    rows: u64,
    generation: Option<String>,
    knows_before: Option<String>,
    verdicts_before: Option<String>,
}

/// Consecutive hours.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Range {
    pub(super) from: Hour,
    pub(super) to_inclusive: Hour,
}

/// Which verdicts the numbers of an hour know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Those of every stage before this position.
    Before(i64),
    /// Those of the live judge alone. What stands by them stands before this position; `None`: nothing did.
    Live(Option<i64>),
}

impl Known {
    /// Up to where verdicts must be there.
    pub(super) fn horizon(self) -> Option<i64> {
        match self {
            Self::Before(position) => Some(position),
            Self::Live(before) => before,
        }
    }
}

impl Segment {
    /// Which verdicts it knows; checked when the basis was read.
    pub(super) fn known(&self) -> Option<Known> {
        let parsed = |text: &Option<String>| match text {
            None => Some(None),
            Some(text) => position(text).map(Some),
        };
        let (knows, before) = (parsed(&self.knows_before)?, parsed(&self.verdicts_before)?);
        Some(match knows {
            Some(position) => Known::Before(position),
            None => Known::Live(before),
        })
    }
}

impl Basis {
    /// Reads the text of a basis.
    pub(super) fn read(place: &str, bytes: &[u8]) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let malformed = |error: serde_json::Error| Failure::integrity(place, error.to_string());
        let Version { version } = serde_json::from_slice(bytes).map_err(malformed)?;
        if !(1..=2).contains(&version) {
            let reason = format!("version {version} of a basis is not known here");
            return Err(Failure::new(Kind::Unreadable, place, reason));
        }
        let basis: Self = serde_json::from_slice(bytes).map_err(malformed)?;
        if basis.text() != bytes {
            return Err(Failure::integrity(place, "its bytes are not those of its one form: it was edited"));
        }
        basis.check(place)?;
        Ok(basis)
    }

    /// Its text in its one form.
    pub(crate) fn text(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).expect("a basis holds only texts, integers and lists");
        text.push(b'\n');
        text
    }

    fn check(&self, place: &str) -> Result<(), Failure> {
        let wrong = |reason: &str| Err(Failure::integrity(place, reason));
        if self.projection != PROJECTION || self.from >= self.to || self.first_hour > self.last_hour {
            return wrong("it is of something else than clicks, or of nothing");
        }
        if (self.version == 2) != self.checkpoint.is_some() {
            return wrong("version 1 alone says nothing of a checkpoint");
        }
        if self.segments.iter().any(|segment| segment.known().is_none()) {
            return wrong("it names a position that is none");
        }
        // Every hour is either counted or named as one without events of the period, and only once.
        let counted = self.segments.iter().map(|segment| (segment.hour, segment.hour));
        let mut ranges: Vec<_> =
            counted.chain(self.without.iter().map(|range| (range.from, range.to_inclusive))).collect();
        if !self.segments.is_sorted_by(|one, next| one.hour < next.hour) {
            return wrong("its hours are not in order");
        }
        if !self.stale.is_sorted_by(|one, next| one < next) {
            return wrong("the hours of which it does not know every verdict are not in order");
        }
        ranges.sort_unstable();
        let mut next = self.first_hour;
        for (from, to_inclusive) in ranges {
            if from != next || to_inclusive < from {
                return Err(Failure::incomplete(place, format!("it says nothing of {next}, or says it twice")));
            }
            next = to_inclusive.next();
        }
        match next == self.last_hour.next() {
            true => Ok(()),
            false => Err(Failure::incomplete(place, format!("it says nothing of {next}"))),
        }
    }

    /// The head on which it stands.
    pub(super) fn stands_on(&self) -> Option<&StandsOn> {
        self.checkpoint.as_ref()?.as_ref()
    }

    /// Whether it says that there are verdicts about an hour which its numbers do not know.
    pub(super) fn is_stale(&self, hour: Hour) -> bool {
        self.stale.binary_search(&hour).is_ok()
    }

    /// What it counts of an hour; `None` if it does not.
    pub(super) fn segment(&self, hour: Hour) -> Option<&Segment> {
        let found = self.segments.binary_search_by_key(&hour, |segment| segment.hour);
        found.ok().map(|index| &self.segments[index])
    }
}
