//! Which hours of a plan an earlier build has done: a receipt of the same input and code stands in the archive, with
//! its segment.
//!
//! What an hour's segment is made of is named by manifest and rulings. Where what counts knows just the verdicts that
//! are asked for, its input digest is the one that is sought, and no verdict is read.

use std::collections::{BTreeMap, BTreeSet};

use clicktrail_catalog::{
    Catalog,
    generations::{FoundSegment, GenerationId, LivePointer},
};
use clicktrail_log::{
    archive::{Archive, Manifest},
    frame::Digest,
    position::Position,
    time::Hour,
};
use clicktrail_projections::Projection;
use clicktrail_verdicts::reader::VerdictReader;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::{error::Error, rulings::HourRulings, segment, unit};

/// Hours that are looked at side by side.
const LOOKS_MAX: usize = 16;

/// What becomes of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// A segment of the same input and code stands in the archive.
    Reused,
    /// It is computed.
    Built,
}

/// The generations among what counts that do not count all clicks of their hours.
pub(super) async fn cut(
    catalog: &dyn Catalog,
    live: &BTreeMap<Hour, LivePointer>,
) -> Result<BTreeSet<GenerationId>, Error> {
    let promoted: BTreeSet<&GenerationId> = live.values().filter_map(|live| live.generation.as_ref()).collect();
    let mut cut = BTreeSet::new();
    for id in promoted {
        let is_whole = catalog.generation(id).await?.is_some_and(|generation| generation.clicks_before.is_none());
        cut.extend((!is_whole).then(|| id.clone()));
    }
    Ok(cut)
}

/// What decides whether an hour is done.
pub(super) struct Look<'p> {
    pub(super) archive: &'p Archive,
    pub(super) history: &'p VerdictReader,
    pub(super) projection: &'p Projection,
    pub(super) clicks_before: Option<Position>,
    pub(super) verdicts_before: Position,
    /// Where the verdict log ended when it was looked up what counts, or before.
    pub(super) end: Position,
    /// Hours that have verdicts which what counts does not know, and what counts: of one instant.
    pub(super) stale: &'p BTreeSet<Hour>,
    pub(super) live: &'p BTreeMap<Hour, LivePointer>,
    /// One past the last verdict that the rulings of what counts come from.
    pub(super) ruled_before: &'p BTreeMap<Hour, i64>,
    /// See [`cut`].
    pub(super) cut: &'p BTreeSet<GenerationId>,
}

impl Look<'_> {
    /// The segment that stands for each hour, in order; `None`: it has to be built.
    pub(super) async fn segments(&self, manifests: &[Manifest]) -> Result<Vec<Option<FoundSegment>>, Error> {
        stream::iter(manifests).map(|manifest| self.segment(manifest)).buffered(LOOKS_MAX).try_collect().await
    }

    async fn segment(&self, manifest: &Manifest) -> Result<Option<FoundSegment>, Error> {
        let (input, verdicts_before) = match self.known_input(manifest) {
            Some(known) => known,
            None => {
                let rulings = HourRulings::as_of(self.history, manifest, self.verdicts_before).await?;
                let clicks_before = self.clicks_before.and_then(|before| unit::cut(manifest, before));
                (segment::input_digest_before(manifest, &rulings, clicks_before), rulings.before())
            }
        };
        let found = segment::receipt_of(self.archive, self.projection, manifest.hour(), &input).await?;
        let Some(receipt) = found else { return Ok(None) };
        let is_there = self.archive.holds_file(&receipt.file()).await?;
        Ok(is_there.then(|| FoundSegment {
            hour: manifest.hour(),
            input_digest: receipt.input_digest,
            output_digest: receipt.output_digest,
            key: receipt.key,
            bytes: receipt.bytes,
            rows: receipt.rows,
            verdicts_before,
        }))
    }

    /// The input digest, if that of what counts is the one, and one past the last verdict in it.
    fn known_input(&self, manifest: &Manifest) -> Option<(Digest, i64)> {
        let live = self.live.get(&manifest.hour())?;
        let knows_all = self.verdicts_before == self.end && !self.stale.contains(&manifest.hour());
        let knows_no_later = live.knows_before.is_none_or(|knows| knows <= self.verdicts_before);
        let is_cut = self.clicks_before.is_some_and(|before| unit::cut(manifest, before).is_some());
        let is_whole = live.generation.as_ref().is_none_or(|generation| !self.cut.contains(generation));
        let is_known = knows_all && knows_no_later && !is_cut && is_whole;
        is_known.then(|| Some((live.input_digest.parse().ok()?, *self.ruled_before.get(&manifest.hour())?))).flatten()
    }
}
