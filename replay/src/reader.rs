//! Reads the frames that no sealed hour holds, each exactly once: for live counting, and for counting again.

use std::{sync::Arc, time::Duration};

use arrow::array::RecordBatch;
use clicktrail_catalog::Catalog;
use clicktrail_log::{
    archive::{
        Archive, part,
        seal::{self, Sealer},
    },
    chain::{Admission, Chain},
    invariant,
    log::{Log, Logged, ReadLimit},
    position::{Epoch, Position, Seq},
    time::{Hour, Timestamp},
};
use metrics::counter;
use tracing::error;

use crate::{error::Error, metric};

/// How far the log was read, and what is needed to decide about the next frame.
#[derive(Debug)]
pub struct Reader {
    epoch: Epoch,
    through: Seq,
    chain: Chain,
    /// The earliest hour that a frame may still count for: the hours before are sealed.
    first: Option<Hour>,
    /// The latest that a frame opened.
    opened: Option<Hour>,
    /// The present, if it is known: no frame can be logged long after it.
    present: Option<Timestamp>,
}

impl Reader {
    /// Behind the sealed hour `last`; at the beginning of the log if there is none.
    ///
    /// # Errors
    /// As log and archive report.
    pub async fn behind_hour(log: &Arc<dyn Log>, archive: &Archive, last: Option<Hour>) -> Result<Self, Error> {
        let cursor = Sealer::new(Arc::clone(log), archive.clone()).resume(last).await?;
        let epoch = log.info().await?.epoch;
        let through = cursor.next_seq().previous();
        Ok(Self::at(epoch, through, cursor.chain().clone(), cursor.hour()))
    }

    /// Behind the frame `through`, or behind the last sealed hour if that is later. It is found from that hour's
    /// manifest and the headers of the frames since.
    ///
    /// # Errors
    /// As log, archive and catalog report.
    pub async fn behind(
        log: &Arc<dyn Log>,
        archive: &Archive,
        catalog: &dyn Catalog,
        through: Seq,
    ) -> Result<Self, Error> {
        let last = catalog.last_hour().await?.map(|last| last.hour);
        let mut reader = Self::behind_hour(log, archive, last).await?;
        reader.pass_to(log, through).await?;
        Ok(reader)
    }

    /// Moves over the frames up to `through`, as far as the log has them. After an error the same call goes on where
    /// this one stopped.
    ///
    /// # Errors
    /// As the log reports.
    pub async fn pass_to(&mut self, log: &Arc<dyn Log>, through: Seq) -> Result<(), Error> {
        while self.through < through {
            let frames = log.read(self.next(), ReadLimit::waiting(Duration::ZERO)).await?;
            if frames.is_empty() {
                break;
            }
            for frame in frames.iter().filter(|frame| frame.seq <= through) {
                self.pass(frame);
            }
        }
        Ok(())
    }

    /// Says that the hours before this one are sealed: no frame counts for them any more.
    pub fn begin_with(&mut self, hour: Hour) {
        self.first = self.first.max(Some(hour));
    }

    /// Behind the frame `through`, where the writers' chains are known.
    pub(crate) fn at(epoch: Epoch, through: Seq, chain: Chain, hour: Option<Hour>) -> Self {
        Self { epoch, through, chain, first: hour, opened: None, present: None }
    }

    /// Says what the present is, so that a frame which a wrong clock logged in the future opens no hour.
    pub fn look_at(&mut self, present: Timestamp) {
        self.present = Some(present);
    }

    /// Moves over the next frame.
    pub(crate) fn pass(&mut self, logged: &Logged) -> Admission {
        let (seq, next) = (logged.seq, self.next());
        invariant!(I1, seq == next, "frame {seq} of the log comes where frame {next} is to be read");
        self.opened = Some(self.hour_of(logged));
        self.through = seq;
        self.chain.admit(&logged.frame.header)
    }

    /// The log's epoch.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The last frame that was read.
    pub fn through(&self) -> Seq {
        self.through
    }

    /// The first frame that was not read.
    pub fn next(&self) -> Seq {
        self.through.next()
    }

    /// The hour that a frame counts for if it comes next: its own, or the hour that is open if its own is over.
    pub fn hour_of(&self, frame: &Logged) -> Hour {
        let is_possible = |hour: &Hour| self.present.is_none_or(|present| *hour <= seal::latest(present).hour());
        let opened = self.opened.filter(is_possible);
        let logged = match self.present {
            Some(present) if frame.logged_at > seal::latest(present) => opened.unwrap_or(present.hour()),
            Some(_) | None => frame.logged_at.hour(),
        };
        [self.first, opened].into_iter().flatten().fold(logged, Hour::max)
    }

    /// Reads frames, beginning with the next one, and gives the rows of those that count.
    ///
    /// # Errors
    /// [`Error::Frame`] for a frame that cannot be decoded.
    pub fn admit(&mut self, frames: &[Logged]) -> Result<Vec<RecordBatch>, Error> {
        let mut rows = Vec::with_capacity(frames.len());
        for logged in frames {
            match self.pass(logged) {
                Admission::Fresh => {}
                Admission::Repeat => {
                    counter!(metric::REPEATS).increment(1);
                    continue;
                }
                Admission::Broken(alarm) => {
                    error!(seq = logged.seq.get(), %alarm, "the log lost or changed frames");
                    counter!(metric::ALARMS).increment(1);
                }
            }
            let failed = |source| Error::Frame { seq: logged.seq, source };
            let batch = logged.decode().map_err(failed)?;
            let first = Position::new(self.epoch, logged.seq, 0);
            let malformed =
                |error: arrow::error::ArrowError| failed(clicktrail_log::frame::Error::Malformed(error.to_string()));
            rows.push(part::with_position(&batch, first, logged.logged_at).map_err(malformed)?);
        }
        Ok(rows)
    }

    /// The state of every writer behind the last frame that was read.
    pub fn into_chain(self) -> Chain {
        self.chain
    }
}

/// The state of every writer at the end of the log, for a writer that goes on where an earlier process stopped.
///
/// # Errors
/// As log, archive and catalog report.
pub async fn writers_at_tail(log: &Arc<dyn Log>, archive: &Archive, catalog: &dyn Catalog) -> Result<Chain, Error> {
    let last = log.info().await?.last;
    Ok(Reader::behind(log, archive, catalog, last).await?.into_chain())
}
