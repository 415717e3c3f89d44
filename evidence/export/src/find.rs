//! One event by its id, among all that are sealed: the filters of the files say in which of them it may be.

use std::{io, sync::Arc};

use arrow::{array::AsArray as _, datatypes::Int64Type};
use clicktrail_log::{
    archive::{self, Archive, Manifest, clicks::Clicks, keys::ManifestKey, manifest::Part, ranged},
    log::Stream,
    position::Position,
    schema,
    time::Hour,
};
use tokio::task::JoinSet;

use crate::error::Error;

/// Where an event stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its leaf in the tree of rows of its hour.
    pub(crate) number: u64,
    /// Whose it is.
    pub(crate) advertiser: String,
}

/// Where the event at a position stands in its hour.
pub(crate) async fn leaf(archive: &Archive, manifest: &Manifest, position: Position) -> Result<Found, Error> {
    let (mut first, seq) = (0, position.seq().get());
    let missing = || Error::NoEvent(position);
    for part in &manifest.parts {
        if !(part.first_seq..=part.last_seq).contains(&seq) {
            first += part.rows;
            continue;
        }
        let damaged = |reason: &str| archive::Error::Damaged { key: part.core.key.clone(), reason: reason.to_owned() };
        let all = 0..usize::try_from(part.rows).map_err(|_| damaged("it has more rows than memory"))?;
        let rows = ranged::rows(archive, &part.core, &[all], Some(&[schema::POSITION, ADVERTISER])).await?;
        let positions = rows.column_by_name(schema::POSITION).and_then(|all| all.as_primitive_opt::<Int64Type>());
        let names = rows.column_by_name(ADVERTISER).and_then(|column| column.as_string_opt::<i32>());
        let (positions, names) = positions.zip(names).ok_or_else(|| damaged("a column has another type"))?;
        let row = positions.values().iter().position(|found| *found == position.as_i64()).ok_or_else(missing)?;
        return Ok(Found { number: first + row as u64, advertiser: names.value(row).to_owned() });
    }
    Err(missing())
}

/// Whose event stands at a position of a sealed hour.
pub(crate) async fn advertiser(archive: &Archive, hour: Hour, position: Position) -> Result<String, Error> {
    let key = ManifestKey { stream: Stream::Clicks, hour };
    let missing = || archive::Error::Missing(key.path().to_string());
    let manifest = archive.manifest::<Clicks>(hour).await?.ok_or_else(missing)?;
    Ok(leaf(archive, &manifest, position).await?.advertiser)
}

const EVENT_ID: &str = "event_id";
const ADVERTISER: &str = "advertiser_id";

/// Hours that are asked side by side: most of the time of each is spent waiting for the store.
const HOURS_AT_ONCE: usize = 16;

/// The positions of the events with an id, in order: of one, or of several that clients gave the same. Of each part its
/// footer and a few bytes of a Bloom filter are read; of those that may hold it (one in twenty that does not may) the
/// column of ids.
///
/// # Errors
/// A manifest or part that is missing or damaged, by name; archive out of reach.
pub async fn event(archive: &Archive, id: &str) -> Result<Vec<Position>, Error> {
    let id: Arc<str> = id.into();
    let mut hours = archive.sealed_hours(Stream::Clicks).await?.into_iter();
    let (mut asked, mut found) = (JoinSet::new(), Vec::new());
    loop {
        while asked.len() < HOURS_AT_ONCE
            && let Some(hour) = hours.next()
        {
            asked.spawn(of_hour(archive.clone(), hour, Arc::clone(&id)));
        }
        let Some(done) = asked.join_next().await else { break };
        found.extend(done.map_err(io::Error::other)??);
    }
    found.sort_unstable();
    Ok(found)
}

/// Those of one hour.
async fn of_hour(archive: Archive, hour: Hour, id: Arc<str>) -> Result<Vec<Position>, Error> {
    let key = ManifestKey { stream: Stream::Clicks, hour };
    let missing = || archive::Error::Missing(key.path().to_string());
    let manifest = archive.manifest::<Clicks>(hour).await?.ok_or_else(missing)?;
    let mut found = Vec::new();
    for part in &manifest.parts {
        if ranged::may_hold(&archive, &part.core, EVENT_ID, &id).await? {
            found.extend(of_part(&archive, part, &id).await?);
        }
    }
    Ok(found)
}

async fn of_part(archive: &Archive, part: &Part, id: &str) -> Result<Vec<Position>, Error> {
    let damaged = |reason: &str| archive::Error::Damaged { key: part.core.key.clone(), reason: reason.to_owned() };
    let all = 0..usize::try_from(part.rows).map_err(|_| damaged("it has more rows than memory"))?;
    let rows = ranged::rows(archive, &part.core, &[all], Some(&[EVENT_ID])).await?;
    let ids = rows.column_by_name(EVENT_ID).and_then(|column| column.as_string_opt::<i32>());
    let ids = ids.ok_or_else(|| damaged("its ids have another type"))?.iter().enumerate();
    let rows: Vec<_> = ids.filter(|(_, found)| *found == Some(id)).map(|(row, _)| row..row + 1).collect();
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let rows = ranged::rows(archive, &part.core, &rows, Some(&[schema::POSITION])).await?;
    let positions = rows.column_by_name(schema::POSITION).and_then(|all| all.as_primitive_opt::<Int64Type>());
    let positions = positions.ok_or_else(|| damaged("its positions have another type"))?.values().iter();
    let position = |position: &i64| Position::from_i64(*position).ok_or_else(|| damaged("a position is none").into());
    positions.map(position).collect()
}
