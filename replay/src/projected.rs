//! What any projection gives for the hours that count, and for the frames that are counted and not sealed.
//!
//! Only counters are counted live. An hour of any other projection counts from its live segment if a build of the same
//! code was promoted, and is computed otherwise, from the same clicks and with the verdicts that counters know of it:
//! once, because segment and receipt stay in the archive and are found by the next question; open frames each time.

use std::collections::BTreeMap;

use clicktrail_catalog::{self as catalog, Marks, Segment, Snapshot};
use clicktrail_log::{
    archive::{self, Manifest, clicks::Clicks, keys::ManifestKey},
    log::Stream,
    position::Position,
    time::{Hour, Timestamp},
};
use clicktrail_projections::{Projection, counters, zone::Range};
use clicktrail_verdicts::rulings::Stages;

use crate::{
    as_of::{AsOf, Bounds, Sources},
    error::Error,
    rulings::HourRulings,
    segment,
};

/// How often the catalog is looked at again that was rebuilt between two looks.
const LOOKS_MAX: usize = 5;

/// How many hours of an answer count from what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HoursFrom {
    /// From the live segment of a promoted build of the same code.
    pub live: u64,
    /// Computed for the question, or found as an earlier one left it.
    pub computed: u64,
    /// Hours with a live segment of other code, by its digest: the definition changed since. They are computed.
    pub other_code: BTreeMap<String, u64>,
}

impl AsOf {
    /// The rows of a projection that may hold times of a range, with the verdicts that count, and how many hours count
    /// from what.
    ///
    /// # Errors
    /// As log, archive, catalog and engine report.
    pub async fn projected_sources(
        &self,
        projection: &Projection,
        range: &Range,
    ) -> Result<(Sources, HoursFrom), Error> {
        let (snapshot, promoted) = self.both_snapshots(projection).await?;
        let code = projection.code_digest().to_string();
        let mut from = HoursFrom::default();
        let mut sources = Sources { segments: Vec::new(), rows: Vec::new(), projected: 0, marks: snapshot.marks };
        for (counted, pointer) in snapshot.segments.iter().zip(&snapshot.pointers) {
            let segment = match promoted.get(&counted.hour) {
                Some(live) if live.code_digest == code => {
                    from.live += 1;
                    live.clone()
                }
                other => {
                    if let Some(other) = other {
                        *from.other_code.entry(other.code_digest.clone()).or_default() += 1;
                    }
                    if counted.rows == 0 {
                        continue;
                    }
                    let knows_before = pointer.knows_before;
                    let Some(computed) = self.projected_hour(projection, counted.hour, knows_before, range).await?
                    else {
                        continue;
                    };
                    from.computed += 1;
                    computed
                }
            };
            sources.segments.extend((segment.rows > 0).then_some(segment));
        }
        sources.projected = from.computed;
        sources.rows = self.open_rows_of(projection, &sources.marks).await?;
        Ok((sources, from))
    }

    /// What counters count from, and the live segments of the projection, from one making of the catalog.
    async fn both_snapshots(&self, projection: &Projection) -> Result<(Snapshot, BTreeMap<Hour, Segment>), Error> {
        let (first, last) = (Hour::from_i64(i64::MIN / 2), Hour::from_i64(i64::MAX / 2));
        for _ in 0..LOOKS_MAX {
            let counted = self.catalog.snapshot(counters::NAME, first, last).await?;
            let promoted = self.catalog.snapshot(projection.name(), first, last).await?;
            if counted.marks.making == promoted.marks.making {
                let promoted = promoted.segments.into_iter().map(|segment| (segment.hour, segment)).collect();
                return Ok((counted, promoted));
            }
        }
        Err(catalog::Error::Conflict("it was rebuilt again and again while a question was asked".to_owned()).into())
    }

    async fn open_rows_of(
        &self,
        projection: &Projection,
        marks: &Marks,
    ) -> Result<Vec<arrow::array::RecordBatch>, Error> {
        let bounds = Bounds { verdicts: self.history.end().await?, clicks: None };
        self.project_open(projection, marks, bounds, Stages::LiveOnly).await
    }

    /// The segment of an hour; `None` if no event of it is in the range.
    async fn projected_hour(
        &self,
        projection: &Projection,
        hour: Hour,
        knows_before: Option<Position>,
        range: &Range,
    ) -> Result<Option<Segment>, Error> {
        let key = ManifestKey { stream: Stream::Clicks, hour };
        let missing = || archive::Error::Missing(key.path().to_string());
        let manifest = self.archive.manifest::<Clicks>(hour).await?.ok_or_else(missing)?;
        if !meets(&manifest, projection, range) {
            return Ok(None);
        }
        let rulings = match knows_before {
            Some(before) => HourRulings::as_of(&self.history, &manifest, before).await?,
            None => HourRulings::live(&self.history, &manifest).await?,
        };
        segment::reuse_or_build(&self.archive, projection, &manifest, &rulings, self.limits).await.map(Some)
    }
}

/// Whether an hour may have events whose time, cut to the projection's unit, is in a range.
fn meets(manifest: &Manifest, projection: &Projection, range: &Range) -> bool {
    let unit = projection.unit().micros();
    manifest.parts.iter().any(|part| {
        let first = Timestamp::from_micros(part.event_time_min.div_euclid(unit) * unit);
        let last = Timestamp::from_micros(part.event_time_max);
        let mut pieces = range.pieces();
        pieces.any(|(from, to)| from.is_none_or(|from| last >= from) && to.is_none_or(|to| first < to))
    })
}
