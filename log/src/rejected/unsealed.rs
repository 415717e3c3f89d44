//! What is in the log of rejected events alone: somebody who stands in it is erased once its hour is sealed.

use std::time::Duration;

use arrow::error::ArrowError;

use super::{erased::is_erased, known::rows};
use crate::{
    archive::redaction::Chooses,
    frame,
    log::{self, Log, Logged, ReadLimit},
    position::{Epoch, Position, Seq},
};

/// Why nobody knows what is in the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It was not read.
    #[error("read the rejected log")]
    Log(#[from] log::Error),
    /// A frame cannot be read.
    #[error("read frame {seq} of the rejected log")]
    Frame {
        /// The frame.
        seq: Seq,
        /// Why.
        #[source]
        source: frame::Error,
    },
}

/// How many rows behind the frame `sealed` are to go.
///
/// # Errors
/// See [`Error`].
pub async fn look(log: &dyn Log, sealed: Seq, chooses: &Chooses) -> Result<u64, Error> {
    let info = log.info().await?;
    let (mut next, mut found) = (info.first.max(sealed.next()), 0);
    while next <= info.last {
        let frames = log.read(next, ReadLimit::waiting(Duration::ZERO)).await?;
        let Some(last) = frames.last().map(|frame| frame.seq) else { break };
        for logged in &frames {
            found += chosen(logged, info.epoch, chooses)?;
        }
        next = last.next();
    }
    Ok(found)
}

fn chosen(logged: &Logged, epoch: Epoch, chooses: &Chooses) -> Result<u64, Error> {
    let failed = |source| Error::Frame { seq: logged.seq, source };
    let batch = logged.decode().map_err(failed)?;
    let malformed = |error: ArrowError| failed(frame::Error::Malformed(error.to_string()));
    let rows = rows(logged, &batch, Position::new(epoch, logged.seq, 0)).map_err(malformed)?;
    let goes = chooses.of(&rows).into_iter().zip(is_erased(&rows));
    Ok(goes.filter(|(goes, is_erased)| *goes && !is_erased).count() as u64)
}
