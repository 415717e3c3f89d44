//! Frames of clicks leave the log once all rows of their hours were read back from the archive.

use clicktrail_catalog::{Catalog, SealedHour};
use clicktrail_log::{
    archive::{Archive, verify::Verifier},
    invariant,
    log::Log,
    time::Hour,
};
use clicktrail_replay::Error;
use tracing::info;

use super::checks::read_back;

/// The log, and what the hours of it are held against.
#[derive(Clone, Copy)]
pub(super) struct Trimming<'a> {
    pub(super) log: &'a dyn Log,
    pub(super) archive: &'a Archive,
    pub(super) catalog: &'a dyn Catalog,
}

impl Trimming<'_> {
    /// Removes frames of hours before `keep_from`; whether there were any.
    pub(super) async fn clicks(&self, keep_from: Hour) -> Result<bool, Error> {
        let info = self.log.info().await?;
        let mut from = Hour::from_i64(i64::MIN / 2);
        let mut last_verified = None;
        loop {
            let hours = self.catalog.list_hours(from, 1_000).await?;
            let Some(last) = hours.last().map(|hour| hour.hour) else { break };
            for hour in hours.iter().filter(|hour| hour.hour < keep_from && hour.last_seq >= info.first) {
                // Of an hour without rows nothing is in the archive; repeats of its frames may be in the log.
                if hour.rows > 0 && !self.reads_back(hour).await? {
                    return Ok(false);
                }
                let in_order = last_verified.is_none_or(|last| last <= hour.last_seq);
                invariant!(I4, in_order, "{} ends with frame {}, before the hour before it", hour.hour, hour.last_seq);
                last_verified = Some(hour.last_seq);
            }
            from = last.next();
        }
        let Some(last) = last_verified else { return Ok(false) };
        self.log.trim(last.next()).await?;
        info!(first_kept = last.next().get(), "verified hours left the log");
        Ok(true)
    }

    async fn reads_back(&self, hour: &SealedHour) -> Result<bool, Error> {
        let mut verifier = Verifier::new(self.archive.clone(), true);
        verifier.check_alone(hour.hour, Some(&hour.manifest_digest)).await?;
        Ok(read_back(&verifier.finish().problems))
    }
}
