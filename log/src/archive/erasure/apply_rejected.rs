//! Goes through the sealed hours of rejected events for all open requests at once: nobody judges these, so each hour is
//! touched as soon as it is sealed. *Dies anywhere: the hours behind the last that was written down are looked through
//! again, in which nothing is found that was erased.*

use super::{apply::Progress, choosing::chooses_rejected, request::Request};
use crate::{
    archive::{
        keys::ManifestKey,
        redaction::Cause,
        rejected::{Manifest, RejectedEvents},
        store::{Archive, Error},
    },
    log::Stream,
    position::Seq,
    time::{Hour, Timestamp},
};

/// Hours after which it is written down how far requests have come.
const WRITTEN_DOWN: usize = 24;

/// What was erased of hours of rejected events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Applied {
    /// Rows of which what arrived was erased now.
    pub rows: u64,
    /// Files that are too young to be removed: requests have to wait for them.
    pub left_alone: u64,
}

impl Archive {
    /// Erases what is asked for from all sealed hours of rejected events.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Damaged`], [`Error::Unavailable`]; the same call may be made again.
    pub async fn apply_erasures_of_rejected(&self, open: &mut [Progress], now: Timestamp) -> Result<Applied, Error> {
        let mut applied = Applied::default();
        let Some(after) = open.iter().map(|progress| progress.request.rejected()).min() else { return Ok(applied) };
        let mut unwritten = None;
        for (number, hour) in self.rejected_hours_behind(after).await?.into_iter().enumerate() {
            let manifest = self.manifest_of_rejected(hour).await?;
            let asks = |request: &&Request| request.rejected() < manifest.last_seq();
            let asking: Vec<Request> = open.iter().map(|progress| &progress.request).filter(asks).cloned().collect();
            if !asking.is_empty() && manifest.rows > 0 {
                let chooses = chooses_rejected(asking);
                let hidden = self.redact_rejected(&manifest, &chooses, Cause::Erasure, now).await?;
                applied.rows += hidden.rows;
                applied.left_alone += hidden.left_alone;
            }
            unwritten = Some(manifest.last_seq());
            if number % WRITTEN_DOWN == WRITTEN_DOWN - 1 && applied.left_alone == 0 {
                self.write_down_rejected(open, unwritten.take()).await?;
            }
        }
        if applied.left_alone == 0 {
            self.write_down_rejected(open, unwritten).await?;
        }
        Ok(applied)
    }

    /// The sealed hours that hold frames behind `after`, in order.
    async fn rejected_hours_behind(&self, after: Seq) -> Result<Vec<Hour>, Error> {
        let mut behind = Vec::new();
        for hour in self.sealed_hours(Stream::Rejected).await?.into_iter().rev() {
            if self.manifest_of_rejected(hour).await?.last_seq() <= after {
                break;
            }
            behind.push(hour);
        }
        behind.reverse();
        Ok(behind)
    }

    async fn manifest_of_rejected(&self, hour: Hour) -> Result<Manifest, Error> {
        let missing = || Error::Missing(ManifestKey { stream: Stream::Rejected, hour }.path().to_string());
        self.manifest::<RejectedEvents>(hour).await?.ok_or_else(missing)
    }

    async fn write_down_rejected(&self, open: &mut [Progress], through: Option<Seq>) -> Result<(), Error> {
        let Some(through) = through else { return Ok(()) };
        for progress in open.iter_mut().filter(|progress| progress.request.rejected() < through) {
            progress.request.check_rejected(self, through).await?;
        }
        Ok(())
    }
}
