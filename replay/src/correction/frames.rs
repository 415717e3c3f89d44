//! The frames that a correction has in the click log. Their writer is made of the correction's id, so whoever closes it
//! again finds what is there, however often closing was cut off.

use std::{collections::BTreeMap, time::Duration};

use clicktrail_log::{
    frame::Digest,
    log::{Log, ReadLimit},
    position::{Position, Seq},
};
use uuid::Uuid;

use crate::error::Error;

/// Who writes the events of a correction. As imports are, it is known by the version of its id.
pub fn writer(correction: &str) -> Uuid {
    let digest = Digest::of(format!("events of correction {correction}").as_bytes());
    uuid::Builder::from_custom_bytes(*digest.0.first_chunk().expect("a digest has 32 bytes")).into_uuid()
}

/// The positions of the rows of its frames from `from` on, by the number of the frame.
///
/// # Errors
/// As the log reports: a frame that was trimmed is missed.
pub async fn find(log: &dyn Log, from: Seq, writer: Uuid) -> Result<BTreeMap<u64, Vec<Position>>, Error> {
    let (info, mut found) = (log.info().await?, BTreeMap::new());
    let mut next = from;
    while next <= info.last {
        let frames = log.read(next, ReadLimit::waiting(Duration::ZERO)).await?;
        let Some(last) = frames.last().map(|last| last.seq) else { break };
        for logged in frames.iter().filter(|logged| logged.frame.header.writer == writer) {
            let first = Position::new(info.epoch, logged.seq, 0);
            let rows = u16::try_from(logged.frame.header.rows)
                .map_err(|_| Error::Incomplete(format!("frame {} has too many rows", logged.seq)))?;
            let positions = (0..rows).map(|row| first.plus_rows(row)).collect();
            // A copy of a frame counts once: the first one does.
            found.entry(logged.frame.header.number).or_insert(positions);
        }
        next = last.next();
    }
    Ok(found)
}
