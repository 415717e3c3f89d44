//! Logs what was sealed, and signs.
//!
//! One step: read what others logged behind the newest checkpoint; log hours that were sealed since, each after it was
//! read back; make the tiles; sign. A process may die between any two of these. Entries without a checkpoint are signed
//! by the next that runs, after it has read their hours back itself; tiles without one are what it makes again.

use std::{collections::BTreeSet, sync::Arc};

use clicktrail_evidence::{
    Hash,
    note::{Kind, Note, SigningKey, VerifierKey},
    tlog::{Checkpoint, Edge, Entry, Tile, bundle},
};

use super::{
    candidates::{Candidate, Candidates, Logged, first_sealed, manifest_digest},
    error::{Error, damaged},
    hours::Hours,
    objects::{Kept, Objects, publish},
    standing::{Standing, check_ours, place},
};
use crate::{
    archive::{keys::TransparencyKey, store::Archive},
    frame::Digest,
    invariant,
    time::Hour,
};

/// Entries that one step signs at most: then a checkpoint stands, and what was read back need not be read again.
const ENTRIES_A_STEP: usize = 256;
/// Keys that sign together: the one that stays, and the one that comes or goes.
const KEYS_MAX: usize = 2;

/// What signs: one key, or two of one name while the one replaces the other.
#[derive(Debug)]
pub struct Keys {
    signing: Vec<SigningKey>,
    verifying: Vec<VerifierKey>,
}

impl Keys {
    /// Keys that sign together.
    ///
    /// # Errors
    /// [`Error::Keys`] if they are none, too many, of several logs, one twice, or keys of witnesses.
    pub fn new(signing: Vec<SigningKey>) -> Result<Self, Error> {
        let verifying: Vec<_> = signing.iter().map(|key| key.verifier().clone()).collect();
        let refused = |reason: String| Err(Error::Keys(reason));
        let [first, others @ ..] = verifying.as_slice() else { return refused("there is no key to sign with".into()) };
        if verifying.len() > KEYS_MAX {
            return refused(format!("{} keys were given: at most {KEYS_MAX} sign together", verifying.len()));
        }
        if let Some(other) = others.iter().find(|other| other.name() != first.name()) {
            return refused(format!(
                "the keys are of {:?} and {:?}: keys that sign together have the name of one log",
                first.name(),
                other.name()
            ));
        }
        if others.contains(first) {
            return refused(format!("the key {first} was given twice"));
        }
        if let Some(witness) = verifying.iter().find(|key| key.kind() != Kind::Ed25519) {
            return refused(format!("{witness} is the key of a witness: it signs no log"));
        }
        Ok(Self { signing, verifying })
    }

    /// The name of the log.
    pub fn origin(&self) -> &str {
        self.verifying[0].name()
    }

    /// What others verify with.
    pub fn verifying(&self) -> &[VerifierKey] {
        &self.verifying
    }
}

/// What a step did.
#[derive(Debug)]
pub struct Signed {
    /// The newest checkpoint, if one was signed now.
    pub checkpoint: Option<Kept>,
    /// Entries that it is over and the one before was not.
    pub entries: usize,
    /// Hours that do not read back: of each stream the first, which keeps the others of its stream from being signed.
    pub left_out: Vec<Error>,
    /// Whether more waits to be signed.
    pub is_behind: bool,
}

/// Signs the log of logs of one archive. Several may: they never sign two histories.
#[derive(Debug)]
pub struct Signer {
    objects: Objects,
    keys: Keys,
    hours: Arc<dyn Hours>,
    standing: Option<Standing>,
    /// Hours that were read back and are not signed: an attempt that failed does not read them again.
    read_back: BTreeSet<(&'static str, Hour, Hash)>,
}

/// The entries of one step.
struct Step {
    logged: Logged,
    entries: Vec<Entry>,
    left_out: Vec<Error>,
    is_behind: bool,
}

impl Signer {
    /// A signer of `archive`; `hours` reads hours back.
    pub fn new(archive: Archive, keys: Keys, hours: Arc<dyn Hours>) -> Self {
        Self { objects: Objects { archive }, keys, hours, standing: None, read_back: BTreeSet::new() }
    }

    /// What signs.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Logs and signs up to some hundreds of hours that were sealed and are not signed.
    ///
    /// # Errors
    /// See [`Error`]. The same call may be made again.
    pub async fn step(&mut self) -> Result<Signed, Error> {
        let standing = match self.standing.take() {
            Some(standing) => standing,
            None => Standing::read(&self.objects, self.keys.origin(), &self.keys.verifying).await?,
        };
        let mut step = Step { logged: standing.logged, entries: Vec::new(), left_out: Vec::new(), is_behind: false };
        self.take_tail(&standing, &mut step).await?;
        self.log_sealed(&standing, &mut step).await?;
        let (entries, left_out, is_behind) = (step.entries.len(), step.left_out, step.is_behind);
        if entries == 0 {
            self.standing = Some(standing);
            return Ok(Signed { checkpoint: None, entries, left_out, is_behind });
        }
        let (after, kept) = self.sign(standing, step.entries, step.logged).await?;
        self.standing = Some(after);
        self.read_back.clear();
        Ok(Signed { checkpoint: Some(kept), entries, left_out, is_behind })
    }

    /// What was logged and is not signed: by another process, or by one that died.
    async fn take_tail(&mut self, standing: &Standing, step: &mut Step) -> Result<(), Error> {
        while step.entries.len() < ENTRIES_A_STEP {
            let number = standing.edge.size() + step.entries.len() as u64;
            let Some(entry) = self.objects.entry(number).await? else { return Ok(()) };
            self.admit(number, entry, step).await?;
        }
        step.is_behind = true;
        Ok(())
    }

    /// Takes an entry that stands. It is never taken back, so what is wrong with it is an error until it is mended.
    async fn admit(&mut self, number: u64, entry: Entry, step: &mut Step) -> Result<(), Error> {
        let wrong = |reason: String| Error::Entry { number, reason };
        let (stream, hour) = place(&entry).ok_or_else(|| wrong(format!("{entry} is of no stream that is sealed")))?;
        if !step.logged.may_follow(stream, hour) {
            let last = step.logged.last(stream).map(|last| last.to_string()).unwrap_or_default();
            return Err(wrong(format!("{stream} of {hour} do not follow those of {last}")));
        }
        if step.logged.last(stream).is_none() && first_sealed(&self.objects.archive, stream).await? != Some(hour) {
            return Err(wrong(format!("{stream} do not begin with the hour {hour}")));
        }
        let digest = manifest_digest(&self.objects.archive, stream, hour).await?;
        let manifest = Digest(entry.manifest.0);
        if digest != Some(manifest) {
            return Err(wrong(format!("the manifest of {stream} of {hour} is gone or is another one")));
        }
        let previous = step.logged.last_manifest(stream);
        self.check_hour(&Candidate { stream, hour, manifest, previous }).await?;
        // Whoever put it there may not have made it durable yet.
        if !self.objects.create_entry(number, &entry).await? {
            return Err(damaged(&TransparencyKey::Entry(number).path(), "it changed while it was read"));
        }
        step.logged.follow(stream, hour, manifest);
        step.entries.push(entry);
        Ok(())
    }

    /// Logs hours that were sealed, in order, each once it was read back.
    async fn log_sealed(&mut self, standing: &Standing, step: &mut Step) -> Result<(), Error> {
        if step.is_behind {
            return Ok(());
        }
        let mut candidates = Candidates::find(&self.objects.archive, &step.logged).await?;
        while let Some(candidate) = candidates.first() {
            if step.entries.len() == ENTRIES_A_STEP {
                step.is_behind = true;
                return Ok(());
            }
            match self.check_hour(&candidate).await {
                Ok(()) => {}
                // What is wrong with one stream does not keep the others from being signed.
                Err(error @ Error::Hour { .. }) => {
                    step.left_out.push(error);
                    candidates.leave_out(candidate.stream);
                    continue;
                }
                Err(error) => return Err(error),
            }
            let Candidate { stream, hour, manifest, .. } = candidate;
            let entry =
                Entry { stream: stream.as_str().to_owned(), hour: hour.to_string(), manifest: Hash(manifest.0) };
            let number = standing.edge.size() + step.entries.len() as u64;
            let may_follow = step.logged.may_follow(stream, hour);
            invariant!(I3, may_follow, "{stream} of {hour} are about to follow {:?}", step.logged.last(stream));
            if self.objects.create_entry(number, &entry).await? {
                step.logged.follow(stream, hour, manifest);
                step.entries.push(entry);
                candidates.refresh(&self.objects.archive, &step.logged, stream).await?;
            } else {
                // Another process took the place: what stands there comes first.
                let other = self.objects.entry(number).await?;
                let gone = || damaged(&TransparencyKey::Entry(number).path(), "it was there and is gone");
                self.admit(number, other.ok_or_else(gone)?, step).await?;
                candidates = Candidates::find(&self.objects.archive, &step.logged).await?;
            }
        }
        Ok(())
    }

    async fn check_hour(&mut self, candidate: &Candidate) -> Result<(), Error> {
        let Candidate { stream, hour, manifest, previous } = *candidate;
        let known = (stream.as_str(), hour, Hash(manifest.0));
        if self.read_back.contains(&known) {
            return Ok(());
        }
        let problems = self.hours.problems(stream, hour, manifest, previous).await?;
        if let Some(first) = problems.first() {
            return Err(Error::Hour { stream, hour, reason: format!("{}: {}", first.key, first.reason) });
        }
        self.read_back.insert(known);
        Ok(())
    }

    /// Makes what the entries give, then the checkpoint over them.
    async fn sign(&self, before: Standing, entries: Vec<Entry>, logged: Logged) -> Result<(Standing, Kept), Error> {
        let Standing { mut edge, mut pending, .. } = before;
        let (old, mut filled) = (edge.size(), Vec::new());
        for entry in entries {
            let full = edge.push(entry.leaf());
            pending.push(entry);
            for (tile, hashes) in full {
                if tile.level == 0 {
                    self.put_bundle(tile, &std::mem::take(&mut pending)).await?;
                }
                self.objects.create_derived(&TransparencyKey::Tile(tile), Tile::encode(&hashes).into()).await?;
                filled.push(tile);
            }
        }
        for (tile, hashes) in edge.partial() {
            if tile.level == 0 {
                self.put_bundle(tile, &pending).await?;
            }
            self.objects.create_derived(&TransparencyKey::Tile(tile), Tile::encode(&hashes).into()).await?;
        }
        invariant!(
            I3,
            edge.size() > old,
            "a checkpoint over {} entries is about to follow one over {old}",
            edge.size()
        );
        let kept = self.put_checkpoint(&edge).await?;
        // Last: a signer that finds the checkpoint before this one begins at its partial tiles.
        for tile in filled {
            self.objects.remove_partial(tile).await;
        }
        Ok((Standing { edge, pending, logged }, kept))
    }

    async fn put_bundle(&self, tile: Tile, entries: &[Entry]) -> Result<(), Error> {
        invariant!(I3, entries.len() == usize::from(tile.width), "{} entries for {tile:?}", entries.len());
        let bytes = bundle::encode(entries.iter().map(Entry::to_string));
        self.objects.create_derived(&TransparencyKey::Entries(tile), bytes.into()).await
    }

    /// Signs a tree. If it was signed already, with whichever of our keys, that stands.
    async fn put_checkpoint(&self, edge: &Edge) -> Result<Kept, Error> {
        let size = edge.size();
        let checkpoint = Checkpoint { origin: self.keys.origin().to_owned(), size, root: edge.root() };
        let signing: Vec<_> = self.keys.signing.iter().collect();
        let note = Note::sign(&checkpoint.to_string(), &signing, 0).expect("a checkpoint is a text of lines");
        let key = TransparencyKey::Checkpoint(size);
        let mut kept = Kept { note, checkpoint };
        let is_ours = check_ours(&kept, self.keys.origin(), &self.keys.verifying);
        invariant!(I3, is_ours.is_ok(), "a checkpoint that nobody would take is about to be kept: {is_ours:?}");
        if !self.objects.create(&key, kept.note.to_string().into()).await? {
            let stands = self.objects.checkpoint(size).await?;
            let stands = stands.ok_or_else(|| damaged(&key.path(), "it was there and is gone"))?;
            check_ours(&stands, self.keys.origin(), &self.keys.verifying)?;
            if stands.checkpoint.root != kept.checkpoint.root {
                return Err(Error::Forked { size });
            }
            kept = stands;
        }
        publish(&self.objects, kept).await
    }
}
