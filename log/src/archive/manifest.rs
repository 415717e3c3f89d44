//! The document that makes an hour exist. Its bytes are canonical, so its digest names it.
//!
//! Version 2 remembers more of the writers than where each ended: several branches of one identity, and the frames
//! before their ends, so that a frame that comes again is known by its digest. Version 3 has the roots of the hour's
//! trees. Versions 1 and 2 are read; what was sealed with them has no trees, and says so.

use std::ops::Range;

use clicktrail_evidence::sealed::Trees;
use serde::{Deserialize, Serialize};

pub use crate::archive::entry::File;
use crate::{
    archive::entry::Entry,
    chain::{Chain, StoredWriter},
    frame::Digest,
    invariant,
    log::Stream,
    position::{Epoch, Position, Seq},
    time::Hour,
};

/// The version that this program writes.
pub const VERSION: u32 = 3;
/// The first version, which is read.
const VERSION_1: u32 = 1;
/// The second, likewise.
pub(super) const VERSION_2: u32 = 2;

/// How the last alarm of an hour begins behind which the log began anew. People read the rest.
pub(super) const EPOCH_ENDS: &str = "the log ends here and begins anew";

/// One part of the click log: a core and a personal file with the same rows in the same order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The first frame in it.
    pub first_seq: u64,
    /// The last frame in it.
    pub last_seq: u64,
    /// Its rows.
    pub rows: u64,
    /// The earliest event time, microseconds UTC.
    pub event_time_min: i64,
    /// The latest event time, microseconds UTC.
    pub event_time_max: i64,
    /// What billing needs.
    pub core: File,
    /// Address, user agent, session and page.
    pub personal: File,
}

/// A sealed hour of one stream; the stream decides what is said of a part. The order of the fields is their order in
/// the document: frozen with version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "P: Entry")]
pub struct Manifest<P: Entry = Part> {
    /// [`VERSION`].
    pub version: u32,
    /// `clicks`, `verdicts` or `invoices`.
    pub stream: String,
    /// `2026-11-22T14`.
    pub hour: String,
    /// The log's epoch.
    pub epoch: u8,
    /// The first frame; `last_seq + 1` in a quiet hour.
    pub first_seq: u64,
    /// The last frame. The next hour begins at `last_seq + 1`.
    pub last_seq: u64,
    /// Frames that were counted.
    pub frames: u64,
    /// Frames that were dropped because their writer had used the number before.
    pub repeats: u64,
    /// Rows in all parts.
    pub rows: u64,
    /// The schema of the frames' rows: [`crate::schema::id`].
    pub schema_id: String,
    /// SHA-256 of the previous hour's manifest, hexadecimal; null for the first hour.
    pub previous: Option<String>,
    /// What is known of every writer before this hour, so that a reader can begin here. In version 2 the one that wrote
    /// last is at the end, with an entry for each branch of an epoch; in version 1 each writer has one, of its last
    /// epoch.
    pub writers: Vec<StoredWriter>,
    /// The same of those that wrote in this hour, at its end. With `writers` it is where the next hour begins.
    pub last_frames: Vec<StoredWriter>,
    /// The alarms that the chain raised in this hour, in order, for people; beyond
    /// [`ALARMS_MAX`](crate::archive::seal::ALARMS_MAX) only that there were more.
    pub alarms: Vec<String>,
    /// The parts in log order.
    pub parts: Vec<P>,
    /// The trees over its rows. Since version 3, which has them always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trees: Option<Trees>,
    /// SHA-256 of the canonical bytes with this field empty, hexadecimal. It reveals a flipped bit even in the last
    /// manifest, which no other names yet.
    pub checksum: String,
}

/// Why a document is not a manifest.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not JSON of the known fields.
    #[error("the manifest is not readable")]
    Malformed(#[from] serde_json::Error),
    /// Written by a later version of this program.
    #[error("manifest version {0} is not known here; the newest is {VERSION}")]
    UnknownVersion(u32),
    /// Two of its statements exclude each other.
    #[error("the manifest contradicts itself: {0}")]
    Contradiction(String),
}

impl<P: Entry> Manifest<P> {
    /// The canonical bytes: indented JSON in field order, with a final newline.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a manifest holds only text, integers and lists");
        bytes.push(b'\n');
        bytes
    }

    /// Fills in the checksum: the last step of making one.
    ///
    /// # Panics
    /// If it contradicts itself, so that no reader would take it.
    #[must_use]
    pub fn sealed(mut self) -> Self {
        self.checksum = self.expected_checksum();
        let readable = self.check(&self.to_bytes());
        invariant!(I3, readable.is_ok(), "the manifest of {} is never readable: {readable:?}", self.hour);
        self
    }

    fn expected_checksum(&self) -> String {
        Digest::of(&Self { checksum: String::new(), ..self.clone() }.to_bytes()).to_string()
    }

    /// SHA-256 of the canonical bytes: how the next manifest and the catalog name this one.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    /// Reads a document and checks that it does not contradict itself.
    ///
    /// # Errors
    /// See [`Error`]. Bytes that read as a manifest but are not its canonical bytes are a contradiction too.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_slice(bytes)?;
        if ![VERSION_1, VERSION_2, VERSION].contains(&version) {
            return Err(Error::UnknownVersion(version));
        }
        let manifest: Self = serde_json::from_slice(bytes)?;
        manifest.check(bytes).map_err(Error::Contradiction)?;
        Ok(manifest)
    }

    fn check(&self, bytes: &[u8]) -> Result<(), String> {
        if self.to_bytes() != bytes {
            return Err("its bytes are not canonical: it was edited".into());
        }
        if self.checksum != self.expected_checksum() {
            return Err("its checksum does not fit its content".into());
        }
        if Hour::parse(&self.hour).is_none() || Epoch::new(i64::from(self.epoch)).is_none() {
            return Err(format!("hour {:?} or epoch {} is out of range", self.hour, self.epoch));
        }
        // Behind the last frame there is one more address: where the next hour begins.
        if self.last_seq >= Seq::MAX.get() || self.first_seq > self.last_seq + 1 || self.first_seq == 0 {
            return Err(format!("frames {}..={} are no range", self.first_seq, self.last_seq));
        }
        if self.version == VERSION_1 && self.states().any(|writer| !writer.recent.is_empty()) {
            return Err("version 1 remembers no frames before the last".into());
        }
        let rows = self.parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(part.rows()));
        if rows != Some(self.rows) {
            let rows = rows.map_or_else(|| "too many".to_owned(), |rows| rows.to_string());
            return Err(format!("its parts hold {rows} rows, it says {}", self.rows));
        }
        let mut after = self.first_seq;
        for part in &self.parts {
            let (first, last) = part.frames();
            if first < after || last < first || last > self.last_seq {
                let files = part.files();
                let key = files.first().map_or("without a file", |file| file.key.as_str());
                return Err(format!("part {key} lies outside its frames or overlaps another"));
            }
            after = last + 1;
        }
        self.check_trees()
    }

    /// What is wrong with what it says of its trees.
    fn check_trees(&self) -> Result<(), String> {
        match (&self.trees, self.version >= VERSION) {
            (None, false) => Ok(()),
            (Some(_), false) => Err(format!("version {} has no trees", self.version)),
            (None, true) => Err(format!("version {} has trees, and it says nothing of them", self.version)),
            (Some(trees), true) => trees.check(self.rows, self.stream == Stream::Clicks.as_str()),
        }
    }

    /// Whether the hour was sealed by a program that makes identity filters, before the manifest.
    pub fn is_since_filters(&self) -> bool {
        self.version >= VERSION_2
    }

    /// Whether no frame is in it, and none was lost in it.
    pub fn is_empty(&self) -> bool {
        self.first_seq > self.last_seq && self.alarms.is_empty()
    }

    /// Whether a new epoch begins behind it: then its last alarm says why, and what was lost.
    pub fn ends_epoch(&self) -> bool {
        self.alarms.last().is_some_and(|alarm| alarm.starts_with(EPOCH_ENDS))
    }

    /// Whether it remembers every repeat, also one that came last.
    pub fn remembers_repeats(&self) -> bool {
        self.version >= VERSION_2
    }

    fn states(&self) -> impl Iterator<Item = &StoredWriter> {
        self.writers.iter().chain(&self.last_frames)
    }

    /// The writers' chains at the end of this hour; `None` if a digest is not readable.
    pub fn chain_after(&self) -> Option<Chain> {
        if self.version != VERSION_1 {
            return Chain::after(&self.writers, &self.last_frames);
        }
        // A later epoch took the place of the one before.
        let wrote = |writer: &StoredWriter| self.last_frames.iter().any(|last| last.writer == writer.writer);
        let writers: Vec<_> = self.writers.iter().filter(|writer| !wrote(writer)).cloned().collect();
        Chain::after(&writers, &self.last_frames)
    }

    /// Whether this hour begins where `chain`, that of the hour before, left the writers.
    pub(super) fn begins_at(&self, chain: &Chain) -> bool {
        let mut expected = chain.to_stored();
        if self.version == VERSION_1 {
            expected.sort_unstable_by_key(|writer| writer.writer);
        }
        self.writers == expected
    }

    /// Which hour it seals.
    pub fn hour(&self) -> Hour {
        Hour::parse(&self.hour).expect("checked when the manifest was read or made")
    }

    /// The log's epoch.
    pub fn epoch(&self) -> Epoch {
        Epoch::new(i64::from(self.epoch)).expect("checked when the manifest was read or made")
    }

    /// The first frame; one past [`Manifest::last_seq`] in a quiet hour.
    pub fn first_seq(&self) -> Seq {
        Seq::new(self.first_seq).expect("checked when the manifest was read or made")
    }

    /// The last frame.
    pub fn last_seq(&self) -> Seq {
        Seq::new(self.last_seq).expect("checked when the manifest was read or made")
    }

    /// The addresses of its rows: half-open, empty in a quiet hour.
    pub fn positions(&self) -> Range<Position> {
        let at = |seq: Seq| Position::new(self.epoch(), seq, 0);
        at(self.first_seq())..at(self.last_seq().next())
    }
}

#[cfg(test)]
mod tests;
