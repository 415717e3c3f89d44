//! Which events an import wrote into the log before: from the archive, and from the frames that no hour holds yet.
//!
//! Not every hour is read. An imported event is logged when it happened or later, so the hours before the first wanted
//! event cannot hold it; a manifest names who wrote in its hour, and each part's first and last event time.

use std::{sync::Arc, time::Duration};

use arrow::{
    array::{AsArray as _, RecordBatch},
    datatypes::TimestampMicrosecondType,
};
use clicktrail_catalog::Catalog;
use clicktrail_log::{
    archive::{
        self, Archive,
        clicks::Clicks,
        keys::ManifestKey,
        manifest::{Manifest, Part},
        part,
    },
    chain::Admission,
    invariant,
    log::{Log, ReadLimit, Stream},
    time::{Hour, Timestamp},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use uuid::Uuid;

use crate::{error::Error, reader::Reader};

/// Hours that one question to the catalog gives.
const HOURS_AT_ONCE: u32 = 1_000;
/// Manifests that are read at once.
const MANIFESTS_AT_ONCE: usize = 16;
/// The log's clock may be behind that of whoever wrote the events.
const CLOCK_MICROS_MAX: i64 = 3_600_000_000;
const COLUMNS: [&str; 5] = ["event_id", "kind", "event_time", "advertiser_id", "ad_id"];

/// What identifies an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// When it happened.
    pub event_time: Timestamp,
    /// As in the column.
    pub kind: &'a str,
    /// Who is billed.
    pub advertiser_id: &'a str,
    /// The ad.
    pub ad_id: &'a str,
    /// Its id.
    pub event_id: &'a str,
}

/// Calls `each` with every event from `first` to `last` (both inclusive) that stands where an import wrote: in an hour
/// or a frame of a writer whose id was made of what it imported. Events that others wrote in the same hour are among
/// them.
///
/// # Errors
/// As log, archive and catalog report, and what `each` returns.
pub async fn imported<E: From<Error>>(
    (log, archive, catalog): (&Arc<dyn Log>, &Archive, &dyn Catalog),
    (first, last): (Timestamp, Timestamp),
    mut each: impl FnMut(Event<'_>) -> Result<(), E>,
) -> Result<(), E> {
    invariant!(I4, first <= last, "events from {first} to {last} are looked for");
    let mut from = first.plus_micros(-CLOCK_MICROS_MAX).hour();
    loop {
        let hours = catalog.list_hours(from, HOURS_AT_ONCE).await.map_err(Error::from)?;
        let Some(end) = hours.last().map(|hour| hour.hour) else { break };
        let hours: Vec<Hour> = hours.into_iter().filter(|hour| hour.rows > 0).map(|hour| hour.hour).collect();
        let mut manifests = stream::iter(hours).map(|hour| manifest(archive, hour)).buffered(MANIFESTS_AT_ONCE);
        while let Some(manifest) = manifests.try_next().await? {
            if !manifest.last_frames.iter().any(|last| is_import(last.writer)) {
                continue;
            }
            let overlaps = |part: &&Part| part.event_time_min <= last.micros() && part.event_time_max >= first.micros();
            for part in manifest.parts.iter().filter(overlaps) {
                for batch in read(archive, part).await? {
                    rows(&batch, first, last, &mut each)?;
                }
            }
        }
        from = end.next();
    }
    let sealed = catalog.last_hour().await.map_err(Error::from)?.map(|last| last.hour);
    let mut reader = Reader::behind_hour(log, archive, sealed).await?;
    loop {
        let frames = log.read(reader.next(), ReadLimit::waiting(Duration::ZERO)).await.map_err(Error::from)?;
        if frames.is_empty() {
            return Ok(());
        }
        for logged in &frames {
            let is_repeat = matches!(reader.pass(logged), Admission::Repeat);
            let header = &logged.frame.header;
            let overlaps = header.first_captured <= last && header.last_captured >= first;
            if !is_repeat && is_import(header.writer) && overlaps {
                let batch = logged.frame.decode().map_err(|source| Error::Frame { seq: logged.seq, source })?;
                rows(&batch, first, last, &mut each)?;
            }
        }
    }
}

/// Whether a writer is an import, a simulation or a retry: their ids are UUIDs of version 8, made of what they write.
pub fn is_import(writer: Uuid) -> bool {
    writer.get_version_num() == 8
}

async fn manifest(archive: &Archive, hour: Hour) -> Result<Manifest, Error> {
    let key = ManifestKey { stream: Stream::Clicks, hour };
    let missing = || archive::Error::Missing(key.path().to_string());
    Ok(archive.manifest::<Clicks>(hour).await?.ok_or_else(missing)?)
}

async fn read(archive: &Archive, part: &Part) -> Result<Vec<RecordBatch>, Error> {
    let bytes = archive.get_file(&part.core).await?;
    let damaged = |reason: &dyn std::fmt::Display| archive::Error::Damaged {
        key: part.core.key.clone(),
        reason: reason.to_string(),
    };
    let reader = part::read(bytes, Some(&COLUMNS)).map_err(|error| damaged(&error))?;
    Ok(reader.collect::<Result<_, _>>().map_err(|error| damaged(&error))?)
}

fn rows<E>(
    batch: &RecordBatch,
    first: Timestamp,
    last: Timestamp,
    each: &mut impl FnMut(Event<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let column = |name| batch.column_by_name(name).expect("clicks have the columns that identify them");
    let [event_id, kind, event_time, advertiser_id, ad_id] = COLUMNS.map(column);
    let times = event_time.as_primitive::<TimestampMicrosecondType>();
    let [event_id, kind, advertiser_id, ad_id] =
        [event_id, kind, advertiser_id, ad_id].map(|column| column.as_string::<i32>());
    for row in 0..batch.num_rows() {
        let event_time = Timestamp::from_micros(times.value(row));
        if (first..=last).contains(&event_time) {
            each(Event {
                event_time,
                kind: kind.value(row),
                advertiser_id: advertiser_id.value(row),
                ad_id: ad_id.value(row),
                event_id: event_id.value(row),
            })?;
        }
    }
    Ok(())
}
