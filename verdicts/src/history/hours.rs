//! Which hours of the verdict log are sealed, and what each holds: read once, then followed hour by hour.
//!
//! Manifests never change and their chain has no holes, so nothing here goes stale, and no catalog is asked. Of every
//! hour a few integers stay in memory; of manifests the last ones used.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use clicktrail_log::{
    archive::{self, Archive, keys::ManifestKey},
    chain::Chain,
    frame::Digest,
    log::Stream,
    position::{Epoch, Position, Seq},
    time::Hour,
};
use futures::{StreamExt as _, TryStreamExt as _};

use crate::archive::{Manifest, Verdicts};

/// Manifests kept in memory. Another one: the one that was not used for longest is read again when it is needed.
const MANIFESTS_MAX: usize = 64;
/// Manifests fetched side by side when the archive is read for the first time.
const FETCHES_MAX: usize = 16;

/// What a sealed hour leaves for those who decide what to read.
#[derive(Debug, Clone, Copy)]
struct Sealed {
    first: Seq,
    last: Seq,
    /// The first and the last event that its verdicts are about; `None` in a quiet hour.
    targets: Option<(Position, Position)>,
}

/// The sealed hours, at least one.
#[derive(Debug)]
struct Known {
    first_hour: Hour,
    /// In order, without holes.
    hours: Vec<Sealed>,
    last_hour: Hour,
    /// Of the last hour's manifest.
    digest: Digest,
    epoch: Epoch,
    /// The writers' chains after the last hour.
    chain: Chain,
}

/// Where the archive ends and the log goes on.
#[derive(Debug, Clone)]
pub(super) struct Tail {
    /// The first frame that is not known to be sealed.
    pub(super) next: Seq,
    /// The writers' chains at this point.
    pub(super) chain: Chain,
    /// The epoch of the archive; `None` while nothing is sealed.
    pub(super) epoch: Option<Epoch>,
    /// The manifest that will make the next hour exist; `None` while nothing is sealed.
    pub(super) next_manifest: Option<ManifestKey>,
}

/// Where a frame is to be read.
#[derive(Debug)]
pub(super) enum Place {
    /// In the archive, under this hour.
    Sealed(Hour),
    /// In the log.
    Tail(Tail),
}

/// The sealed hours of one archive.
#[derive(Debug)]
pub(super) struct Hours {
    archive: Archive,
    known: tokio::sync::Mutex<Option<Known>>,
    /// The last ones used, the latest at the back.
    manifests: Mutex<VecDeque<(Hour, Arc<Manifest>)>>,
}

fn key(hour: Hour) -> ManifestKey {
    ManifestKey { stream: Stream::Verdicts, hour }
}

fn missing(hour: Hour) -> archive::Error {
    archive::Error::Missing(key(hour).path().to_string())
}

fn damaged(hour: Hour, reason: &str) -> archive::Error {
    archive::Error::Damaged { key: key(hour).path().to_string(), reason: reason.to_owned() }
}

impl Hours {
    pub(super) fn new(archive: Archive) -> Self {
        Self { archive, known: tokio::sync::Mutex::new(None), manifests: Mutex::default() }
    }

    /// Looks for hours that were sealed since the last look.
    pub(super) async fn follow(&self) -> Result<(), archive::Error> {
        let mut known = self.known.lock().await;
        match known.as_mut() {
            None => *known = self.load().await?,
            Some(known) => {
                while let Some(manifest) = self.archive.manifest::<Verdicts>(known.last_hour.next()).await? {
                    known.push(&manifest)?;
                }
            }
        }
        Ok(())
    }

    /// Every sealed hour; `None` if there is none.
    async fn load(&self) -> Result<Option<Known>, archive::Error> {
        let hours = self.archive.sealed_hours(Stream::Verdicts).await?;
        if let Some(pair) = hours.windows(2).find(|pair| pair[0].next() != pair[1]) {
            return Err(missing(pair[0].next()));
        }
        let mut manifests = futures::stream::iter(hours)
            .map(async |hour| self.archive.manifest::<Verdicts>(hour).await?.ok_or_else(|| missing(hour)))
            .buffered(FETCHES_MAX);
        let Some(first) = manifests.try_next().await? else { return Ok(None) };
        let mut known = Known::begin(&first)?;
        while let Some(manifest) = manifests.try_next().await? {
            known.push(&manifest)?;
        }
        Ok(Some(known))
    }

    /// The hours whose verdicts before `before` may be about `targets`, in order, and what comes after all hours. In
    /// one look: an hour that is followed meanwhile must be in one of them.
    pub(super) async fn touching(&self, targets: &Range<Position>, before: Position) -> (Vec<Hour>, Tail) {
        let known = self.known.lock().await;
        let tail = Tail::after(known.as_ref());
        let Some(known) = known.as_ref() else { return (Vec::new(), tail) };
        let touches = |sealed: &Sealed| {
            let begins = Position::new(known.epoch, sealed.first, 0);
            begins < before && sealed.targets.is_some_and(|range| touches(range, targets))
        };
        let hours = (known.first_hour.as_i64()..).map(Hour::from_i64).zip(&known.hours);
        (hours.filter(|(_, sealed)| touches(sealed)).map(|(hour, _)| hour).collect(), tail)
    }

    /// Where frame `seq` is to be read.
    pub(super) async fn place(&self, seq: Seq) -> Place {
        let known = self.known.lock().await;
        known
            .as_ref()
            .and_then(|known| known.holding(seq))
            .map_or_else(|| Place::Tail(Tail::after(known.as_ref())), Place::Sealed)
    }

    /// The last sealed hour.
    pub(super) async fn last(&self) -> Option<Hour> {
        self.known.lock().await.as_ref().map(|known| known.last_hour)
    }

    /// Whether the archive was read at all.
    pub(super) async fn is_loaded(&self) -> bool {
        self.known.lock().await.is_some()
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

/// Whether a closed range of targets and a half-open one have a position in common.
pub(super) fn touches((first, last): (Position, Position), targets: &Range<Position>) -> bool {
    first < targets.end && targets.start <= last
}

impl Tail {
    fn after(known: Option<&Known>) -> Self {
        match known {
            None => Self { next: Seq::FIRST, chain: Chain::default(), epoch: None, next_manifest: None },
            Some(known) => Self {
                next: known.next(),
                chain: known.chain.clone(),
                epoch: Some(known.epoch),
                next_manifest: Some(key(known.last_hour.next())),
            },
        }
    }
}

impl Known {
    /// From the manifest of the first hour ever.
    fn begin(manifest: &Manifest) -> Result<Self, archive::Error> {
        let hour = manifest.hour();
        if manifest.previous.is_some() {
            return Err(missing(Hour::from_i64(hour.as_i64() - 1)));
        }
        if manifest.first_seq() != Seq::FIRST {
            return Err(damaged(hour, "it is the first hour, and does not begin at the first frame"));
        }
        let chain = chain_after(manifest)?;
        Ok(Self {
            first_hour: hour,
            hours: vec![Sealed::of(manifest)],
            last_hour: hour,
            digest: manifest.digest(),
            epoch: manifest.epoch(),
            chain,
        })
    }

    fn next(&self) -> Seq {
        self.hours.last().map_or(Seq::FIRST, |last| last.last.next())
    }

    /// The hour that holds frame `seq`.
    fn holding(&self, seq: Seq) -> Option<Hour> {
        let index = self.hours.partition_point(|sealed| sealed.last < seq);
        let offset = i64::try_from(index).ok().filter(|_| index < self.hours.len())?;
        Some(Hour::from_i64(self.first_hour.as_i64() + offset))
    }

    fn push(&mut self, manifest: &Manifest) -> Result<(), archive::Error> {
        let hour = manifest.hour();
        let follows = manifest.previous == Some(self.digest.to_string())
            && manifest.first_seq() == self.next()
            && manifest.epoch() == self.epoch;
        if !follows {
            return Err(damaged(hour, "it does not follow the manifest of the hour before"));
        }
        self.chain = chain_after(manifest)?;
        self.hours.push(Sealed::of(manifest));
        self.last_hour = hour;
        self.digest = manifest.digest();
        Ok(())
    }
}

fn chain_after(manifest: &Manifest) -> Result<Chain, archive::Error> {
    manifest.chain_after().ok_or_else(|| damaged(manifest.hour(), "a writer's digest is not one"))
}

impl Sealed {
    fn of(manifest: &Manifest) -> Self {
        let ranges = manifest.parts.iter().map(|part| (part.target_min, part.target_max));
        let targets = ranges.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        Self { first: manifest.first_seq(), last: manifest.last_seq(), targets }
    }
}
