//! Where the events of a correction are in the click log. Their writer is made of the correction's id, and each says
//! which correction it is of, so whoever closes it again finds what is there, however often closing was cut off: in
//! sealed hours, whose frames may be trimmed, and in the log behind them.

use std::time::Duration;

use arrow::{array::AsArray as _, datatypes::Int64Type};
use clicktrail_catalog::Catalog;
use clicktrail_log::{
    archive::{self, Archive, Manifest, clicks::Clicks, keys::ManifestKey, part},
    event::correction_of,
    frame::Digest,
    log::{Log, ReadLimit, Stream},
    position::{Position, Seq},
    time::Hour,
};
use uuid::Uuid;

use crate::error::Error;

/// Hours that one question to the catalog gives.
const PAGE_HOURS: u32 = 1_000;
const COLUMNS: [&str; 2] = ["position", "extra"];

/// What of a correction is in the click log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Its events, in the order in which they were logged.
    pub positions: Vec<Position>,
    /// The number of its last frame; 0 without one.
    pub last_number: u64,
}

/// Who writes the events of a correction. As imports are, it is known by the version of its id.
pub fn writer(correction: &str) -> Uuid {
    let digest = Digest::of(format!("events of correction {correction}").as_bytes());
    uuid::Builder::from_custom_bytes(*digest.0.first_chunk().expect("a digest has 32 bytes")).into_uuid()
}

/// What of a correction is in the click log from frame `from` on. It stops looking once it has `expected` events.
///
/// # Errors
/// As log, archive and catalog report: what cannot be read is not passed over.
pub async fn find(
    (log, archive, catalog): (&dyn Log, &Archive, &dyn Catalog),
    from: Seq,
    correction: &str,
    expected: usize,
) -> Result<Found, Error> {
    let mut found = Found::default();
    let next = sealed(archive, catalog, (from, expected), correction, &mut found).await?;
    found.positions.sort_unstable();
    if found.positions.len() < expected {
        logged(log, next, writer(correction), &mut found).await?;
    }
    Ok(found)
}

/// Those in sealed hours; the frame behind them.
async fn sealed(
    archive: &Archive,
    catalog: &dyn Catalog,
    (mut next, expected): (Seq, usize),
    correction: &str,
    found: &mut Found,
) -> Result<Seq, Error> {
    let Some(first) = catalog.hour_of(next).await? else { return Ok(next) };
    let mut hour = first.hour;
    while found.positions.len() < expected {
        let page = catalog.list_hours(hour, PAGE_HOURS).await?;
        let Some(end) = page.last().map(|last| last.hour) else { break };
        for sealed in page {
            next = next.max(sealed.last_seq.next());
            if sealed.rows > 0 {
                in_hour(archive, sealed.hour, correction, found).await?;
            }
        }
        hour = end.next();
    }
    Ok(next)
}

async fn in_hour(archive: &Archive, hour: Hour, correction: &str, found: &mut Found) -> Result<(), Error> {
    let key = ManifestKey { stream: Stream::Clicks, hour };
    let missing = || archive::Error::Missing(key.path().to_string());
    let manifest: Manifest = archive.manifest::<Clicks>(hour).await?.ok_or_else(missing)?;
    let writer = writer(correction);
    let Some(last) = manifest.last_frames.iter().find(|last| last.writer == writer) else { return Ok(()) };
    found.last_number = found.last_number.max(last.number);
    for stored in &manifest.parts {
        let bytes = archive.get_file(&stored.core).await?;
        let damaged = |reason: &dyn std::fmt::Display| archive::Error::Damaged {
            key: stored.core.key.clone(),
            reason: reason.to_string(),
        };
        for batch in part::read(bytes, Some(&COLUMNS)).map_err(|error| damaged(&error))? {
            let batch = batch.map_err(|error| damaged(&error))?;
            let [position, extra] =
                COLUMNS.map(|name| batch.column_by_name(name).expect("clicks have a position and an extra"));
            let (positions, extras) = (position.as_primitive::<Int64Type>(), extra.as_string::<i32>());
            let rows = extras.iter().enumerate();
            let own = rows.filter(|(_, extra)| extra.and_then(correction_of) == Some(correction));
            found.positions.extend(own.filter_map(|(row, _)| Position::from_i64(positions.value(row))));
        }
    }
    Ok(())
}

/// Those in the log from a frame on.
async fn logged(log: &dyn Log, from: Seq, writer: Uuid, found: &mut Found) -> Result<(), Error> {
    let info = log.info().await?;
    let mut next = from;
    while next <= info.last {
        let frames = log.read(next, ReadLimit::waiting(Duration::ZERO)).await?;
        let Some(last) = frames.last().map(|last| last.seq) else { break };
        for logged in frames.iter().filter(|logged| logged.frame.header.writer == writer) {
            // A copy of a frame counts once: the first one does.
            if logged.frame.header.number <= found.last_number {
                continue;
            }
            found.last_number = logged.frame.header.number;
            let first = Position::new(info.epoch, logged.seq, 0);
            let rows = u16::try_from(logged.frame.header.rows)
                .map_err(|_| Error::Incomplete(format!("frame {} has too many rows", logged.seq)))?;
            found.positions.extend((0..rows).map(|row| first.plus_rows(row)));
        }
        next = last.next();
    }
    Ok(())
}
