//! Which parts of an hour share a filter: a pure function of the manifest, so that nobody need write it down.

use std::{ops::Range, sync::Arc};

use crate::{
    archive::{
        entry::{Entry, File},
        keys::FilterKey,
        manifest::Manifest,
    },
    frame::Digest,
    position::Seq,
    time::Hour,
};

/// A filter is of at most so many rows: that bounds the memory of making it.
const ROWS_MAX: u64 = 8 << 20;
/// And of so many parts, because an entry numbers them in one byte.
const PARTS_MAX: usize = 256;

/// Consecutive parts of an hour with one filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    /// Which parts of the manifest.
    pub(super) parts: Range<usize>,
    pub(super) key: FilterKey,
    /// The digest of what the filter is made of.
    pub(super) input: Digest,
}

/// A group that may still grow.
#[derive(Debug)]
pub(super) struct Growing {
    hour: Hour,
    rows: u64,
    parts: Range<usize>,
    frames: Option<(u64, u64)>,
    text: String,
}

impl Growing {
    /// A group of the hour that begins with part `first`.
    pub(super) fn new(hour: Hour, first: usize) -> Self {
        let text = "clicktrail identity filter 1\n".to_owned();
        Self { hour, rows: 0, parts: first..first, frames: None, text }
    }

    /// Whether a part of so many rows still belongs to it.
    pub(super) fn takes(&self, rows: u64) -> bool {
        self.parts.is_empty() || (self.parts.len() < PARTS_MAX && self.rows + rows <= ROWS_MAX)
    }

    /// Adds a part. Its first file is the one that the fingerprints are of.
    pub(super) fn add(&mut self, part: &impl Entry) {
        let (first, last) = part.frames();
        self.frames = Some((self.frames.map_or(first, |(first, _)| first), last));
        self.rows += part.rows();
        self.parts.end += 1;
        let digest = part.files().first().map_or("", |file: &&File| file.sha256.as_str());
        self.text.push_str(digest);
        self.text.push('\n');
    }

    /// The group; `None` without a part.
    pub(super) fn finish(self) -> Option<Group> {
        let (first, last) = self.frames?;
        let input = Digest::of(self.text.as_bytes());
        let key = FilterKey::new(self.hour, Seq::new(first)?, Seq::new(last)?, &input);
        Some(Group { parts: self.parts, key, input })
    }
}

/// A sealed hour, and where its filters are.
#[derive(Debug)]
pub struct SearchedHour {
    /// Its manifest.
    pub manifest: Arc<Manifest>,
    pub(super) groups: Vec<Group>,
}

impl SearchedHour {
    /// The hour of a manifest.
    pub fn new(manifest: Arc<Manifest>) -> Self {
        let groups = groups_of(manifest.hour(), &manifest.parts);
        Self { manifest, groups }
    }
}

pub(super) fn groups_of<P: Entry>(hour: Hour, parts: &[P]) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut growing = Growing::new(hour, 0);
    for (index, part) in parts.iter().enumerate() {
        if !growing.takes(part.rows()) {
            groups.extend(std::mem::replace(&mut growing, Growing::new(hour, index)).finish());
        }
        growing.add(part);
    }
    groups.extend(growing.finish());
    groups
}
