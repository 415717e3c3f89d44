//! One event by what a receipt says of it, where that is no position: its frame was on the spool when it was captured,
//! and was logged when the broker was back. So it is looked for in the hours from its capture on.

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use clicktrail_evidence::{Hash, receipt::Receipt};
use clicktrail_log::{
    archive::{self, Archive, Manifest, clicks::Clicks, ranged, trees::clicks::captured},
    log::Stream,
    position::Position,
    schema,
    time::{Hour, Timestamp},
};

use crate::error::Error;

/// Hours before the capture: the log's clock may be behind ours.
const HOURS_BEFORE: i64 = 1;
/// Hours behind it: so long a frame lies on a spool at most before somebody has to look for it.
const HOURS_BEHIND: i64 = 7 * 24;

/// Where the event of a receipt is, if a sealed hour has it. Memory is bounded by the part in which it is.
///
/// # Errors
/// A manifest or part that is missing or damaged, by name; archive out of reach.
pub async fn position(archive: &Archive, receipt: &Receipt) -> Result<Option<Position>, Error> {
    let captured_in = Timestamp::from_micros(receipt.captured_at).hour().as_i64();
    let hours = captured_in.saturating_sub(HOURS_BEFORE)..=captured_in.saturating_add(HOURS_BEHIND);
    let hours = hours.map(Hour::from_i64);
    let sealed = archive.sealed_hours(Stream::Clicks).await?;
    for hour in hours.filter(|hour| sealed.binary_search(hour).is_ok()) {
        let missing = || Error::NotFound(format!("the manifest of {hour} is not there"));
        let manifest = archive.manifest::<Clicks>(hour).await?.ok_or_else(missing)?;
        if let Some(found) = in_hour(archive, &manifest, receipt).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

async fn in_hour(archive: &Archive, manifest: &Manifest, receipt: &Receipt) -> Result<Option<Position>, Error> {
    const EVENT_ID: &str = "event_id";
    for part in &manifest.parts {
        if !ranged::may_hold(archive, &part.core, EVENT_ID, &receipt.event_id).await? {
            continue;
        }
        let damaged = |reason: &str| archive::Error::Damaged { key: part.core.key.clone(), reason: reason.to_owned() };
        let all = 0..usize::try_from(part.rows).map_err(|_| damaged("it has more rows than memory"))?;
        let ids = ranged::rows(archive, &part.core, &[all], Some(&[EVENT_ID])).await?;
        let ids = ids.column_by_name(EVENT_ID).and_then(|column| column.as_string_opt::<i32>());
        let ids = ids.ok_or_else(|| damaged("its ids have another type"))?;
        let rows = ids.iter().enumerate().filter(|(_, id)| *id == Some(receipt.event_id.as_str()));
        let rows: Vec<_> = rows.map(|(row, _)| row..row + 1).collect();
        let rows = ranged::rows(archive, &part.core, &rows, None).await?;
        let positions = rows.column_by_name(schema::POSITION).and_then(|all| all.as_primitive_opt::<Int64Type>());
        let positions = positions.ok_or_else(|| damaged("its positions have another type"))?;
        let digests = captured(&rows).map_err(|reason| damaged(&reason))?;
        for (position, digest) in positions.values().iter().zip(digests) {
            let position = Position::from_i64(*position).ok_or_else(|| damaged("a position is none"))?;
            if is_it(receipt, position, &digest) {
                return Ok(Some(position));
            }
        }
    }
    Ok(None)
}

fn is_it(receipt: &Receipt, position: Position, digest: &Hash) -> bool {
    position.row() == receipt.frame.row && *digest == receipt.row
}
