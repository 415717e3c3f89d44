//! Erases rows' personal columns from a sealed hour.
//!
//! The steps, each of which can be done again: the files of what is left are put; the redaction that names them is
//! created; the files in whose place they stand are removed, and then the key of the hour. *Dies before the redaction:
//! nothing is erased yet, and the new files belong to nobody. Dies after it: [`Archive::sweep`] goes on.* Whoever
//! comes second with the same number begins again from what the first left.

#![expect(clippy::disallowed_methods, reason = "parts are decoded and written on a thread that may block")]

use std::{collections::BTreeSet, ops::Range, time::Duration};

use arrow::array::AsArray as _;
use bytes::Bytes;
use clicktrail_evidence::salt::HourKey;

use super::{
    chooses::Chooses,
    columns::ERASED,
    document::{Cause, Making, RedactedPart, Redaction},
    rewrite::{Chosen, Halves, Rewritten, choose, erased_in},
};
use crate::{
    archive::{
        entry::{Entry as _, File},
        keys::{Half, PartKey, RedactionKey, SaltsKey},
        manifest::{Manifest, Part},
        ranged,
        store::{Archive, Error},
        trees::prove,
    },
    causes::causes,
    frame::Digest,
    log::Stream,
    position::{Position, Seq},
    time::Timestamp,
};

/// How often an hour is begun again because somebody else erased something of it meanwhile.
pub(crate) const TRIES: usize = 16;
/// How long a file that nobody names is left alone: somebody may be about to name it.
pub(crate) const LEFT_ALONE: Duration = Duration::from_secs(3_600);

/// How many rows an hour holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// That are to go, and have not gone.
    pub found: u64,
    /// That went before.
    pub erased: u64,
    /// In all.
    pub rows: u64,
}

/// What became of an hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hidden {
    /// Rows whose values were erased now.
    pub rows: u64,
    /// Files that nobody names, and that are too young to be removed.
    pub left_alone: u64,
}

impl Archive {
    /// How many rows of an hour are to go. Memory is bounded by a part.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Damaged`], [`Error::Unavailable`].
    pub async fn holds_about(&self, manifest: &Manifest, chooses: &Chooses) -> Result<Held, Error> {
        let left = self.left_of::<RedactedPart, _>(manifest).await?;
        let mut held = Held { rows: manifest.rows, ..Held::default() };
        for part in &manifest.parts {
            let Chosen { goes, erased } = self.chosen(part, left.as_ref(), chooses).await?;
            held.found += goes.iter().filter(|goes| **goes).count() as u64;
            held.erased += erased;
        }
        Ok(held)
    }

    /// Erases the personal columns of some rows of an hour, and finishes what was begun before.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Damaged`], [`Error::Unavailable`]; the same call may be made again.
    pub async fn redact(
        &self,
        manifest: &Manifest,
        chooses: &Chooses,
        cause: Cause,
        at: Timestamp,
    ) -> Result<Hidden, Error> {
        for _ in 0..TRIES {
            let left = self.left_of::<RedactedPart, _>(manifest).await?;
            let mut found = Vec::with_capacity(manifest.parts.len());
            for part in &manifest.parts {
                found.push(self.chosen(part, left.as_ref(), chooses).await?.goes);
            }
            let rows = found.iter().flatten().filter(|goes| **goes).count() as u64;
            if rows == 0 {
                return Ok(Hidden { rows: 0, left_alone: self.sweep(manifest, at).await? });
            }
            let key = match &manifest.trees {
                Some(told) => self.key_of(told).await?,
                None => None,
            };
            let mut parts = Vec::with_capacity(found.len());
            for (part, goes) in manifest.parts.iter().zip(found) {
                parts.push(self.put_left(manifest, part, left.as_ref(), goes, key.clone()).await?);
            }
            let making = Making { manifest, before: left.as_ref(), at, cause };
            let made = Redaction::new(making, parts);
            let key = RedactionKey { stream: Stream::Clicks, hour: manifest.hour(), number: made.number };
            match self.create(&key.path(), made.to_bytes().into()).await {
                Ok(()) => return Ok(Hidden { rows, left_alone: self.sweep(manifest, at).await? }),
                // Somebody else erased something meanwhile: what was just written does not know of it.
                Err(Error::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Setup(format!("others keep erasing from {}: nothing more was erased of it", manifest.hour)))
    }

    /// Which rows of a part are to go that have not gone.
    async fn chosen(&self, part: &Part, left: Option<&Redaction>, chooses: &Chooses) -> Result<Chosen, Error> {
        let (core, personal) = self.halves(part, left).await?;
        let chooses = chooses.clone();
        on_thread(part, move || choose(core, personal, &chooses)).await
    }

    async fn halves(&self, part: &Part, left: Option<&Redaction>) -> Result<(Bytes, Bytes), Error> {
        let core = self.get_file(now(part, left, Half::Core)).await?;
        Ok((core, self.get_file(now(part, left, Half::Personal)).await?))
    }

    /// Puts what is left of a part.
    async fn put_left(
        &self,
        manifest: &Manifest,
        part: &Part,
        left: Option<&Redaction>,
        goes: Vec<bool>,
        key: Option<HourKey>,
    ) -> Result<RedactedPart, Error> {
        let (core, personal) = self.halves(part, left).await?;
        let has_trees = manifest.trees.is_some();
        let rewritten = on_thread(part, move || Halves::read(core, personal)?.without(&goes, has_trees, key.as_ref()));
        let Rewritten { core, personal, erased } = rewritten.await?;
        let core = match core {
            Some(bytes) => Some(self.put_half(manifest, part, Half::Core, bytes).await?),
            None => None,
        };
        let personal = self.put_half(manifest, part, Half::Personal, personal).await?;
        Ok(RedactedPart { first_seq: part.first_seq, last_seq: part.last_seq, erased, core, personal })
    }

    async fn put_half(&self, manifest: &Manifest, part: &Part, half: Half, bytes: Bytes) -> Result<File, Error> {
        let digest = Digest::of(&bytes);
        let seq = |seq| Seq::new(seq).ok_or_else(|| damaged(part, "its frames are out of range".into()));
        let key = PartKey::new(half, manifest.hour(), seq(part.first_seq)?, seq(part.last_seq)?, &digest).path();
        let file = File { key: key.to_string(), bytes: bytes.len() as u64, sha256: digest.to_string() };
        self.put_content(&key, bytes).await?;
        Ok(file)
    }

    /// Removes what belongs to nobody among the files of a sealed hour: those in whose place others stand, what
    /// processes that died left, and the key of an hour of which something was erased. Returns how many files are left
    /// alone because they are younger than an hour: somebody may be about to name them.
    ///
    /// # Errors
    /// As [`Archive::redaction`].
    pub async fn sweep(&self, manifest: &Manifest, now: Timestamp) -> Result<u64, Error> {
        let left = self.left_of::<RedactedPart, _>(manifest).await?;
        let named: BTreeSet<&str> = manifest.parts.iter().flat_map(Part::files).map(|file| file.key.as_str()).collect();
        let standing: BTreeSet<&str> = manifest
            .parts
            .iter()
            .flat_map(|part| [Half::Core, Half::Personal].map(|half| self::now(part, left.as_ref(), half).key.as_str()))
            .collect();
        let replaced = self.replaced(left.as_ref(), manifest.hour()).await?;
        let age = i64::try_from(LEFT_ALONE.as_micros()).expect("an hour");
        let (before, mut left_alone) = (now.plus_micros(-age), 0);
        for half in [Half::Personal, Half::Core] {
            let prefix = PartKey::prefix(half, manifest.hour());
            for found in self.list(&prefix).await? {
                let name = found.path.as_ref();
                if PartKey::parse(name).is_none() || standing.contains(name) {
                    continue;
                }
                if named.contains(name) || replaced.contains(name) || found.modified < before {
                    self.remove(&found.path).await?;
                } else {
                    left_alone += 1;
                }
            }
            left_alone += self.remove_torn(&prefix, before).await?;
        }
        if left.is_some() {
            self.remove(&SaltsKey { hour: manifest.hour() }.path()).await?;
        }
        Ok(left_alone)
    }

    /// Of some rows of an hour those that were not erased. Both are rows of the hour from 0, ascending and disjoint.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Damaged`], [`Error::Unavailable`].
    pub async fn not_erased(&self, manifest: &Manifest, ranges: &[Range<u64>]) -> Result<Vec<Range<u64>>, Error> {
        if self.left_of::<RedactedPart, _>(manifest).await?.is_none() {
            return Ok(ranges.to_vec());
        }
        let mut found: Vec<Range<u64>> = Vec::new();
        for (part, wanted) in prove::wanted_of_parts(&manifest.parts, ranges) {
            let rows = ranged::rows(self, &part.personal, &wanted.in_part, Some(&[ERASED])).await?;
            let column = rows.column_by_name(ERASED).and_then(|column| column.as_boolean_opt());
            let erased = column.ok_or_else(|| damaged(part, "it does not say what was erased".into()))?;
            let rows = wanted.in_hour.iter().cloned().flatten().enumerate();
            for row in rows.filter(|(at, _)| !erased.value(*at)).map(|(_, row)| row) {
                match found.last_mut() {
                    Some(last) if last.end == row => last.end = row + 1,
                    Some(_) | None => found.push(row..row + 1),
                }
            }
        }
        Ok(found)
    }

    /// The positions of the rows of an hour that were erased.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Damaged`], [`Error::Unavailable`].
    pub async fn erased_positions(&self, manifest: &Manifest) -> Result<Vec<Position>, Error> {
        let left = self.left_of::<RedactedPart, _>(manifest).await?.filter(|left| left.rows > 0);
        let Some(left) = left else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for part in &manifest.parts {
            let bytes = self.get_file(now(part, Some(&left), Half::Personal)).await?;
            found.extend(on_thread(part, move || erased_in(bytes)).await?);
        }
        Ok(found.into_iter().filter_map(Position::from_i64).collect())
    }
}

/// The file of a half of a part as it is now.
fn now<'f>(part: &'f Part, left: Option<&'f Redaction>, half: Half) -> &'f File {
    let sealed = match half {
        Half::Core => &part.core,
        Half::Personal => &part.personal,
    };
    left.and_then(|left| left.part(part.frames())).and_then(|part| part.file(half)).unwrap_or(sealed)
}

async fn on_thread<T: Send + 'static>(
    part: &Part,
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| Error::Setup(format!("read {}: {}", part.personal.key, causes(&error))))?;
    done.map_err(|reason| damaged(part, reason))
}

fn damaged(part: &Part, reason: String) -> Error {
    Error::Damaged { key: part.personal.key.clone(), reason }
}
