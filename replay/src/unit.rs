//! One hour of one generation, computed: a small value goes in, and what came out is in the archive.
//!
//! Nothing here knows a catalog, a lease or a process, so any engine can run it anywhere, twice or at the same time
//! elsewhere: the same task gives the same bytes (I6), and the second finds what the first left.

use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use clicktrail_catalog::{
    Segment,
    generations::{ControlTotals, FoundSegment, Generation, Unit, UnitOutput},
};
use clicktrail_log::{
    archive::{self, Archive, Manifest, clicks::Clicks, keys::ManifestKey, part},
    invariant,
    log::Stream,
    position::Position,
    time::Hour,
};
use clicktrail_projections::{Projection, session};
use clicktrail_verdicts::reader::VerdictReader;
use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    plan::document::short,
    rulings::HourRulings,
    segment::{Source, file},
    text, text_or_null, totals,
};

/// What is to be computed. As JSON it can be sent to any machine that reaches archive and verdict log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitTask {
    /// Which projection.
    pub projection: String,
    /// The text of a candidate or of a user's projection, by `Projection::to_text`; empty for the program's own.
    pub sql: String,
    /// Digest of the projection's code, hexadecimal: another version of this program must not take the task.
    pub code_digest: String,
    /// Which hour.
    #[serde(with = "text")]
    pub hour: Hour,
    /// SHA-256 of the hour's manifest, hexadecimal.
    pub manifest_digest: String,
    /// Clicks before this position are counted; null: all of the hour.
    #[serde(with = "text_or_null")]
    pub clicks_before: Option<Position>,
    /// Verdicts before this position are known.
    #[serde(with = "text")]
    pub verdicts_before: Position,
}

impl UnitTask {
    /// The task of a unit.
    pub fn of(generation: &Generation, unit: &Unit) -> Self {
        Self {
            projection: generation.projection.clone(),
            sql: generation.sql.clone(),
            code_digest: generation.code_digest.clone(),
            hour: unit.hour,
            manifest_digest: unit.manifest_digest.clone(),
            clicks_before: generation.clicks_before,
            verdicts_before: generation.verdicts_before,
        }
    }
}

/// Computes a unit, or finds that an earlier build did. Segment and receipt are durable when it returns.
///
/// # Errors
/// A manifest, part or verdict that is missing, damaged or another than planned, by name; control totals that differ;
/// limits of the engine; log or archive out of reach.
pub async fn run(
    task: &UnitTask,
    archive: &Archive,
    history: &VerdictReader,
    limits: session::Limits,
) -> Result<UnitOutput, Error> {
    let projection = projection(&task.projection, &task.sql).await?;
    let code = projection.code_digest().to_string();
    if code != task.code_digest {
        let (planned, here, name) = (short(&task.code_digest), short(&code), &task.projection);
        return Err(Error::Incomplete(format!(
            "it was planned with code {planned} of {name}, and this program's is {here}: build it with the program \
             that planned it, or plan again"
        )));
    }
    let manifest = manifest(archive, task).await?;
    let rulings = HourRulings::as_of(history, &manifest, task.verdicts_before).await?;
    let clicks_before = task.clicks_before.and_then(|before| cut(&manifest, before));
    let source = Source { archive, projection: &projection, manifest: &manifest, rulings: &rulings, clicks_before };
    if let Some((segment, bytes)) = source.reuse().await? {
        let totals = of_segment(&projection, &segment, bytes)?;
        return Ok(UnitOutput { segment, read: totals, written: totals, is_reused: true });
    }
    let (segment, read, written) = match projection.is_built_in() {
        true => checked_by_events(source, limits).await?,
        false => checked_by_segment(source, limits).await?,
    };
    if let Some(difference) = totals::difference(&read, &written) {
        return Err(Error::Incomplete(format!("control totals of {} differ: {difference}", task.hour)));
    }
    invariant!(I6, segment.code_digest == task.code_digest, "{} is of other code", segment.key);
    Ok(UnitOutput { segment, read, written, is_reused: false })
}

/// What a unit gives of which a plan has found the segment, once that was read; `None` if it is damaged or gone.
///
/// # Errors
/// The archive out of reach.
pub(crate) async fn found(
    projection: &Projection,
    archive: &Archive,
    found: FoundSegment,
) -> Result<Option<UnitOutput>, Error> {
    let segment = Segment {
        projection: projection.name().to_owned(),
        hour: found.hour,
        key: found.key,
        bytes: found.bytes,
        rows: found.rows,
        input_digest: found.input_digest,
        code_digest: projection.code_digest().to_string(),
        output_digest: found.output_digest,
        verdicts_before: found.verdicts_before,
    };
    let bytes = match archive.get_file(&file(&segment)).await {
        Ok(bytes) => bytes,
        Err(cause) if cause.is_transient() => return Err(cause.into()),
        Err(_) => return Ok(None),
    };
    // What its reader does not understand is a worker's to say.
    let Ok(totals) = of_segment(projection, &segment, bytes) else { return Ok(None) };
    Ok(Some(UnitOutput { segment, read: totals, written: totals, is_reused: true }))
}

/// Builds what the program itself counts: beside it the events are added up without SQL and without the engine.
async fn checked_by_events(
    source: Source<'_>,
    limits: session::Limits,
) -> Result<(Segment, ControlTotals, ControlTotals), Error> {
    let events = Arc::new(totals::Events::new(source.rulings, source.clicks_before)?);
    let archive = source.archive.watched(Arc::<totals::Events>::clone(&events));
    let mut written = ControlTotals::default();
    let mut add = |rows: &RecordBatch| totals::add_rows(source.projection, rows, &mut written);
    let (segment, _) = Source { archive: &archive, ..source }.build(limits, &mut add).await?;
    Ok((segment, events.of(source.manifest)?, written))
}

/// Builds what other code counts. What it should count is nobody's to say but its own, and people look at its
/// difference: of that, what was projected is held against what a reader finds in the segment.
async fn checked_by_segment(
    source: Source<'_>,
    limits: session::Limits,
) -> Result<(Segment, ControlTotals, ControlTotals), Error> {
    let mut projected = ControlTotals::default();
    let mut add = |rows: &RecordBatch| totals::add_rows(source.projection, rows, &mut projected);
    let (segment, bytes) = source.build(limits, &mut add).await?;
    let written = of_segment(source.projection, &segment, bytes)?;
    Ok((segment, projected, written))
}

/// The projection of a name and of the text that a plan keeps.
///
/// # Errors
/// If there is none of that name, or the text is refused.
pub async fn projection(name: &str, sql: &str) -> Result<Projection, Error> {
    Ok(Projection::from_text(name, sql).await?)
}

/// The hour's manifest, if it is the one that was planned.
async fn manifest(archive: &Archive, task: &UnitTask) -> Result<Manifest, Error> {
    let key = ManifestKey { stream: Stream::Clicks, hour: task.hour }.path().to_string();
    let Some(manifest) = archive.manifest::<Clicks>(task.hour).await? else {
        return Err(archive::Error::Missing(key).into());
    };
    let found = manifest.digest().to_string();
    if found == task.manifest_digest {
        return Ok(manifest);
    }
    let reason = format!("its SHA-256 is {found}, and {} was planned", task.manifest_digest);
    Err(archive::Error::Damaged { key, reason }.into())
}

/// `before`, if some of the hour's clicks stand before it and some may not.
pub(crate) fn cut(manifest: &Manifest, before: Position) -> Option<Position> {
    let end = Position::new(manifest.epoch(), manifest.last_seq().next(), 0);
    (before < end).then_some(before)
}

/// The totals of the rows that a reader finds in a segment.
fn of_segment(projection: &Projection, found: &Segment, bytes: Bytes) -> Result<ControlTotals, Error> {
    let damaged =
        |error: &dyn std::fmt::Display| archive::Error::Damaged { key: found.key.clone(), reason: error.to_string() };
    let mut totals = ControlTotals::default();
    if found.rows > 0 {
        let columns = totals::columns(projection);
        for batch in part::read(bytes, Some(&columns)).map_err(|error| damaged(&error))? {
            totals::add_rows(projection, &batch.map_err(|error| damaged(&error))?, &mut totals)?;
        }
    }
    Ok(totals)
}

#[cfg(test)]
mod tests;
