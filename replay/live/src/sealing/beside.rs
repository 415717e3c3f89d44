//! A log that is sealed beside the clicks: verdicts, documents that were issued, rejected events. Nobody waits for its
//! hours, and no catalog remembers them: its manifests say how far it is sealed.

use std::sync::Arc;

use clicktrail_log::{
    archive::{
        Archive,
        keys::ManifestKey,
        kind::Kind,
        seal::{Cursor, Sealer},
        store,
        verify::Verifier,
    },
    log::Log,
    position::Seq,
    time::{Hour, Timestamp},
};
use clicktrail_replay::Error;
use tracing::info;

use super::checks::{check_follows, read_back};

/// Such a log, its archive, and how far that goes.
#[derive(Debug)]
pub(super) struct Beside<K: Kind> {
    log: Arc<dyn Log>,
    archive: Archive,
    sealer: Sealer<K>,
    /// `None` until it was found in the archive, and after a failure that trying again does not cure.
    cursor: Option<Cursor>,
}

impl<K: Kind> Beside<K> {
    /// The log `log`, of which nothing is known yet.
    pub(super) fn new(log: Arc<dyn Log>, archive: Archive) -> Self {
        let sealer = Sealer::of(Arc::clone(&log), archive.clone());
        Self { log, archive, sealer, cursor: None }
    }

    /// Seals the next hour if it is over at `now`; whether there was one.
    pub(super) async fn seal_next(&mut self, now: Timestamp) -> Result<bool, Error> {
        let cursor = match self.cursor.take() {
            Some(cursor) => cursor,
            None => self.sealer.resume(self.archive.sealed_hours(K::STREAM).await?.pop()).await?,
        };
        match self.sealer.seal_next(&cursor, now).await {
            Ok(Some((manifest, after))) => {
                check_follows(&cursor, &manifest, &after);
                self.cursor = Some(after);
                Ok(true)
            }
            Ok(None) => {
                self.cursor = Some(cursor);
                Ok(false)
            }
            Err(error) => {
                self.cursor = error.is_transient().then_some(cursor);
                Err(error.into())
            }
        }
    }

    /// Removes the frames of hours before `keep_from` that read back; whether there were any. Nothing is removed if one
    /// of these hours does not read back.
    pub(super) async fn trim(&self, keep_from: Hour) -> Result<bool, Error> {
        let mut last_verified = None;
        for (hour, digest, last) in self.held(keep_from).await? {
            let mut verifier = Verifier::<K>::of(self.archive.clone(), true);
            verifier.check_alone(hour, Some(&digest)).await?;
            if !read_back(&verifier.finish().problems) {
                return Ok(false);
            }
            last_verified = Some(last);
        }
        let Some(last) = last_verified else { return Ok(false) };
        self.log.trim(last.next()).await?;
        info!(stream = %K::STREAM, first_kept = last.next().get(), "verified hours left the log");
        Ok(true)
    }

    /// The log itself.
    pub(super) fn log(&self) -> &dyn Log {
        self.log.as_ref()
    }

    /// The last sealed frame, and whether the log still holds rows of sealed hours.
    pub(super) async fn stands(&self) -> Result<(Seq, bool), Error> {
        let last = self.archive.sealed_hours(K::STREAM).await?.pop();
        let sealed = self.sealer.stand(last).await?.next_seq().previous();
        Ok((sealed, !self.held(Hour::from_i64(i64::MAX)).await?.is_empty()))
    }

    /// The hours before `keep_from` with rows that the log still holds, in order: the digest of their manifests, and
    /// their last frames. They are looked for from the newest on, so that no more manifests are read than these and the
    /// quiet hours between them.
    async fn held(&self, keep_from: Hour) -> Result<Vec<(Hour, String, Seq)>, Error> {
        let first = self.log.info().await?.first;
        let mut held = Vec::new();
        let hours = self.archive.sealed_hours(K::STREAM).await?;
        for hour in hours.into_iter().rev().filter(|hour| *hour < keep_from) {
            let key = ManifestKey { stream: K::STREAM, hour };
            let manifest = self.archive.manifest::<K>(hour).await?;
            let manifest = manifest.ok_or_else(|| store::Error::Missing(key.path().to_string()))?;
            if manifest.last_seq() < first {
                break;
            }
            if manifest.rows > 0 {
                held.push((hour, manifest.digest().to_string(), manifest.last_seq()));
            }
        }
        held.reverse();
        Ok(held)
    }
}
