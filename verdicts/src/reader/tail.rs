//! The end of the verdict log that is not archived yet: which of its frames count, and what is in them.

#![expect(clippy::disallowed_methods, reason = "frames are decoded on a thread that may block")]

use arrow::array::RecordBatch;
use clicktrail_log::{
    archive::kind::Kind as _,
    chain::{Admission, Chain},
    log::{self, Logged},
    position::{Epoch, Position, Seq},
};

use super::error::Error;
use crate::{archive::Verdicts, frames, schema};

/// Takes frames into the writers' chains, and returns those that count.
pub(super) fn admit(chain: &mut Chain, frames: impl IntoIterator<Item = Logged>) -> Vec<Logged> {
    let counts = |logged: &Logged| match chain.admit(&logged.frame.header) {
        // What is wrong with a chain is raised once, when its hour is sealed.
        Admission::Fresh | Admission::Broken(_) => true,
        Admission::Repeat => false,
    };
    frames.into_iter().filter(counts).collect()
}

/// Decodes frames into batches of [`schema::read`] columns, on a thread for blocking work: others go on being served.
pub(super) async fn decode(frames: Vec<Logged>, epoch: Epoch) -> Result<Vec<(Seq, RecordBatch)>, Error> {
    if frames.is_empty() {
        return Ok(Vec::new());
    }
    let decoded = tokio::task::spawn_blocking(move || {
        frames.iter().map(|logged| decode_one(logged, epoch)).collect::<Result<Vec<_>, _>>()
    });
    decoded.await.map_err(|error| log::Error::Unavailable(format!("decode frames: {error}")))?
}

fn decode_one(logged: &Logged, epoch: Epoch) -> Result<(Seq, RecordBatch), Error> {
    let failed = |source: frames::Error| Error::Frame { seq: logged.seq, source };
    let batch = logged.decode().map_err(|error| failed(error.into()))?;
    let first = Position::new(epoch, logged.seq, 0);
    let rows = Verdicts::rows(&batch, first, logged.logged_at);
    let rows = rows.map_err(|error| failed(schema::Error::Columns(error.to_string()).into()))?;
    Ok((logged.seq, rows))
}

/// The error for rows of frame `seq` that are no verdicts.
pub(super) fn unreadable(seq: Seq, error: schema::Error) -> Error {
    Error::Frame { seq, source: error.into() }
}
