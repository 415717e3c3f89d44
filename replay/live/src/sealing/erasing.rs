//! What is about people leaves: what somebody asked for, and what is older than it may get.
//!
//! Only hours that count are touched, and the judge has passed these: so no verdict and no count is made of what is not
//! there any more. Frames of these hours leave the log at once, because the archive holds all of it that is to stay.

use clicktrail_catalog::{AuditEntry, AuditResult};
use clicktrail_log::{
    archive::{
        erasure::{apply::Progress, chooses_rejected},
        rejected::RejectedEvents,
        retention::{self, Retained},
    },
    invariant,
    position::Seq,
    rejected::unsealed,
    time::{Hour, Timestamp},
};
use clicktrail_replay::Error;
use tracing::info;

use super::{beside::Beside, trimming::Trimming};

/// The action of a row in the audit trail: a request was done.
pub const DONE: &str = "personal_erased";

/// How far a request has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasing {
    /// In the archive.
    pub progress: Progress,
    /// Rejected events of which what arrived was erased, for it or for another.
    pub rejected: u64,
    /// Whether rejected events that it is about are not sealed yet, or frames of sealed ones are still in the log.
    pub is_rejected_left: bool,
    /// Whether frames that it is about are still in the log.
    pub is_logged: bool,
    /// Whether it is done: then it is open no longer.
    pub is_done: bool,
}

/// What was erased because of its age.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TooOld {
    /// Personal columns of clicks.
    pub clicks: Retained,
    /// What arrived with rejected events.
    pub rejected: Retained,
}

/// What became of rejected events.
#[derive(Debug, Clone, Copy)]
struct OfRejected {
    /// Events of which what arrived was erased.
    rows: u64,
    /// Files that are too young to be removed.
    left_alone: u64,
    /// The last sealed frame.
    sealed: Seq,
    /// Whether the log still holds rows of sealed hours.
    is_held: bool,
}

/// Who erases.
#[derive(Clone, Copy)]
pub(super) struct Forgetting<'a> {
    pub(super) trimming: Trimming<'a>,
    /// The log of rejected events.
    pub(super) rejected: Option<&'a Beside<RejectedEvents>>,
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
        let rejected = self.erase_rejected(&mut open, now).await?;
        self.trimming.clicks(keep_from).await?;
        self.trimming.log.scrub().await?;
        let first = self.trimming.log.info().await?.first;
        let mut all = Vec::with_capacity(open.len());
        for mut progress in open {
            progress.left_alone += rejected.left_alone;
            let is_rejected_left = self.is_rejected_left(&progress, &rejected).await?;
            let request = &progress.request;
            let is_logged = first.get() <= request.through();
            let is_gone = !is_logged && !is_rejected_left && progress.left_alone == 0;
            let is_done = progress.is_sealed && is_gone && now >= request.until();
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
            all.push(Erasing { is_logged, is_rejected_left, is_done, rejected: rejected.rows, progress });
        }
        Ok(all)
    }

    /// Erases what arrived with rejected events of sealed hours, whose frames leave the log at once.
    async fn erase_rejected(&self, open: &mut [Progress], now: Timestamp) -> Result<OfRejected, Error> {
        let Some(rejected) = self.rejected else {
            return Ok(OfRejected { rows: 0, left_alone: 0, sealed: Seq::ZERO, is_held: false });
        };
        let applied = self.trimming.archive.apply_erasures_of_rejected(open, now).await?;
        rejected.trim(Hour::from_i64(i64::MAX)).await?;
        rejected.log().scrub().await?;
        let (sealed, is_held) = rejected.stands().await?;
        Ok(OfRejected { rows: applied.rows, left_alone: applied.left_alone, sealed, is_held })
    }

    /// Whether rejected events that a request is about are still in the log.
    async fn is_rejected_left(&self, progress: &Progress, of_rejected: &OfRejected) -> Result<bool, Error> {
        let Some(rejected) = self.rejected else { return Ok(false) };
        let chooses = chooses_rejected(vec![progress.request.clone()]);
        let unsealed = unsealed::look(rejected.log(), of_rejected.sealed, &chooses).await;
        let unsealed = unsealed.map_err(|error| match error {
            unsealed::Error::Log(error) => Error::Log(error),
            unsealed::Error::Frame { seq, source } => Error::Frame { seq, source },
        })?;
        Ok(of_rejected.is_held || unsealed > 0)
    }

    /// Erases the personal columns of hours that are older than `months` months and the current one, and what arrived
    /// with rejected events of these.
    ///
    /// # Errors
    /// See [`Error`]. The same call may be made again.
    pub(super) async fn retain(&self, now: Timestamp, months: u32) -> Result<TooOld, Error> {
        let (counted, behind) = self.counted().await?;
        let before = retention::keep_from(now, months);
        let clicks = self.trimming.archive.retain(before, counted, now).await?;
        if clicks.hours > 0 && self.trimming.clicks(before.min(behind)).await? {
            self.trimming.log.scrub().await?;
        }
        let Some(log) = self.rejected else { return Ok(TooOld { clicks, rejected: Retained::default() }) };
        let rejected = self.trimming.archive.retain_rejected(before, now).await?;
        if rejected.hours > 0 && log.trim(before).await? {
            log.log().scrub().await?;
        }
        Ok(TooOld { clicks, rejected })
    }

    /// Writes into the audit trail that something was too old.
    pub(super) async fn tell_of(&self, retained: &TooOld, actor: &str, now: Timestamp) -> Result<(), Error> {
        let entry = AuditEntry {
            actor: actor.to_owned(),
            action: "retention_apply".to_owned(),
            reason: String::new(),
            result: AuditResult::Done,
            detail: format!(
                "{} events of {} hours, {} rejected events of {} hours",
                retained.clicks.rows, retained.clicks.hours, retained.rejected.rows, retained.rejected.hours
            ),
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
