//! The sealed hours of verdicts as one unbroken run, and where the archive ends and the log goes on.

use std::ops::Range;

use clicktrail_log::{
    archive::{self, keys::ManifestKey},
    chain::Chain,
    frame::Digest,
    invariant,
    log::Stream,
    position::{Epoch, Position, Seq},
    time::Hour,
};

use crate::archive::Manifest;

/// What is remembered of a sealed hour, to decide what to read.
#[derive(Debug, Clone, Copy)]
struct Sealed {
    epoch: Epoch,
    first: Seq,
    last: Seq,
    /// The first and the last event that its verdicts are about; `None` in a quiet hour.
    targets: Option<(Position, Position)>,
}

/// The sealed hours: at least one, and none is missing between them.
#[derive(Debug)]
pub(super) struct SealedRun {
    first_hour: Hour,
    /// In order, one for each hour from `first_hour` to `last_hour`.
    hours: Vec<Sealed>,
    last_hour: Hour,
    /// Of the last hour's manifest.
    digest: Digest,
    /// Of the last hour: a later one may begin another.
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
pub(super) enum FrameSource {
    /// In the archive, under this hour.
    Archive(Hour),
    /// In the log.
    Log(Tail),
}

fn key(hour: Hour) -> ManifestKey {
    ManifestKey { stream: Stream::Verdicts, hour }
}

/// The error for an hour without a manifest.
pub(super) fn missing(hour: Hour) -> archive::Error {
    archive::Error::Missing(key(hour).path().to_string())
}

fn damaged(hour: Hour, reason: &str) -> archive::Error {
    archive::Error::Damaged { key: key(hour).path().to_string(), reason: reason.to_owned() }
}

/// Whether a closed range of targets and a half-open one have a position in common.
pub(super) fn touches((first, last): (Position, Position), targets: &Range<Position>) -> bool {
    first < targets.end && targets.start <= last
}

impl Tail {
    pub(super) fn after(run: Option<&SealedRun>) -> Self {
        match run {
            None => Self { next: Seq::FIRST, chain: Chain::default(), epoch: None, next_manifest: None },
            Some(run) => Self {
                next: run.next(),
                chain: run.chain.clone(),
                epoch: Some(run.epoch),
                next_manifest: Some(key(run.last_hour.next())),
            },
        }
    }
}

impl SealedRun {
    /// Begins with the manifest of the first hour ever.
    pub(super) fn begin(manifest: &Manifest) -> Result<Self, archive::Error> {
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

    /// The last hour.
    pub(super) fn last_hour(&self) -> Hour {
        self.last_hour
    }

    /// The hours whose verdicts before `before` may be about `targets`, in order.
    pub(super) fn touching(&self, targets: &Range<Position>, before: Position) -> Vec<Hour> {
        let is_asked = |sealed: &Sealed| {
            let begins = Position::new(sealed.epoch, sealed.first, 0);
            begins < before && sealed.targets.is_some_and(|range| touches(range, targets))
        };
        let hours = (self.first_hour.as_i64()..).map(Hour::from_i64).zip(&self.hours);
        hours.filter(|(_, sealed)| is_asked(sealed)).map(|(hour, _)| hour).collect()
    }

    /// The hour that holds frame `seq`; `None` if it is not sealed.
    pub(super) fn holding(&self, seq: Seq) -> Option<Hour> {
        let index = self.hours.partition_point(|sealed| sealed.last < seq);
        let offset = i64::try_from(index).ok().filter(|_| index < self.hours.len())?;
        Some(Hour::from_i64(self.first_hour.as_i64() + offset))
    }

    /// The epoch of frame `seq`; `None` if it is not sealed.
    pub(super) fn epoch_of(&self, seq: Seq) -> Option<Epoch> {
        self.hours.get(self.hours.partition_point(|sealed| sealed.last < seq)).map(|sealed| sealed.epoch)
    }

    /// Takes in the manifest of the next hour.
    pub(super) fn push(&mut self, manifest: &Manifest) -> Result<(), archive::Error> {
        let hour = manifest.hour();
        let follows = manifest.previous == Some(self.digest.to_string())
            && manifest.first_seq() == self.next()
            && manifest.epoch() >= self.epoch;
        if !follows {
            return Err(damaged(hour, "it does not follow the manifest of the hour before"));
        }
        self.chain = chain_after(manifest)?;
        self.hours.push(Sealed::of(manifest));
        self.last_hour = hour;
        self.digest = manifest.digest();
        self.epoch = manifest.epoch();
        let hours = i64::try_from(self.hours.len()).expect("an archive has few hours");
        let spanned = self.last_hour.as_i64() - self.first_hour.as_i64() + 1;
        invariant!(I4, hours == spanned, "{hours} hours are known, up to {} there are {spanned}", self.last_hour);
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
        Self { epoch: manifest.epoch(), first: manifest.first_seq(), last: manifest.last_seq(), targets }
    }
}
