//! Finds the basis of a period in one snapshot of the catalog.

use std::ops::Range;

use clicktrail_catalog::{SealedHour, Snapshot, generations::LivePointer};
use clicktrail_log::{
    archive::{self, Archive, clicks::Clicks, keys::ManifestKey, transparency},
    frame::Digest,
    invariant,
    log::Stream,
    time::{Hour, Timestamp},
};
use clicktrail_projections::counters;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::document::{Basis, Checkpoint, Hours, Read, Stale, VERSION};
use crate::error::Error;

/// Manifests that are read side by side.
const MANIFESTS_AT_ONCE: usize = 16;
const _: () = assert!(MANIFESTS_AT_ONCE > 0, "some are read");

/// The basis of a period: what counts now in every hour that can hold an event of it. `snapshot` must reach from
/// `first_hour` to the last sealed hour. `known` is an earlier basis of the same period: what it says of hours is not
/// looked up again, if the archive is still the same.
///
/// # Errors
/// [`Error::Incomplete`] if no hour is sealed; a manifest that is missing or damaged, by name.
pub async fn find(
    archive: &Archive,
    snapshot: &Snapshot,
    period: Range<Timestamp>,
    first_hour: Hour,
    known: Option<&Basis>,
) -> Result<Basis, Error> {
    let nothing = || Error::Incomplete("no hour is sealed: there is nothing to bill".to_owned());
    let last = snapshot.marks.last_hour.as_ref().ok_or_else(nothing)?;
    let first_hour = first_hour.max(snapshot.marks.first_hour.as_ref().map_or(first_hour, |first| first.hour));
    if first_hour > last.hour {
        return Err(Error::Incomplete(format!("no hour is sealed behind {first_hour}: there is nothing to bill")));
    }
    let known = same_archive(archive, known, &period, last).await?;
    let (segments, pointers) = (snapshot.segments.len(), snapshot.pointers.len());
    invariant!(I9, segments == pointers, "{segments} hours count from {pointers} segments");
    let hours = snapshot.segments.iter().zip(&snapshot.pointers);
    let hours = hours.filter(|(segment, _)| (first_hour..=last.hour).contains(&segment.hour));
    let mut reads: Vec<Read> = Vec::new();
    for (segment, pointer) in hours {
        reads.push(read(segment, pointer)?);
    }
    let within = &period;
    let holds = |read: Read| async move {
        // Nothing is read of what counts nothing.
        let holds = read.rows > 0
            && match known.and_then(|known| said(known, &read, within)) {
                Some(holds) => holds,
                None => may_hold(archive, &read, within).await?,
            };
        Ok::<_, Error>((read, holds))
    };
    let found: Vec<(Read, bool)> =
        stream::iter(reads.into_iter().map(holds)).buffered(MANIFESTS_AT_ONCE).try_collect().await?;
    let last_manifest = last.manifest_digest.parse::<Digest>().map_err(|_| no_digest(last.hour))?;
    let mut basis = basis(period, (first_hour, last.hour, last_manifest), snapshot, found);
    basis.checkpoint = Some(signed(archive).await?);
    let checked = basis.check();
    invariant!(I10, checked.is_ok(), "a basis that no reader would take: {checked:?}");
    Ok(basis)
}

/// What was signed last over sealed hours: whoever checks the bill can hold it against what it was shown elsewhere.
///
/// # Errors
/// As the archive reports.
pub async fn signed(archive: &Archive) -> Result<Option<Checkpoint>, Error> {
    let newest = transparency::Reader::new(archive.clone()).newest().await.map_err(|error| match error {
        transparency::Error::Store(error) => error.into(),
        other => Error::Contradiction(other.to_string()),
    })?;
    let stands = newest.map(|kept| kept.checkpoint);
    Ok(stands.map(|stands| Checkpoint { origin: stands.origin, size: stands.size, root: Digest(stands.root.0) }))
}

fn no_digest(hour: Hour) -> Error {
    Error::Contradiction(format!("{hour} is registered with digests that are none"))
}

fn read(segment: &clicktrail_catalog::Segment, pointer: &LivePointer) -> Result<Read, Error> {
    invariant!(I9, segment.hour == pointer.hour, "{} counts from a segment of {}", pointer.hour, segment.hour);
    Read::of(segment, pointer).ok_or_else(|| no_digest(segment.hour))
}

/// The earlier basis, if it is of this period, and the archive still has the last hour that it looked at as it was:
/// then it has all hours before it as they were.
async fn same_archive<'k>(
    archive: &Archive,
    known: Option<&'k Basis>,
    period: &Range<Timestamp>,
    last: &SealedHour,
) -> Result<Option<&'k Basis>, Error> {
    let Some(known) = known.filter(|known| known.period() == *period && known.last_hour <= last.hour) else {
        return Ok(None);
    };
    let manifest = archive.manifest::<Clicks>(known.last_hour).await?;
    Ok(manifest.is_some_and(|manifest| manifest.digest() == known.last_manifest).then_some(known))
}

/// What an earlier basis says of an hour: whether it has an event of the period. An hour's events never change, only
/// what is counted of them. `None`: it does not say. It did not look, or nothing was read of the hour: because it has
/// no event of the period, or because it counted nothing then. What was sealed counts now what it counted then; what
/// was counted again may have something now, and what is all of the period needs no look.
fn said(known: &Basis, read: &Read, period: &Range<Timestamp>) -> Option<bool> {
    if !known.knows(read.hour) {
        return None;
    }
    let is_read = known.segments.binary_search_by_key(&read.hour, |read| read.hour).is_ok();
    let is_sure = is_read || (read.generation.is_none() && !is_inside(read, period));
    is_sure.then_some(is_read)
}

/// Whether all of an hour is of the period: then so are events of it, but for those that came late.
fn is_inside(read: &Read, period: &Range<Timestamp>) -> bool {
    read.hour.start() >= period.start && read.hour.end_exclusive() <= period.end
}

/// Whether an hour has an event of the period, as its manifest says.
async fn may_hold(archive: &Archive, read: &Read, period: &Range<Timestamp>) -> Result<bool, Error> {
    if is_inside(read, period) {
        return Ok(true);
    }
    let key = ManifestKey { stream: Stream::Clicks, hour: read.hour };
    let missing = || archive::Error::Missing(key.path().to_string());
    let manifest = archive.manifest::<Clicks>(read.hour).await?.ok_or_else(missing)?;
    // A row is of the minute in which its events happened, and a period has whole minutes.
    let holds = |part: &archive::manifest::Part| {
        part.event_time_max >= period.start.micros() && part.event_time_min < period.end.micros()
    };
    Ok(manifest.parts.iter().any(holds))
}

fn basis(
    period: Range<Timestamp>,
    (first_hour, last_hour, last_manifest): (Hour, Hour, Digest),
    snapshot: &Snapshot,
    found: Vec<(Read, bool)>,
) -> Basis {
    let mut without: Vec<Hours> = Vec::new();
    let mut segments = Vec::new();
    for (read, holds) in found {
        let hour = read.hour;
        match (holds, without.last_mut()) {
            (true, _) => segments.push(read),
            (false, Some(hours)) if hours.to_inclusive.next() == hour => hours.to_inclusive = hour,
            (false, Some(_) | None) => without.push(Hours { from: hour, to_inclusive: hour }),
        }
    }
    let is_read = |hour: Hour| segments.binary_search_by_key(&hour, |read: &Read| read.hour).is_ok();
    let stale = snapshot.stale.iter().map(|stale| stale.hour).filter(|hour| is_read(*hour)).map(Stale).collect();
    Basis {
        version: VERSION,
        projection: counters::NAME.to_owned(),
        from: period.start,
        to: period.end,
        first_hour,
        last_hour,
        last_manifest,
        stale,
        segments,
        without,
        checkpoint: Some(None),
    }
}

#[cfg(test)]
mod tests;
