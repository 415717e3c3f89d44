//! Erases what arrived from a sealed hour of rejected events.
//!
//! The steps are those of an hour of clicks, and each can be done again: files of what is left are put; the redaction
//! that names them is created; the files in whose place they stand are removed. *Dies before the redaction: nothing is
//! erased yet, and the new files belong to nobody. Dies after it: [`Archive::sweep_rejected`] goes on.* A part of which
//! nothing goes keeps its file.

#![expect(clippy::disallowed_methods, reason = "parts are decoded and written on a thread that may block")]

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{
    layout::write,
    left::RedactedRejected,
    part::{Manifest, Part},
    read_back::unreadable,
};
use crate::{
    archive::{
        entry::File,
        keys::{RedactionKey, StreamPartKey},
        part,
        redaction::{
            Cause, Chooses, Hidden, Redaction,
            document::Making,
            hour::{LEFT_ALONE, TRIES},
        },
        store::{Archive, Error},
    },
    frame::Digest,
    log::Stream,
    position::Seq,
    rejected::erased::{is_erased, without},
    time::Timestamp,
};

/// A part without what arrived with some rows.
struct Rewritten {
    /// Rows that are to go and have not gone.
    goes: u64,
    /// Rows that went before.
    gone: u64,
    /// Its file; `None` if nothing goes.
    bytes: Option<Bytes>,
}

impl Archive {
    /// How many rows of an hour of rejected events are to go. Memory is bounded by a part.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Damaged`], [`Error::Unavailable`].
    pub async fn rejected_about(&self, manifest: &Manifest, chooses: &Chooses) -> Result<u64, Error> {
        let (left, mut found) = (self.left_of::<RedactedRejected, _>(manifest).await?, 0);
        for part in &manifest.parts {
            let bytes = self.get_file(now(part, left.as_ref())).await?;
            let chooses = chooses.clone();
            found += on_thread(part, move || rewrite(bytes, &chooses, false)).await?.goes;
        }
        Ok(found)
    }

    /// Erases what arrived with some rows of an hour of rejected events, and finishes what was begun before.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Damaged`], [`Error::Unavailable`]; the same call may be made again.
    pub async fn redact_rejected(
        &self,
        manifest: &Manifest,
        chooses: &Chooses,
        cause: Cause,
        at: Timestamp,
    ) -> Result<Hidden, Error> {
        for _ in 0..TRIES {
            let before = self.left_of::<RedactedRejected, _>(manifest).await?;
            let (mut rows, mut parts) = (0, Vec::with_capacity(manifest.parts.len()));
            for part in &manifest.parts {
                let (goes, left) = self.put_left_of(manifest, part, before.as_ref(), chooses).await?;
                rows += goes;
                parts.push(left);
            }
            // Rows that had lost what arrived before they were sealed are said to be erased, too.
            let erased = parts.iter().map(|part| part.erased).sum::<u64>();
            if rows == 0 && erased == before.as_ref().map_or(0, |before| before.rows) {
                return Ok(Hidden { rows: 0, left_alone: self.sweep_rejected(manifest, at).await? });
            }
            let made = Redaction::new(Making { manifest, before: before.as_ref(), at, cause }, parts);
            let key = RedactionKey { stream: Stream::Rejected, hour: manifest.hour(), number: made.number };
            match self.create(&key.path(), made.to_bytes().into()).await {
                Ok(()) => return Ok(Hidden { rows, left_alone: self.sweep_rejected(manifest, at).await? }),
                // Somebody else erased something meanwhile: what was just written does not know of it.
                Err(Error::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Setup(format!("others keep erasing from {}: nothing more was erased of it", manifest.hour)))
    }

    /// Puts what is left of a part, if something goes; how many rows do.
    async fn put_left_of(
        &self,
        manifest: &Manifest,
        part: &Part,
        before: Option<&Redaction<RedactedRejected>>,
        chooses: &Chooses,
    ) -> Result<(u64, RedactedRejected), Error> {
        let bytes = self.get_file(now(part, before)).await?;
        let chooses = chooses.clone();
        let Rewritten { goes, gone, bytes } = on_thread(part, move || rewrite(bytes, &chooses, true)).await?;
        let file = match bytes {
            Some(bytes) => self.put_part(manifest, part, bytes).await?,
            None => now(part, before).clone(),
        };
        Ok((goes, RedactedRejected { first_seq: part.first_seq, last_seq: part.last_seq, erased: goes + gone, file }))
    }

    async fn put_part(&self, manifest: &Manifest, part: &Part, bytes: Bytes) -> Result<File, Error> {
        let digest = Digest::of(&bytes);
        let seq = |seq| Seq::new(seq).ok_or_else(|| damaged(part, "its frames are out of range".into()));
        let (first, last) = (seq(part.first_seq)?, seq(part.last_seq)?);
        let key = StreamPartKey::new(Stream::Rejected, manifest.hour(), first, last, &digest).path();
        let file = File { key: key.to_string(), bytes: bytes.len() as u64, sha256: digest.to_string() };
        self.put_content(&key, bytes).await?;
        Ok(file)
    }

    /// Removes what belongs to nobody among the files of a sealed hour of rejected events. Returns how many are left
    /// alone because they are younger than an hour: somebody may be about to name them.
    ///
    /// # Errors
    /// As [`Archive::redaction`].
    pub async fn sweep_rejected(&self, manifest: &Manifest, now: Timestamp) -> Result<u64, Error> {
        let left = self.left_of::<RedactedRejected, _>(manifest).await?;
        let named: BTreeSet<&str> = manifest.parts.iter().map(|part| part.file.key.as_str()).collect();
        let standing: BTreeSet<&str> =
            manifest.parts.iter().map(|part| self::now(part, left.as_ref()).key.as_str()).collect();
        let replaced = self.replaced(left.as_ref(), manifest.hour()).await?;
        let age = i64::try_from(LEFT_ALONE.as_micros()).expect("an hour");
        let (before, mut left_alone) = (now.plus_micros(-age), 0);
        let prefix = StreamPartKey::prefix(Stream::Rejected, manifest.hour());
        for found in self.list(&prefix).await? {
            let name = found.path.as_ref();
            if StreamPartKey::parse(name).is_none() || standing.contains(name) {
                continue;
            }
            if named.contains(name) || replaced.contains(name) || found.modified < before {
                self.remove(&found.path).await?;
            } else {
                left_alone += 1;
            }
        }
        Ok(left_alone + self.remove_torn(&prefix, before).await?)
    }
}

/// The file of a part as it is now.
fn now<'f>(part: &'f Part, left: Option<&'f Redaction<RedactedRejected>>) -> &'f File {
    left.and_then(|left| left.part((part.first_seq, part.last_seq))).map_or(&part.file, |left| &left.file)
}

/// Asks for each row of a part whether it is to go, and makes the file without what arrived with these if it is wanted.
fn rewrite(bytes: Bytes, chooses: &Chooses, is_written: bool) -> Result<Rewritten, String> {
    let (mut found, mut left) = (Rewritten { goes: 0, gone: 0, bytes: None }, Vec::new());
    for rows in part::read(bytes, None).map_err(unreadable)? {
        let rows = rows.map_err(unreadable)?;
        let gone = is_erased(&rows);
        let chosen = chooses.of(&rows).into_iter().chain(std::iter::repeat(false));
        let goes: Vec<bool> = gone.iter().zip(chosen).map(|(gone, chosen)| chosen && !gone).collect();
        let count = |rows: &[bool]| rows.iter().filter(|row| **row).count() as u64;
        (found.goes, found.gone) = (found.goes + count(&goes), found.gone + count(&gone));
        if is_written {
            left.push(without(&rows, &goes).map_err(unreadable)?);
        }
    }
    if is_written && found.goes > 0 {
        found.bytes = Some(write(&left).map_err(unreadable)?);
    }
    Ok(found)
}

async fn on_thread<T: Send + 'static>(
    part: &Part,
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| Error::Setup(format!("read {}: {error}", part.file.key)))?;
    done.map_err(|reason| damaged(part, reason))
}

fn damaged(part: &Part, reason: String) -> Error {
    Error::Damaged { key: part.file.key.clone(), reason }
}
