//! What any projection gives for the hours that count, and for the frames that are counted and not sealed.
//!
//! Only counters are counted live and registered in the catalog. Any other projection is computed when it is asked for,
//! from the same clicks and the same live verdicts: a sealed hour from its manifest, once, because segment and receipt
//! stay in the archive and are found by the next question; open frames each time.

use clicktrail_catalog::{Marks, Segment};
use clicktrail_log::{
    archive::{self, Manifest, clicks::Clicks, keys::ManifestKey},
    log::Stream,
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

impl AsOf {
    /// The rows of a projection that may hold times of a range, with the verdicts that count.
    ///
    /// # Errors
    /// As log, archive, catalog and engine report.
    pub async fn projected_sources(&self, projection: &Projection, range: &Range) -> Result<Sources, Error> {
        let (first, last) = (Hour::from_i64(i64::MIN / 2), Hour::from_i64(i64::MAX / 2));
        let snapshot = self.catalog.snapshot(counters::NAME, first, last).await?;
        let mut sources = Sources { segments: Vec::new(), rows: Vec::new(), projected: 0, marks: snapshot.marks };
        for live in snapshot.segments.iter().filter(|live| live.rows > 0) {
            if let Some(segment) = self.projected_hour(projection, live.hour, range).await? {
                sources.projected += 1;
                sources.segments.extend((segment.rows > 0).then_some(segment));
            }
        }
        sources.rows = self.open_rows_of(projection, &sources.marks).await?;
        Ok(sources)
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
        range: &Range,
    ) -> Result<Option<Segment>, Error> {
        let key = ManifestKey { stream: Stream::Clicks, hour };
        let missing = || archive::Error::Missing(key.path().to_string());
        let manifest = self.archive.manifest::<Clicks>(hour).await?.ok_or_else(missing)?;
        if !meets(&manifest, projection, range) {
            return Ok(None);
        }
        let rulings = HourRulings::live(&self.history, &manifest).await?;
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
