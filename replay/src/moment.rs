//! Up to which verdict a time of day goes.

use std::time::Duration;

use clicktrail_log::{
    archive::Archive,
    log::ReadLimit,
    position::{Position, Seq},
    time::Timestamp,
};
use clicktrail_verdicts::{archive::Verdicts, reader::VerdictReader};

use crate::error::Error;

/// One past the last verdict that was logged before `time`: the first frame logged at it or later, or the end of the
/// verdict log.
///
/// # Errors
/// As log and archive report.
pub async fn verdicts_before(archive: &Archive, history: &VerdictReader, time: Timestamp) -> Result<Position, Error> {
    let end = history.end().await?;
    // Hours are cut where logged time passes a full hour, so nothing before the hour's first frame is as late.
    let mut next = match archive.manifest::<Verdicts>(time.hour()).await? {
        Some(hour) => hour.first_seq(),
        None => behind_sealed(archive, history, time).await?,
    };
    loop {
        let page = history.read(next.max(Seq::FIRST), ReadLimit::waiting(Duration::ZERO)).await?;
        if let Some(late) = page.ruled.iter().find(|ruled| ruled.logged_at >= time) {
            return Ok(Position::new(late.position.epoch(), late.position.seq(), 0));
        }
        if page.next <= next {
            return Ok(end);
        }
        next = page.next;
    }
}

/// The first frame that may be as late, of a time whose hour is not sealed: the log's first, if the time lies before
/// all of it, else the first one behind the last sealed hour.
async fn behind_sealed(archive: &Archive, history: &VerdictReader, time: Timestamp) -> Result<Seq, Error> {
    let Some(last) = history.last_sealed().await?.filter(|last| *last < time.hour()) else { return Ok(Seq::FIRST) };
    let manifest = archive.manifest::<Verdicts>(last).await?;
    Ok(manifest.map_or(Seq::FIRST, |manifest| manifest.last_seq().next()))
}
