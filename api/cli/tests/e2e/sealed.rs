//! Seals what is logged as if its hours were over: clicks, verdicts, issued documents and rejected events, wherever
//! they are.

use std::sync::Arc;

use clicktrail_live::sealing::Archiver;
use clicktrail_log::{
    archive::seal,
    log::Stream,
    time::{Clock, Hour, ManualClock, SystemClock},
};
use clicktrail_projections::session;
use clicktrail_verdicts::reader::VerdictReader;

use crate::installation::Installation;

/// Seals everything up to now. No server may be sealing.
pub(crate) async fn seal_all(installation: &Installation) {
    seal_through(installation, SystemClock.now().hour()).await;
}

/// Seals everything up to an hour, as if it was over.
pub(crate) async fn seal_through(installation: &Installation, hour: Hour) {
    // The roles of an archiver are large.
    Box::pin(async move {
        let later = hour.end_exclusive().plus_micros(i64::try_from(seal::GRACE.as_micros()).unwrap());
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(later));
        let verdicts = installation.log(Stream::Verdicts).await;
        let history = VerdictReader::new(Arc::clone(&verdicts), installation.archive());
        let clicks = installation.log(Stream::Clicks).await;
        let limits = session::Limits::default();
        let archiver = Archiver::new(clicks, installation.archive(), installation.catalog().await, clock, limits);
        let archiver = archiver.behind_judge(verdicts, history);
        let mut archiver = archiver.with_invoices(installation.log(Stream::Invoices).await);
        while archiver.seal_next(later).await.unwrap().is_some() {}
        while archiver.seal_next_verdicts(later).await.unwrap() {}
        while archiver.seal_next_invoices(later).await.unwrap() {}
        seal_rejected(installation).await;
    })
    .await
}

/// Seals what was rejected up to the hour behind the last that is sealed, or behind now.
pub(crate) async fn seal_rejected(installation: &Installation) {
    // The roles of an archiver are large.
    Box::pin(async move {
        let sealed = installation.archive().sealed_hours(Stream::Rejected).await.unwrap().pop();
        let hour = sealed.map_or(SystemClock.now().hour(), |sealed| sealed.next().max(SystemClock.now().hour()));
        let later = hour.end_exclusive().plus_micros(i64::try_from(seal::GRACE.as_micros()).unwrap());
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(later));
        let (clicks, limits) = (installation.log(Stream::Clicks).await, session::Limits::default());
        let archiver = Archiver::new(clicks, installation.archive(), installation.catalog().await, clock, limits);
        let mut archiver = archiver.with_rejected(installation.log(Stream::Rejected).await);
        while archiver.seal_next_rejected(later).await.unwrap() {}
    })
    .await
}
