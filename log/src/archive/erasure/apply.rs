//! Goes through the sealed hours for all open requests at once.
//!
//! Only hours that the judge has passed are touched: what is not judged yet is judged by what it holds. *Dies
//! anywhere: the hours behind the last that was written down are looked through again, in which nothing is found that
//! was erased.*

use super::{choosing::chooses, request::Request};
use crate::{
    archive::{
        clicks::Clicks,
        keys::ManifestKey,
        manifest::Manifest,
        redaction::Cause,
        store::{Archive, Error},
    },
    log::Stream,
    position::Seq,
    time::{Hour, Timestamp},
};

/// Hours after which it is written down how far a request has come.
const WRITTEN_DOWN: usize = 24;

/// How far a request has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The request, as it is now.
    pub request: Request,
    /// Hours in which something was erased now, for it or for another.
    pub hours: u64,
    /// Rows that were erased now, for it or for another.
    pub rows: u64,
    /// Files that are too young to be removed: the request has to wait for them.
    pub left_alone: u64,
    /// The last frame of the hours that were looked through.
    pub through: Seq,
    /// Whether all frames that were logged when it was made are in these hours.
    pub is_sealed: bool,
}

impl Archive {
    /// Erases what is asked for from all hours whose frames end with `judged` at the latest. One answer for each open
    /// request.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Damaged`], [`Error::Unavailable`]; the same call may be made again.
    pub async fn apply_erasures(&self, judged: Seq, now: Timestamp) -> Result<Vec<Progress>, Error> {
        let mut open: Vec<Progress> = self.erasures().await?.into_iter().map(Progress::new).collect();
        if open.is_empty() {
            return Ok(open);
        }
        let mut unwritten = None;
        for (number, hour) in self.sealed_hours(Stream::Clicks).await?.into_iter().enumerate() {
            let missing = || Error::Missing(ManifestKey { stream: Stream::Clicks, hour }.path().to_string());
            let manifest = self.manifest::<Clicks>(hour).await?.ok_or_else(missing)?;
            if manifest.last_seq() > judged {
                break;
            }
            self.apply_to(&manifest, &mut open, now).await?;
            unwritten = Some(hour);
            if number % WRITTEN_DOWN == WRITTEN_DOWN - 1 {
                self.write_down(&mut open, unwritten.take()).await?;
            }
        }
        self.write_down(&mut open, unwritten).await?;
        Ok(open)
    }

    async fn apply_to(&self, manifest: &Manifest, open: &mut [Progress], now: Timestamp) -> Result<(), Error> {
        let hour = manifest.hour();
        let asking: Vec<Request> =
            open.iter().map(|progress| &progress.request).filter(|request| request.wants(hour)).cloned().collect();
        if !asking.is_empty() && manifest.rows > 0 {
            let hidden = self.redact(manifest, &chooses(asking.clone()), Cause::Erasure, now).await?;
            for progress in open.iter_mut().filter(|progress| asking.iter().any(|asks| asks.id == progress.request.id))
            {
                progress.rows += hidden.rows;
                progress.hours += u64::from(hidden.rows > 0);
                progress.left_alone += hidden.left_alone;
            }
        }
        for progress in open {
            progress.through = manifest.last_seq();
            progress.is_sealed |= manifest.last_seq().get() >= progress.request.through();
        }
        Ok(())
    }

    async fn write_down(&self, open: &mut [Progress], hour: Option<Hour>) -> Result<(), Error> {
        let Some(hour) = hour else { return Ok(()) };
        for progress in open.iter_mut().filter(|progress| progress.left_alone == 0 && progress.request.wants(hour)) {
            progress.request.check(self, hour).await?;
        }
        Ok(())
    }
}

impl Progress {
    fn new(request: Request) -> Self {
        // Of a log without frames there is nothing to wait for.
        let is_sealed = request.through() == 0;
        Self { request, hours: 0, rows: 0, left_alone: 0, through: Seq::ZERO, is_sealed }
    }
}

impl Request {
    /// Whether an hour was not looked through.
    fn wants(&self, hour: Hour) -> bool {
        self.checked().is_none_or(|checked| checked < hour)
    }
}
