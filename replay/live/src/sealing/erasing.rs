//! What is about people leaves: what somebody asked for, and what is older than it may get.
//!
//! Only hours that count are touched, and the judge has passed these: so no verdict and no count is made of what is not
//! there any more. Frames of these hours leave the log at once, because the archive holds all of it that is to stay.

use clicktrail_catalog::{AuditEntry, AuditResult};
use clicktrail_log::{
    archive::{
        erasure::{Request, apply::Progress},
        retention::{self, Retained},
    },
    invariant,
    log::Log,
    position::Seq,
    rejected::forget,
    time::{Hour, Timestamp},
};
use clicktrail_replay::Error;
use tracing::info;

use super::trimming::Trimming;

/// The action of a row in the audit trail: a request was done.
pub const DONE: &str = "personal_erased";

/// How far a request has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasing {
    /// In the archive.
    pub progress: Progress,
    /// Rejected events of which what arrived was erased, for it or for another.
    pub rejected: u64,
    /// Whether frames that it is about are still in the log.
    pub is_logged: bool,
    /// Whether it is done: then it is open no longer.
    pub is_done: bool,
}

/// Who erases.
#[derive(Clone, Copy)]
pub(super) struct Forgetting<'a> {
    pub(super) trimming: Trimming<'a>,
    /// The log of rejected events.
    pub(super) rejected: Option<&'a dyn Log>,
    /// Whether there is a judge, behind whom hours have to be.
    pub(super) is_judged: bool,
}

impl Forgetting<'_> {
    /// Does what open requests to erase somebody ask for, as far as it can be done. `actor` is who does it, for the
    /// audit trail.
    ///
    /// # Errors
    /// See [`Error`]. The same call may be made again, and goes on.
    pub(super) async fn erase(&self, now: Timestamp, actor: &str) -> Result<Vec<Erasing>, Error> {
        if self.trimming.archive.erasures().await?.is_empty() {
            return Ok(Vec::new());
        }
        let (counted, keep_from) = self.counted().await?;
        let mut open = self.trimming.archive.apply_erasures(counted, now).await?;
        let rejected = self.erase_rejected(&mut open).await?;
        self.trimming.clicks(keep_from).await?;
        self.trimming.log.scrub().await?;
        let first = self.trimming.log.info().await?.first;
        let mut all = Vec::with_capacity(open.len());
        for progress in open {
            let request = &progress.request;
            let is_logged = first.get() <= request.through();
            let is_done = progress.is_sealed && !is_logged && progress.left_alone == 0 && now >= request.until();
            invariant!(I11, !is_done || first.get() > request.through(), "{} is done, and logged", request.id);
            if is_done {
                let detail = format!("request {} about {} {}", request.id, request.kind.as_str(), request.digest());
                let entry = AuditEntry {
                    actor: actor.to_owned(),
                    action: DONE.to_owned(),
                    reason: String::new(),
                    result: AuditResult::Done,
                    detail,
                };
                self.trimming.catalog.audit(&entry, now).await?;
                self.trimming.archive.close_erasure(request).await?;
                info!(request = %request.id, "somebody was erased");
            }
            all.push(Erasing { is_logged, is_done, rejected, progress });
        }
        Ok(all)
    }

    /// Erases what arrived with rejected events; how many.
    async fn erase_rejected(&self, open: &mut [Progress]) -> Result<u64, Error> {
        let Some(rejected) = self.rejected else { return Ok(0) };
        let requests: Vec<Request> = open.iter().map(|progress| progress.request.clone()).collect();
        let after = requests.iter().map(Request::rejected).min().unwrap_or(Seq::ZERO);
        let names = |text: &str| requests.iter().any(|request| request.is_in(text));
        let done = forget::forget(rejected, after, &names).await.map_err(|error| match error {
            forget::Error::Log(error) => Error::Log(error),
            forget::Error::Frame { seq, source } => Error::Frame { seq, source },
        })?;
        for progress in open {
            progress.request.check_rejected(self.trimming.archive, done.through).await?;
        }
        Ok(done.rows)
    }

    /// Erases the personal columns of hours that are older than `months` months and the current one.
    ///
    /// # Errors
    /// See [`Error`]. The same call may be made again.
    pub(super) async fn retain(&self, now: Timestamp, months: u32) -> Result<Retained, Error> {
        let (counted, behind) = self.counted().await?;
        let before = retention::keep_from(now, months);
        let retained = self.trimming.archive.retain(before, counted, now).await?;
        if retained.hours > 0 && self.trimming.clicks(before.min(behind)).await? {
            self.trimming.log.scrub().await?;
        }
        Ok(retained)
    }

    /// Writes into the audit trail that something was too old.
    pub(super) async fn tell_of(&self, retained: &Retained, actor: &str, now: Timestamp) -> Result<(), Error> {
        let entry = AuditEntry {
            actor: actor.to_owned(),
            action: "retention_apply".to_owned(),
            reason: String::new(),
            result: AuditResult::Done,
            detail: format!("{} events of {} hours", retained.rows, retained.hours),
        };
        Ok(self.trimming.catalog.audit(&entry, now).await?)
    }

    /// The last frame of the hours that count, and the hour behind them.
    async fn counted(&self) -> Result<(Seq, Hour), Error> {
        let last = self.trimming.catalog.last_hour().await?;
        let Some(last) = last else { return Ok((Seq::ZERO, Hour::from_i64(i64::MIN / 2))) };
        let judged = match self.is_judged {
            true => self.trimming.catalog.judged().await?.clicks_through,
            false => last.last_seq,
        };
        Ok((last.last_seq.min(judged), last.hour.next()))
    }
}
