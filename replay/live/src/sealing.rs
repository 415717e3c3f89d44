//! The archive role: seals every hour that is over, projects it, and makes it count in place of its hot partials.
//!
//! An hour of clicks is projected once the judge has passed it, with what the judge's live verdicts say. Verdicts,
//! issued documents and rejected events are sealed `beside` it, by the hour in which they were logged. What keeps one
//! log from being sealed or trimmed does not stop the others.
//!
//! The process may die between any two steps, and the steps are done again: a manifest that stands is adopted, the
//! segment gets the same bytes, and the catalog takes the identical hour twice.

#![expect(
    clippy::disallowed_methods,
    reason = "background work: it pauses between hours, and waits so long for live counting"
)]

use std::{sync::Arc, time::Duration};

use clicktrail_catalog::{Catalog, Making, Outcome};
use clicktrail_log::{
    archive::{
        Archive, Manifest,
        invoices::Invoices,
        rejected::RejectedEvents,
        seal::{Cursor, GRACE, Sealer},
    },
    causes::causes,
    log::Log,
    time::{Clock, Timestamp},
};
use clicktrail_projections::session;
use clicktrail_replay::{
    Error, belongs,
    register::{self, Sealed},
    stale,
};
use clicktrail_verdicts::{archive::Verdicts, reader::VerdictReader};
use metrics::counter;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use self::{
    beside::Beside,
    checks::check_follows,
    erasing::{Erasing, Forgetting, TooOld},
    trimming::Trimming,
};
use crate::metric;

mod beside;
mod checks;
pub mod erasing;
mod trimming;

/// How often the archiver looks for an hour that is over.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Pause after a failure before the same step is done again.
const RETRY_PAUSE: Duration = Duration::from_secs(2);
/// How long sealing waits for live counting to finish the hour. After that the hour counts from its segment, and
/// nothing is compared.
const LIVE_WAIT: Duration = Duration::from_secs(20);
/// How often the archiver looks for frames that need no longer be kept.
const TRIM_INTERVAL: Duration = Duration::from_secs(600);

/// Who erases, in the audit trail, where no person does.
const ROLE: &str = "archive";

/// How long frames stay in the log after the end of their hour, whatever the archive says.
pub const RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);
const _: () = assert!(
    RETENTION.as_secs() > 3_600 + GRACE.as_secs() + LIVE_WAIT.as_secs() + TRIM_INTERVAL.as_secs(),
    "an hour is sealed and counted long before its frames may leave the log"
);

/// Seals, projects and registers hours, in order.
#[derive(Debug)]
pub struct Archiver {
    log: Arc<dyn Log>,
    archive: Archive,
    catalog: Arc<dyn Catalog>,
    clock: Arc<dyn Clock>,
    limits: session::Limits,
    sealer: Sealer,
    standing: Option<Standing>,
    verdicts: Option<Ruled>,
    invoices: Option<Beside<Invoices>>,
    rejected: Option<Beside<RejectedEvents>>,
    /// Whether an hour of rejected events was just sealed: now the log is likeliest to hold nothing else, and then a
    /// broker frees its file when it is trimmed for somebody who is erased.
    is_rejected_sealed: bool,
    /// Months for which personal columns are kept, beside the current one; `None`: for ever.
    personal_months: Option<u32>,
}

/// Where sealing stands, and the catalog in which that was found: after a rebuild it takes nothing more, and sealing
/// finds its place again.
#[derive(Debug)]
struct Standing {
    cursor: Cursor,
    catalog: Arc<dyn Catalog>,
    making: Making,
}

/// What is ruled about clicks, and how far the verdict log is sealed.
#[derive(Debug)]
struct Ruled {
    history: VerdictReader,
    hours: Beside<Verdicts>,
}

impl Archiver {
    /// An archiver of one log that nobody judges.
    pub fn new(
        log: Arc<dyn Log>,
        archive: Archive,
        catalog: Arc<dyn Catalog>,
        clock: Arc<dyn Clock>,
        limits: session::Limits,
    ) -> Self {
        let sealer = Sealer::new(Arc::clone(&log), archive.clone());
        Self {
            log,
            archive,
            catalog,
            clock,
            limits,
            sealer,
            standing: None,
            verdicts: None,
            invoices: None,
            rejected: None,
            is_rejected_sealed: false,
            personal_months: None,
        }
    }

    /// The same behind a judge that writes into the verdict log `verdicts`: hours wait until the judge has passed them.
    #[must_use]
    pub fn behind_judge(mut self, verdicts: Arc<dyn Log>, history: VerdictReader) -> Self {
        self.verdicts = Some(Ruled { history, hours: Beside::new(verdicts, self.archive.clone()) });
        self
    }

    /// The same that seals the log of issued documents, too.
    #[must_use]
    pub fn with_invoices(mut self, invoices: Arc<dyn Log>) -> Self {
        self.invoices = Some(Beside::new(invoices, self.archive.clone()));
        self
    }

    /// The same that seals the log of rejected events, and erases from it, too.
    #[must_use]
    pub fn with_rejected(mut self, rejected: Arc<dyn Log>) -> Self {
        self.rejected = Some(Beside::new(rejected, self.archive.clone()));
        self
    }

    /// The same that erases personal columns that are older than so many months and the current one.
    #[must_use]
    pub fn with_retention(mut self, months: Option<u32>) -> Self {
        self.personal_months = months;
        self
    }

    /// Seals the next hour of clicks if it is over at `now` and judged.
    ///
    /// # Errors
    /// See [`Error`]. The same call may be made again.
    pub async fn seal_next(&mut self, now: Timestamp) -> Result<Option<Sealed>, Error> {
        let Standing { cursor, catalog, making } = match self.standing.take() {
            Some(standing) => standing,
            None => self.find_standing().await?,
        };
        let Some((manifest, after)) = self.sealer.seal_next(&cursor, now).await? else {
            // After a rebuild fewer hours may be registered: then sealing finds its place again.
            let is_present = catalog.making().await? == making;
            self.standing = is_present.then_some(Standing { cursor, catalog, making });
            return Ok(None);
        };
        check_follows(&cursor, &manifest, &after);
        if self.verdicts.is_some() && catalog.judged().await?.clicks_through < manifest.last_seq() {
            // Nothing unjudged is ever owed (I7). The manifest stands, and is adopted once the judge has passed the
            // hour.
            self.standing = Some(Standing { cursor, catalog, making });
            return Ok(None);
        }
        self.wait_for_live(&manifest).await?;
        let history = self.verdicts.as_ref().map(|verdicts| &verdicts.history);
        let sealed = register::register(&self.archive, history, catalog.as_ref(), manifest, self.limits, now).await?;
        self.standing = Some(Standing { cursor: after, catalog, making });
        Ok(Some(sealed))
    }

    async fn find_standing(&self) -> Result<Standing, Error> {
        let catalog = self.catalog.begin().await?;
        let making = catalog.making().await?;
        belongs::check_clicks(&self.log, catalog.as_ref()).await?;
        let last = catalog.last_hour().await?.map(|last| last.hour);
        Ok(Standing { cursor: self.sealer.resume(last).await?, catalog, making })
    }

    /// Seals the next hour of verdicts if it is over at `now`; whether there was one.
    ///
    /// # Errors
    /// See [`Error`]. The same call may be made again.
    pub async fn seal_next_verdicts(&mut self, now: Timestamp) -> Result<bool, Error> {
        match &mut self.verdicts {
            Some(verdicts) => verdicts.hours.seal_next(now).await,
            None => Ok(false),
        }
    }

    /// The same of issued documents.
    ///
    /// # Errors
    /// See [`Error`]. The same call may be made again.
    pub async fn seal_next_invoices(&mut self, now: Timestamp) -> Result<bool, Error> {
        match &mut self.invoices {
            Some(invoices) => invoices.seal_next(now).await,
            None => Ok(false),
        }
    }

    /// The same of rejected events.
    ///
    /// # Errors
    /// See [`Error`]. The same call may be made again.
    pub async fn seal_next_rejected(&mut self, now: Timestamp) -> Result<bool, Error> {
        match &mut self.rejected {
            Some(rejected) => rejected.seal_next(now).await,
            None => Ok(false),
        }
    }

    /// Lets live counting finish an hour that it has begun, so that the whole hour can be compared.
    async fn wait_for_live(&self, manifest: &Manifest) -> Result<(), Error> {
        let begun = tokio::time::Instant::now();
        while begun.elapsed() < LIVE_WAIT {
            let through = self.catalog.counted_through().await?;
            if through >= manifest.last_seq() || through < manifest.first_seq() {
                break;
            }
            tokio::time::sleep(LIVE_WAIT / 100).await;
        }
        Ok(())
    }

    /// Seals hours as they pass until `shutdown`, and trims the log behind them.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut next_trim = self.present().await;
        while !shutdown.is_cancelled() {
            let now = self.present().await;
            let pause = match self.look(now).await {
                Ok(true) => continue,
                Ok(false) => LOOK_INTERVAL,
                Err(cause) if cause.is_transient() => {
                    warn!(cause = %causes(&cause), "sealing is tried again");
                    RETRY_PAUSE
                }
                Err(cause) => {
                    error!(cause = %causes(&cause), "an hour cannot be sealed; a person must act");
                    counter!(metric::SEAL_FAILURES).increment(1);
                    RETRY_PAUSE * 5
                }
            };
            if now >= next_trim || self.is_rejected_sealed {
                self.is_rejected_sealed = false;
                next_trim = now.plus_micros(i64::try_from(TRIM_INTERVAL.as_micros()).expect("ten minutes"));
                if let Err(cause) = self.trim(now).await {
                    warn!(cause = %causes(&cause), "the log was not trimmed");
                }
                if let Err(cause) = self.forget(now).await {
                    warn!(cause = %causes(&cause), "what is about people was not erased, and is tried again");
                }
            }
            let _ = tokio::time::timeout(pause, shutdown.cancelled()).await;
        }
    }

    /// The present by the log's clock, which gave the frames their times: what is over by ours may not be by that. A
    /// log that does not answer is asked again before anything is sealed.
    async fn present(&self) -> Timestamp {
        let logs = self.log.now().await.ok().flatten();
        logs.unwrap_or_else(|| self.clock.now())
    }

    /// One look at all logs; whether an hour was sealed. Each goes on alone, and the first failure is told.
    async fn look(&mut self, now: Timestamp) -> Result<bool, Error> {
        let clicks = self.seal_next(now).await;
        if let Ok(Some(sealed)) = &clicks {
            report(sealed);
        }
        let verdicts = self.seal_next_verdicts(now).await;
        let invoices = self.seal_next_invoices(now).await;
        let rejected = self.seal_next_rejected(now).await;
        self.is_rejected_sealed |= matches!(rejected, Ok(true));
        let followed = match &self.verdicts {
            Some(verdicts) => stale::follow(&verdicts.history, self.catalog.as_ref()).await.map(|_| ()),
            None => Ok(()),
        };
        let sealed = [clicks?.is_some(), verdicts?, invoices?, rejected?];
        followed?;
        Ok(sealed.contains(&true))
    }

    /// Removes frames from each log whose hour ended longer than [`RETENTION`] ago, is sealed, and has just been read
    /// back from the archive without a problem. Removes nothing from a log if one of these hours does not read back.
    /// Returns whether anything was removed.
    ///
    /// # Errors
    /// See [`Error`], of the first log that failed: nothing was removed from it.
    pub async fn trim(&self, now: Timestamp) -> Result<bool, Error> {
        let keep_from = now.plus_micros(-i64::try_from(RETENTION.as_micros()).expect("a week")).hour();
        let clicks = self.trimming().clicks(keep_from).await;
        let verdicts = match &self.verdicts {
            Some(verdicts) => verdicts.hours.trim(keep_from).await,
            None => Ok(false),
        };
        let invoices = match &self.invoices {
            Some(invoices) => invoices.trim(keep_from).await,
            None => Ok(false),
        };
        let rejected = match &self.rejected {
            Some(rejected) => rejected.trim(keep_from).await,
            None => Ok(false),
        };
        let trimmed = [clicks?, verdicts?, invoices?, rejected?];
        Ok(trimmed.contains(&true))
    }

    /// Does what open requests to erase somebody ask for, as far as it can be done. `actor` is who does it, for the
    /// audit trail.
    ///
    /// # Errors
    /// See [`Error`]. The same call may be made again, and goes on.
    pub async fn erase(&self, now: Timestamp, actor: &str) -> Result<Vec<Erasing>, Error> {
        self.forgetting().erase(now, actor).await
    }

    /// Erases the personal columns of hours that are older than `months` months and the current one, and what arrived
    /// with rejected events of these.
    ///
    /// # Errors
    /// See [`Error`]. The same call may be made again.
    pub async fn retain(&self, now: Timestamp, months: u32) -> Result<TooOld, Error> {
        self.forgetting().retain(now, months).await
    }

    fn trimming(&self) -> Trimming<'_> {
        Trimming { log: self.log.as_ref(), archive: &self.archive, catalog: self.catalog.as_ref() }
    }

    fn forgetting(&self) -> Forgetting<'_> {
        let rejected = self.rejected.as_ref();
        Forgetting { trimming: self.trimming(), rejected, is_judged: self.verdicts.is_some() }
    }

    /// Erases what somebody asked for, and what is too old.
    async fn forget(&self, now: Timestamp) -> Result<(), Error> {
        self.erase(now, ROLE).await?;
        if let Some(months) = self.personal_months {
            let retained = self.retain(now, months).await?;
            if retained.clicks.rows + retained.rejected.rows > 0 {
                self.forgetting().tell_of(&retained, ROLE, now).await?;
                info!(
                    hours = retained.clicks.hours,
                    rows = retained.clicks.rows,
                    rejected = retained.rejected.rows,
                    "personal columns were erased because of their age"
                );
            }
        }
        Ok(())
    }
}

/// Reports what became of an hour, in the log and in the metrics.
pub fn report(sealed: &Sealed) {
    let (hour, rows) = (&sealed.manifest.hour, sealed.manifest.rows);
    counter!(metric::HOURS_SEALED).increment(1);
    counter!(metric::RECONCILIATIONS, "outcome" => sealed.reconciliation.outcome.as_str()).increment(1);
    match sealed.reconciliation.outcome {
        // After a long silence there are many quiet hours to catch up with.
        Outcome::Equal | Outcome::Incomplete if rows == 0 => debug!(hour, "quiet hour sealed"),
        Outcome::Equal | Outcome::Incomplete => {
            info!(hour, rows, outcome = sealed.reconciliation.outcome.as_str(), "hour sealed")
        }
        Outcome::Different => {
            error!(
                hour,
                detail = sealed.reconciliation.detail,
                "the sealed hour differs from what was counted live (I8)"
            );
        }
    }
}

#[cfg(test)]
mod tests;
