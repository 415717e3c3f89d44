//! Compares the log of logs with the archive: every entry stands once and in order, names a manifest that is there, and
//! is in its bundle; every tile and every checkpoint is what the entries give. It collects every problem.

use std::collections::{BTreeMap, BTreeSet};

use clicktrail_evidence::{
    Hash,
    note::VerifierKey,
    tlog::{Edge, Entry, Tile, bundle},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    candidates::{Logged, manifest_digest},
    error::Error,
    objects::{Kept, Objects},
    standing::place,
    streams::STREAMS,
};
use crate::{
    archive::{
        keys::{TransparencyKey, remedy},
        store::{self, Archive},
    },
    causes::causes,
    frame::Digest,
    log::Stream,
    time::Hour,
};

/// Objects that are read side by side.
const AT_ONCE: usize = 16;

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// Entries that were read.
    pub entries: u64,
    /// Checkpoints that were compared with them.
    pub checkpoints: u64,
    /// The newest checkpoint.
    pub newest: Option<Kept>,
    /// Names of the given keys that signed it; empty if none was given.
    pub signed_by: Vec<String>,
    /// Sealed hours that no checkpoint is over: entries behind the newest, and hours that are not logged yet.
    pub unsigned: u64,
    /// The object at fault, and what is wrong with it.
    pub problems: Vec<(String, String)>,
}

impl Report {
    fn problem(&mut self, key: &TransparencyKey, reason: impl Into<String>) {
        self.problems.push((key.path().to_string(), reason.into()));
    }
}

/// What is read of the log, entry by entry.
struct Walk {
    objects: Objects,
    report: Report,
    edge: Edge,
    logged: Logged,
    /// The manifests that are there, less those that an entry names.
    sealed: BTreeMap<(usize, Hour), Digest>,
    /// Entries of the bundle in the making.
    pending: Vec<Entry>,
}

/// Checks the log of logs of an archive; `None` if it has none. `keys` are those that its checkpoints must be signed
/// by.
///
/// # Errors
/// Only [`Error::Store`] with a store that is not available: whatever is wrong goes into the report.
pub async fn check(archive: &Archive, keys: &[VerifierKey]) -> Result<Option<Report>, Error> {
    if !archive.holds_any(&TransparencyKey::prefix()).await? {
        return Ok(None);
    }
    let objects = Objects { archive: archive.clone() };
    let mut walk = Walk {
        report: Report::default(),
        edge: Edge::default(),
        logged: Logged::default(),
        sealed: sealed(archive).await?,
        pending: Vec::new(),
        objects,
    };
    let sizes: BTreeSet<u64> = match walk.objects.sizes(&TransparencyKey::checkpoints()).await {
        Ok(sizes) => sizes.into_iter().collect(),
        Err(error) => {
            walk.report.problems.push(problem(error)?);
            BTreeSet::new()
        }
    };
    walk.entries(&sizes, keys).await?;
    walk.end(&sizes).await?;
    Ok(Some(walk.report))
}

/// An error as a problem; the store that cannot be reached stays an error.
fn problem(error: Error) -> Result<(String, String), Error> {
    match error {
        Error::Store(unavailable @ store::Error::Unavailable { .. }) => Err(unavailable.into()),
        Error::Store(store::Error::Damaged { key, reason }) => {
            let help = remedy(&key);
            Ok((key, format!("{reason}: {help}")))
        }
        Error::Store(store::Error::Missing(key)) => {
            let help = remedy(&key);
            Ok((key, format!("it is missing: {help}")))
        }
        other => Ok((TransparencyKey::prefix().to_string(), causes(&other))),
    }
}

/// Every manifest that is there.
async fn sealed(archive: &Archive) -> Result<BTreeMap<(usize, Hour), Digest>, Error> {
    let mut sealed = BTreeMap::new();
    for (place, stream) in STREAMS.into_iter().enumerate() {
        let hours = archive.sealed_hours(stream).await?;
        let read = hours
            .into_iter()
            .map(|hour| async move { Ok::<_, store::Error>((hour, manifest_digest(archive, stream, hour).await?)) });
        let read: Vec<_> = stream::iter(read).buffered(AT_ONCE).try_collect().await?;
        let there = read.into_iter().filter_map(|(hour, digest)| Some(((place, hour), digest?)));
        sealed.extend(there);
    }
    Ok(sealed)
}

impl Walk {
    /// Reads entries until one is not there, and compares checkpoints and tiles on the way.
    async fn entries(&mut self, sizes: &BTreeSet<u64>, keys: &[VerifierKey]) -> Result<(), Error> {
        let newest = sizes.last().copied().unwrap_or(0);
        loop {
            let first = self.edge.size();
            let objects = &self.objects;
            let read = (first..first + AT_ONCE as u64).map(|number| async move { objects.entry(number).await });
            let read: Vec<_> = stream::iter(read).buffered(AT_ONCE).collect().await;
            for found in read {
                let number = self.edge.size();
                let entry = match found {
                    Ok(Some(entry)) => entry,
                    Ok(None) if number >= newest => return Ok(()),
                    Ok(None) => {
                        let there = TransparencyKey::Entry(number);
                        let help = remedy(there.path().as_ref());
                        let reason = format!("it is missing, and {newest} entries were signed: {help}");
                        self.report.problem(&there, reason);
                        return Ok(());
                    }
                    Err(error) => {
                        self.report.problems.push(problem(error)?);
                        return Ok(());
                    }
                };
                self.entry(number, entry, newest).await?;
                if sizes.contains(&self.edge.size()) {
                    self.checkpoint(keys, newest).await?;
                }
            }
        }
    }

    async fn entry(&mut self, number: u64, entry: Entry, newest: u64) -> Result<(), Error> {
        self.report.entries += 1;
        let key = TransparencyKey::Entry(number);
        match place(&entry) {
            Some((stream, hour)) => self.hour(&key, (stream, hour), &entry.manifest),
            None => self.report.problem(&key, "it is of no stream that is sealed"),
        }
        let full = self.edge.push(entry.leaf());
        self.pending.push(entry);
        for (tile, hashes) in full {
            if tile.index.saturating_add(1).checked_shl(8 * (tile.level + 1)).is_some_and(|end| end <= newest) {
                self.tile(tile, &hashes).await?;
            }
            if tile.level == 0 {
                self.pending.clear();
            }
        }
        Ok(())
    }

    fn hour(&mut self, key: &TransparencyKey, (stream, hour): (Stream, Hour), manifest: &Hash) {
        if !self.logged.may_follow(stream, hour) {
            let last = self.logged.last(stream).map(|last| last.to_string()).unwrap_or_default();
            self.report.problem(key, format!("{stream} of {hour} do not follow those of {last}"));
        }
        self.logged.follow(stream, hour, Digest(manifest.0));
        let place = STREAMS.iter().position(|known| *known == stream).unwrap_or_default();
        match self.sealed.remove(&(place, hour)) {
            Some(digest) if digest.0 == manifest.0 => {}
            Some(_) => self.report.problem(key, format!("the manifest of {stream} of {hour} is another one now")),
            None => self.report.problem(key, format!("the manifest of {stream} of {hour} is gone")),
        }
    }

    /// A tile, and the bundle of a tile of leaves, against what the entries give.
    async fn tile(&mut self, tile: Tile, hashes: &[Hash]) -> Result<(), Error> {
        let mut expected = vec![(TransparencyKey::Tile(tile), Tile::encode(hashes))];
        if tile.level == 0 {
            let entries = self.pending.iter().map(Entry::to_string);
            expected.push((TransparencyKey::Entries(tile), bundle::encode(entries)));
        }
        for (key, bytes) in expected {
            let help = remedy(key.path().as_ref());
            match self.objects.get(&key).await? {
                Some(found) if found == bytes => {}
                Some(_) => self.report.problem(&key, format!("it is not what the entries give: {help}")),
                None => self.report.problem(&key, format!("it is missing: {help}")),
            }
        }
        Ok(())
    }

    /// The checkpoint over the entries so far.
    async fn checkpoint(&mut self, keys: &[VerifierKey], newest: u64) -> Result<(), Error> {
        let size = self.edge.size();
        let key = TransparencyKey::Checkpoint(size);
        let kept = match self.objects.checkpoint(size).await {
            Ok(Some(kept)) => kept,
            Ok(None) => return Ok(()),
            Err(error) => {
                self.report.problems.push(problem(error)?);
                return Ok(());
            }
        };
        self.report.checkpoints += 1;
        if kept.checkpoint.root != self.edge.root() {
            self.report.problem(&key, "its root is not that of the entries: the log was changed, or this was");
        }
        let mut signed_by = Vec::new();
        if !keys.is_empty() {
            match kept.note.verify(keys) {
                Ok(signed) => signed_by.extend(signed.iter().map(|signed| signed.key.to_string())),
                Err(error) => self.report.problem(&key, error.to_string()),
            }
            let is_ours = keys.iter().any(|key| key.name() == kept.checkpoint.origin);
            if !is_ours {
                let origin = &kept.checkpoint.origin;
                self.report.problem(&key, format!("it is of the log {origin:?}, which none of the keys is of"));
            }
        }
        if size == newest {
            for (tile, hashes) in self.edge.partial() {
                self.tile(tile, &hashes).await?;
            }
            self.report.signed_by = signed_by;
            self.report.newest = Some(kept);
        }
        Ok(())
    }

    async fn end(&mut self, sizes: &BTreeSet<u64>) -> Result<(), Error> {
        let (entries, newest) = (self.edge.size(), sizes.last().copied().unwrap_or(0));
        for size in sizes.range(entries + 1..) {
            let reason = format!("it is over more entries than the {entries} that are there");
            self.report.problem(&TransparencyKey::Checkpoint(*size), reason);
        }
        let passed_over: Vec<_> =
            self.sealed.keys().filter(|(place, hour)| self.logged.is_past(*place, *hour)).collect();
        for (place, hour) in passed_over {
            let reason = format!("{} of {hour} are sealed and were passed over", STREAMS[*place]);
            self.report.problems.push((TransparencyKey::prefix().to_string(), reason));
        }
        self.report.unsigned = entries.saturating_sub(newest) + self.sealed.len() as u64;
        let copy = self.objects.get(&TransparencyKey::Newest).await?;
        let copy = copy.as_deref().map(Kept::parse);
        match (&self.report.newest, copy) {
            (Some(newest), Some(Ok(copy))) if newest.checkpoint == copy.checkpoint => {}
            // A process that died behind the checkpoint has not replaced the copy; the next one does.
            (Some(newest), Some(Ok(copy))) if copy.checkpoint.size < newest.checkpoint.size => {}
            (None, _) | (Some(_), None) => {}
            (Some(_), Some(Ok(_))) => {
                self.report.problem(&TransparencyKey::Newest, "it is not a copy of a checkpoint that is kept")
            }
            (Some(_), Some(Err(reason))) => self.report.problem(&TransparencyKey::Newest, reason),
        }
        Ok(())
    }
}
