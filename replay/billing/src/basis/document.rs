//! A basis as a document. Version 2 says at its end which checkpoint of sealed hours it stands on; version 1 is read,
//! and written again to the byte.
//!
//! To add a version: raise [`VERSION`], keep the old struct, and convert in memory once [`Basis::from_bytes`] has read
//! the number.

use std::{collections::BTreeMap, ops::Range};

use clicktrail_catalog::{Segment, StaleHour, generations::GenerationId, generations::LivePointer};
use clicktrail_log::{
    archive::{keys::SegmentKey, manifest},
    frame::Digest,
    position::Position,
    time::{Hour, Timestamp},
};
use clicktrail_projections::counters;
use clicktrail_replay::{text, text_or_null};
use serde::{Deserialize, Serialize};

/// The version that this program writes.
pub const VERSION: u32 = 2;
/// The first version, which is read.
const VERSION_1: u32 = 1;

/// A basis. The order of the fields is their order in the document: frozen with version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basis {
    pub(super) version: u32,
    pub(super) projection: String,
    /// The first instant of the period.
    #[serde(with = "text")]
    pub(super) from: Timestamp,
    /// The first instant behind it.
    #[serde(with = "text")]
    pub(super) to: Timestamp,
    /// The first hour that was looked at.
    #[serde(with = "text")]
    pub(super) first_hour: Hour,
    /// The last one: the last that was sealed.
    #[serde(with = "text")]
    pub(super) last_hour: Hour,
    /// The digest of its manifest, which names that of the hour before, and so on: it pins what could be read at all.
    #[serde(with = "text")]
    pub(super) last_manifest: Digest,
    /// Hours of which it does not know every verdict; nobody drafts with such unless asked to.
    pub(super) stale: Vec<Stale>,
    /// What is read, by hour.
    pub(super) segments: Vec<Read>,
    /// Hours behind the period that have no event of it: half-open ranges.
    pub(super) without: Vec<Hours>,
    /// The newest checkpoint when it was made; null: no hour was signed. Version 1 has no such field.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "is_there")]
    pub(super) checkpoint: Option<Option<Checkpoint>>,
}

/// What was signed over the sealed hours that a basis stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The name of the log of sealed hours.
    pub origin: String,
    /// How many entries it had.
    pub size: u64,
    /// The root of their tree.
    #[serde(with = "text")]
    pub root: Digest,
}

/// A field that is there, whatever it holds.
fn is_there<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<Checkpoint>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// An hour in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stale(#[serde(with = "text")] pub Hour);

/// Consecutive hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// The first.
    #[serde(with = "text")]
    pub from: Hour,
    /// The last.
    #[serde(with = "text")]
    pub to_inclusive: Hour,
}

/// A segment that is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// The hour in which its events were logged.
    #[serde(with = "text")]
    pub hour: Hour,
    /// The digest of what it was computed from: the hour's manifest, and the rulings about its events.
    #[serde(with = "text")]
    pub input_digest: Digest,
    /// The digest of the code that made it.
    #[serde(with = "text")]
    pub code_digest: Digest,
    /// SHA-256 of its bytes.
    #[serde(with = "text")]
    pub output_digest: Digest,
    /// Its size.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
    /// Which generation it comes from; null: it was sealed.
    #[serde(with = "text_or_null")]
    pub generation: Option<GenerationId>,
    /// It knows the verdicts of every stage before this position; null: those of the live judge alone.
    #[serde(with = "text_or_null")]
    pub knows_before: Option<Position>,
    /// The rulings that it knows stand before this position of the verdict log; null: there were none.
    #[serde(with = "text_or_null")]
    pub verdicts_before: Option<Position>,
}

/// Why a document is no basis.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not JSON of the known fields.
    #[error("the basis is not readable")]
    Malformed(#[from] serde_json::Error),
    /// A later version of this program wrote it.
    #[error("version {0} of a basis is not known here; the newest is {VERSION}")]
    UnknownVersion(u32),
    /// Its bytes are not those that this program writes of it.
    #[error("the basis was edited: its bytes are not canonical")]
    NotCanonical,
    /// It contradicts itself.
    #[error("the basis contradicts itself: {0}")]
    Contradiction(String),
}

impl Read {
    /// From what counts; `None` if a digest is none.
    pub(crate) fn of(segment: &Segment, pointer: &LivePointer) -> Option<Self> {
        let digest = |text: &str| text.parse::<Digest>().ok();
        Some(Self {
            hour: segment.hour,
            input_digest: digest(&segment.input_digest)?,
            code_digest: digest(&segment.code_digest)?,
            output_digest: digest(&segment.output_digest)?,
            bytes: segment.bytes,
            rows: segment.rows,
            generation: pointer.generation.clone(),
            knows_before: pointer.knows_before,
            verdicts_before: Position::from_i64(segment.verdicts_before).filter(|_| segment.verdicts_before > 0),
        })
    }

    /// The segment as a file that is checked when it is read.
    pub fn file(&self) -> manifest::File {
        let key = SegmentKey::new(counters::NAME, self.hour, &self.output_digest).path();
        manifest::File { key: key.to_string(), bytes: self.bytes, sha256: self.output_digest.to_string() }
    }
}

/// Segments that an earlier basis read and a later one does not, and the other way round.
pub(crate) type Moves<'b> = (Vec<&'b Read>, Vec<&'b Read>);

impl Basis {
    /// Event times of the period, half-open.
    pub fn period(&self) -> Range<Timestamp> {
        self.from..self.to
    }

    /// What is read, by hour.
    pub fn segments(&self) -> &[Read] {
        &self.segments
    }

    /// The hours that were looked at: the first and the last.
    pub fn looked_at(&self) -> (Hour, Hour) {
        (self.first_hour, self.last_hour)
    }

    /// Whether an hour was looked at when the basis was made.
    pub fn knows(&self, hour: Hour) -> bool {
        (self.first_hour..=self.last_hour).contains(&hour)
    }

    /// The newest checkpoint when it was made; `None` if no hour was signed, or nobody looked.
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        self.checkpoint.as_ref().and_then(Option::as_ref)
    }

    /// Hours of which not every verdict is known.
    pub fn stale(&self) -> impl Iterator<Item = Hour> {
        self.stale.iter().map(|stale| stale.0)
    }

    /// Hours that were looked at and have no event of the period.
    pub fn without(&self) -> &[Hours] {
        &self.without
    }

    /// The same basis, where hours that it reads count from other segments. `ruled` are all hours with later rulings.
    #[must_use]
    pub fn with(mut self, built: &BTreeMap<Hour, Read>, ruled: &[StaleHour]) -> Self {
        let last: BTreeMap<Hour, Position> = ruled.iter().map(|ruled| (ruled.hour, ruled.last)).collect();
        for read in &mut self.segments {
            if let Some(other) = built.get(&read.hour) {
                *read = other.clone();
                // It knows what was ruled until it was planned, and nothing that came since.
                let hour = other.hour;
                let is_unknown =
                    last.get(&hour).is_some_and(|last| other.knows_before.is_none_or(|before| *last >= before));
                self.stale.retain(|stale| stale.0 != hour);
                self.stale.extend(is_unknown.then_some(Stale(hour)));
            }
        }
        self.stale.sort_unstable_by_key(|stale| stale.0);
        self
    }

    /// The same basis, on a head that was signed before it was looked at.
    #[must_use]
    pub fn standing_on(mut self, signed: Option<Checkpoint>) -> Self {
        self.checkpoint = Some(signed);
        self
    }

    /// Names what is summed: the period and the bytes of the segments. What was looked at beside them adds nothing, so
    /// bases that differ in that alone have one sum.
    pub fn inputs(&self) -> Digest {
        let mut text = format!("usage 1\n{}\n{}\n", self.from, self.to);
        for read in self.segments.iter().filter(|read| read.rows > 0) {
            text.push_str(&format!("{} {}\n", read.hour, read.output_digest));
        }
        Digest::of(text.as_bytes())
    }

    /// The canonical bytes: indented JSON in the order of the fields, with a final newline.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a basis holds only text, integers and lists");
        bytes.push(b'\n');
        bytes
    }

    /// SHA-256 of the canonical bytes: how a document names it.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    /// Reads a document.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_slice(bytes)?;
        if version != VERSION && version != VERSION_1 {
            return Err(Error::UnknownVersion(version));
        }
        let basis: Self = serde_json::from_slice(bytes)?;
        if basis.to_bytes() != bytes {
            return Err(Error::NotCanonical);
        }
        basis.check().map_err(Error::Contradiction)?;
        Ok(basis)
    }

    /// A basis of these segments, for tests.
    #[cfg(test)]
    pub(crate) fn of_segments(period: Range<Timestamp>, segments: Vec<Read>) -> Self {
        let hours = |read: Option<&Read>| read.map_or_else(|| period.start.hour(), |read| read.hour);
        Self {
            version: VERSION,
            projection: counters::NAME.to_owned(),
            from: period.start,
            to: period.end,
            first_hour: hours(segments.first()),
            last_hour: hours(segments.last()),
            last_manifest: Digest::ZERO,
            stale: Vec::new(),
            segments,
            without: Vec::new(),
            checkpoint: Some(None),
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.projection != counters::NAME {
            return Err(format!("it is of {}, and bills are made of {}", self.projection, counters::NAME));
        }
        if self.from >= self.to || self.first_hour > self.last_hour {
            return Err("its period or its hours are empty".to_owned());
        }
        if (self.version == VERSION_1) != self.checkpoint.is_none() {
            return Err("only version 1 says nothing of a checkpoint".to_owned());
        }
        let in_order = self.segments.windows(2).all(|pair| pair[0].hour < pair[1].hour);
        let looked_at = self.segments.iter().all(|read| self.knows(read.hour));
        match in_order && looked_at {
            true => Ok(()),
            false => Err("its segments are not in order, or outside of its hours".to_owned()),
        }
    }

    /// What left and what came, from here to a later basis of the same period.
    pub(crate) fn moves<'b>(&'b self, later: &'b Self) -> Moves<'b> {
        let by_hour = |basis: &'b Self| -> BTreeMap<Hour, &'b Read> {
            basis.segments.iter().map(|read| (read.hour, read)).collect()
        };
        let (here, there) = (by_hour(self), by_hour(later));
        let differs = |read: &&Read, other: &BTreeMap<Hour, &Read>| {
            other.get(&read.hour).is_none_or(|other| other.output_digest != read.output_digest)
        };
        let left = self.segments.iter().filter(|read| differs(read, &there)).collect();
        let came = later.segments.iter().filter(|read| differs(read, &here)).collect();
        (left, came)
    }
}

#[cfg(test)]
mod tests;
