//! One event by its position: its columns, and where it is stored.

use std::{sync::Arc, time::Duration};

use arrow::{
    array::{ArrayRef, AsArray as _, RecordBatch, RecordBatchReader as _},
    compute::concat_batches,
    datatypes::Int64Type,
};

use crate::{
    archive::{
        clicks::Clicks,
        entry::File,
        keys::ManifestKey,
        manifest::Manifest,
        part,
        store::{Archive, Error as ArchiveError},
    },
    frame, invariant,
    log::{self, Log, ReadLimit, Stream},
    position::{Epoch, Position, Seq},
    schema,
    time::Hour,
};

/// Where an event is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// In a part of a sealed hour.
    Sealed {
        /// The hour.
        hour: Hour,
        /// The key of the file with its core columns.
        core: String,
        /// The key of the file with its personal columns.
        personal: String,
    },
    /// In the log alone: its hour is not sealed yet.
    Logged,
}

/// An event and where it is stored.
#[derive(Debug, Clone)]
pub struct Located {
    /// One row of [`schema::read`] columns.
    pub event: RecordBatch,
    /// Where it is stored.
    pub storage: Storage,
}

/// Why an event cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log could not be read.
    #[error("read the click log")]
    Log(#[from] log::Error),
    /// The archive is out of reach, or something in it is missing or damaged.
    #[error("read the archive")]
    Archive(#[from] ArchiveError),
    /// Its frame cannot be decoded.
    #[error("decode its frame")]
    Frame(#[from] frame::Error),
}

/// Finds the event at a position; `None` if the log never had one there.
///
/// # Errors
/// See [`Error`].
pub async fn locate(clicks: &dyn Log, archive: &Archive, position: Position) -> Result<Option<Located>, Error> {
    let info = clicks.info().await?;
    if position.seq() < Seq::FIRST || position.seq() > info.last {
        return Ok(None);
    }
    let located = match hour_of(archive, position.seq()).await? {
        Some(manifest) if manifest.epoch() == position.epoch() => in_hour(archive, &manifest, position).await?,
        None if info.epoch == position.epoch() => in_log(clicks, info.epoch, position).await?,
        Some(_) | None => None,
    };
    if let Some(Located { event, .. }) = &located {
        let found = event.column_by_name(schema::POSITION).map(|column| column.as_primitive::<Int64Type>().values());
        invariant!(I1, found.is_some_and(|found| **found == [position.as_i64()]), "not the event at {position}");
    }
    Ok(located)
}

/// The event in a frame of the log.
async fn in_log(clicks: &dyn Log, epoch: Epoch, position: Position) -> Result<Option<Located>, Error> {
    let limit = ReadLimit { frames: 1, bytes: 1, wait: Duration::ZERO };
    let Some(logged) = clicks.read(position.seq(), limit).await?.pop() else { return Ok(None) };
    let batch = logged.frame.decode()?;
    if usize::from(position.row()) >= batch.num_rows() {
        return Ok(None);
    }
    let first = Position::new(epoch, logged.seq, 0);
    let malformed = |error: arrow::error::ArrowError| frame::Error::Malformed(error.to_string());
    let rows = part::with_position(&batch, first, logged.logged_at).map_err(malformed)?;
    Ok(Some(Located { event: rows.slice(usize::from(position.row()), 1), storage: Storage::Logged }))
}

/// The sealed hour that holds a frame. Hours are in the order of their frames, so it is found by halving.
async fn hour_of(archive: &Archive, seq: Seq) -> Result<Option<Manifest>, ArchiveError> {
    let hours = archive.sealed_hours(Stream::Clicks).await?;
    let (mut low, mut high) = (0, hours.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        let key = ManifestKey { stream: Stream::Clicks, hour: hours[middle] };
        let missing = || ArchiveError::Missing(key.path().to_string());
        let manifest = archive.manifest::<Clicks>(hours[middle]).await?.ok_or_else(missing)?;
        if manifest.last_seq() < seq {
            low = middle + 1;
        } else if manifest.first_seq() > seq {
            high = middle;
        } else {
            return Ok(Some(manifest));
        }
    }
    Ok(None)
}

/// The event in the part of a sealed hour, its core and its personal columns put together.
async fn in_hour(archive: &Archive, manifest: &Manifest, position: Position) -> Result<Option<Located>, Error> {
    let seq = position.seq().get();
    let Some(part) = manifest.parts.iter().find(|part| (part.first_seq..=part.last_seq).contains(&seq)) else {
        return Ok(None);
    };
    let core = row_at(archive, &part.core, position).await?;
    let personal = row_at(archive, &part.personal, position).await?;
    let (Some(core), Some(personal)) = (core, personal) else { return Ok(None) };
    let column = |name: &str| -> Option<ArrayRef> {
        core.column_by_name(name).or_else(|| personal.column_by_name(name)).map(Arc::clone)
    };
    let columns: Option<Vec<ArrayRef>> = schema::read().fields().iter().map(|field| column(field.name())).collect();
    let event = columns.and_then(|columns| RecordBatch::try_new(schema::read(), columns).ok());
    let event = event.ok_or_else(|| damaged(&part.core, &"it lacks a column"))?;
    let (core, personal) = (part.core.key.clone(), part.personal.key.clone());
    Ok(Some(Located { event, storage: Storage::Sealed { hour: manifest.hour(), core, personal } }))
}

fn damaged(file: &File, reason: &dyn std::fmt::Display) -> ArchiveError {
    ArchiveError::Damaged { key: file.key.clone(), reason: reason.to_string() }
}

async fn row_at(archive: &Archive, file: &File, position: Position) -> Result<Option<RecordBatch>, ArchiveError> {
    let bytes = archive.get_file(file).await?;
    let reader = part::read(bytes, None).map_err(|error| damaged(file, &error))?;
    let schema = reader.schema();
    for batch in reader {
        let batch = batch.map_err(|error| damaged(file, &error))?;
        let positions = batch.column_by_name(schema::POSITION).ok_or_else(|| damaged(file, &"it has no positions"))?;
        let positions = positions.as_primitive::<Int64Type>();
        let row = (0..positions.len()).find(|row| positions.value(*row) == position.as_i64());
        if let Some(row) = row {
            // A copy, so that the memory of the whole file is freed.
            return concat_batches(&schema, [&batch.slice(row, 1)]).map(Some).map_err(|error| damaged(file, &error));
        }
    }
    Ok(None)
}
