//! Which hours of the verdict log are sealed, and what each holds: read once, then followed hour by hour.
//!
//! Manifests never change and their chain has no holes, so nothing here goes stale, and no catalog is asked. A few
//! integers of every hour stay in memory, and the manifests that were used last.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use clicktrail_log::{
    archive::{self, Archive},
    invariant,
    log::Stream,
    position::{Epoch, Position, Seq},
    time::Hour,
};
use futures::{StreamExt as _, TryStreamExt as _};

use super::sealed_run::{FrameSource, SealedRun, Tail, missing};
use crate::archive::{Manifest, Verdicts};

/// Manifests kept in memory. Beyond the limit the one that was not used for longest is dropped, and read again when it
/// is needed.
const MANIFESTS_MAX: usize = 64;
/// Manifests fetched side by side when the archive is read for the first time.
const FETCHES_MAX: usize = 16;

const _: () = assert!(0 < FETCHES_MAX && FETCHES_MAX <= MANIFESTS_MAX);

/// The sealed hours of one archive.
#[derive(Debug)]
pub(super) struct Hours {
    archive: Archive,
    /// `None` until an hour was found.
    sealed: tokio::sync::Mutex<Option<SealedRun>>,
    /// The last ones used, the latest at the back.
    manifests: Mutex<VecDeque<(Hour, Arc<Manifest>)>>,
}

impl Hours {
    pub(super) fn new(archive: Archive) -> Self {
        Self { archive, sealed: tokio::sync::Mutex::new(None), manifests: Mutex::default() }
    }

    /// Looks for hours that were sealed since the last look.
    pub(super) async fn follow(&self) -> Result<(), archive::Error> {
        let mut sealed = self.sealed.lock().await;
        match sealed.as_mut() {
            None => *sealed = self.load().await?,
            Some(run) => {
                while let Some(manifest) = self.archive.manifest::<Verdicts>(run.last_hour().next()).await? {
                    run.push(&manifest)?;
                }
            }
        }
        Ok(())
    }

    /// Every sealed hour; `None` if there is none.
    async fn load(&self) -> Result<Option<SealedRun>, archive::Error> {
        let hours = self.archive.sealed_hours(Stream::Verdicts).await?;
        if let Some(pair) = hours.windows(2).find(|pair| pair[0].next() != pair[1]) {
            return Err(missing(pair[0].next()));
        }
        let mut manifests = futures::stream::iter(hours)
            .map(async |hour| self.archive.manifest::<Verdicts>(hour).await?.ok_or_else(|| missing(hour)))
            .buffered(FETCHES_MAX);
        let Some(first) = manifests.try_next().await? else { return Ok(None) };
        let mut run = SealedRun::begin(&first)?;
        while let Some(manifest) = manifests.try_next().await? {
            run.push(&manifest)?;
        }
        Ok(Some(run))
    }

    /// The hours whose verdicts before `before` may be about `targets`, in order, and what comes after all hours. Both
    /// under one lock: an hour that is sealed meanwhile must not fall between them.
    pub(super) async fn touching(&self, targets: &Range<Position>, before: Position) -> (Vec<Hour>, Tail) {
        let sealed = self.sealed.lock().await;
        let hours = sealed.as_ref().map_or_else(Vec::new, |run| run.touching(targets, before));
        (hours, Tail::after(sealed.as_ref()))
    }

    /// Where frame `seq` is to be read.
    pub(super) async fn source_of(&self, seq: Seq) -> FrameSource {
        let sealed = self.sealed.lock().await;
        match sealed.as_ref().and_then(|run| run.holding(seq)) {
            Some(hour) => FrameSource::Archive(hour),
            None => FrameSource::Log(Tail::after(sealed.as_ref())),
        }
    }

    /// The epoch of frame `seq`; `None` if it is not sealed.
    pub(super) async fn epoch_of(&self, seq: Seq) -> Option<Epoch> {
        self.sealed.lock().await.as_ref().and_then(|run| run.epoch_of(seq))
    }

    /// The last sealed hour.
    pub(super) async fn last(&self) -> Option<Hour> {
        self.sealed.lock().await.as_ref().map(SealedRun::last_hour)
    }

    /// Whether the archive was read at all.
    pub(super) async fn is_loaded(&self) -> bool {
        self.sealed.lock().await.is_some()
    }

    /// The manifest of a sealed hour.
    pub(super) async fn manifest(&self, hour: Hour) -> Result<Arc<Manifest>, archive::Error> {
        if let Some(manifest) = self.cached(hour) {
            return Ok(manifest);
        }
        let manifest = self.archive.manifest::<Verdicts>(hour).await?.ok_or_else(|| missing(hour))?;
        let manifest = Arc::new(manifest);
        let mut cache = self.manifests.lock().unwrap_or_else(PoisonError::into_inner);
        cache.push_back((hour, Arc::clone(&manifest)));
        while cache.len() > MANIFESTS_MAX {
            cache.pop_front();
        }
        invariant!(I14, cache.len() <= MANIFESTS_MAX, "{} manifests are kept", cache.len());
        Ok(manifest)
    }

    fn cached(&self, hour: Hour) -> Option<Arc<Manifest>> {
        let mut cache = self.manifests.lock().unwrap_or_else(PoisonError::into_inner);
        let index = cache.iter().position(|(cached, _)| *cached == hour)?;
        let entry = cache.remove(index)?;
        let manifest = Arc::clone(&entry.1);
        cache.push_back(entry);
        Some(manifest)
    }
}
