//! Exactly-once reading: which frames a reader counts, and when it raises the alarm.
//!
//! A broker recognises a copy of a frame only for a limited time; a frame's identity holds for ever. So every reader
//! folds the headers it sees through a [`Chain`]. It drops a frame only if it remembers the same digest under the same
//! writer, epoch and number: byte for byte what was read before. Whatever else comes counts, because it was
//! acknowledged, and raises the alarm where it does not fit: a number that was skipped, a previous digest that differs,
//! a number that comes again with other content.
//!
//! **Forks.** Two processes that write under one identity make two chains of it, in whatever order they reach the log.
//! The first frame that goes on from no known end begins another *branch*, with one alarm; each branch then goes on by
//! itself, because the frame that follows names the digest before it.
//!
//! **Bounds.** What is remembered depends on the frames before alone, so that every reader decides alike, whether it
//! read them all or begins with what a manifest kept. Beyond the bounds something is forgotten, never dropped: what
//! cannot be recognised counts, with an alarm.

use std::collections::BTreeMap;

use uuid::Uuid;

use self::identity::{Branch, Identity};
pub use self::{alarm::Alarm, stored::StoredWriter};
use crate::{
    frame::{Digest, Header, Writer},
    invariant,
};

mod alarm;
mod identity;
mod stored;
#[cfg(test)]
mod tests;

/// So many identities, those that wrote last, have more remembered of them than the end of each branch.
const WINDOWS_MAX: usize = 32;
/// So many identities of one data directory are remembered, those that wrote last: it has another at every start.
const STARTS_MAX: usize = 128;

/// What a reader does with a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// New, and it fits.
    Fresh,
    /// Byte for byte a frame that was read before: drop it and count it.
    Repeat,
    /// Its rows count, and a person must act: frames before it are missing, or differ from what its writer sent, or its
    /// number was used before.
    Broken(Alarm),
}

/// The state of every writer seen so far: a fold over headers in log order.
///
/// | frame | admission |
/// |---|---|
/// | its digest is remembered under its writer, epoch and number | repeat |
/// | number and previous digest go on from the end of a branch | fresh |
/// | number 1 of a writer or epoch that is not known, previous is zero | fresh |
/// | any other | broken: it counts, and begins a branch |
///
/// Remembered are the ends of branches, and 128 frames before each for the identities that wrote last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain(
    /// The one that wrote last at the end.
    Vec<Identity>,
);

impl Chain {
    /// Decides about the next header and takes it into the state.
    pub fn admit(&mut self, header: &Header) -> Admission {
        let digest = header.digest();
        let known = self.0.iter().rposition(|identity| identity.wrote(header));
        let Some(at) = known else { return self.begin(header, digest) };
        if self.0[at].remembers(header.number, &digest) {
            return Admission::Repeat;
        }
        let mut identity = self.0.remove(at);
        let alarm = identity.take(header, digest);
        invariant!(I1, identity.remembers(header.number, &digest), "frame {} is forgotten", header.message_id());
        self.0.push(identity);
        self.narrow();
        alarm.map_or(Admission::Fresh, Admission::Broken)
    }

    /// Whether this very frame is remembered.
    pub fn remembers(&self, header: &Header) -> bool {
        let digest = header.digest();
        self.0.iter().any(|identity| identity.wrote(header) && identity.remembers(header.number, &digest))
    }

    /// Takes in the first frame of an identity.
    fn begin(&mut self, header: &Header, digest: Digest) -> Admission {
        let (writer, epoch, number) = (header.writer, header.writer_epoch, header.number);
        let is_late = self.0.iter().any(|known| known.writer == writer && known.epoch > epoch);
        self.0.push(Identity { writer, epoch, branches: vec![Branch::new(number, digest)] });
        self.forget_starts(writer);
        self.narrow();
        if is_late {
            return Admission::Broken(Alarm::Reused { writer, epoch, number });
        }
        if number != 1 {
            return Admission::Broken(Alarm::Skipped { writer, epoch, last: 0, found: number });
        }
        if header.previous != Digest::ZERO {
            let (named, held) = (header.previous, Digest::ZERO);
            return Admission::Broken(Alarm::PreviousDiffers { writer, epoch, number, named, held });
        }
        Admission::Fresh
    }

    /// Forgets the identity of the directory of `writer` that has not written for longest, if it has too many.
    fn forget_starts(&mut self, writer: Uuid) {
        let directory = directory(writer);
        let is_of = |identity: &Identity| self::directory(identity.writer) == directory;
        if self.0.iter().filter(|identity| is_of(identity)).count() > STARTS_MAX {
            let oldest = self.0.iter().position(is_of).expect("there are more than a few");
            self.0.remove(oldest);
        }
    }

    /// Leaves the identity that has just become too old for more with the ends of its branches.
    fn narrow(&mut self) {
        if let Some(at) = self.0.len().checked_sub(WINDOWS_MAX + 1) {
            self.0[at].narrow();
        }
    }

    /// The last frame seen of a writer: `(epoch, number)`.
    pub fn last_of(&self, writer: Uuid) -> Option<(u32, u64)> {
        self.last_branch(writer).map(|(epoch, branch)| (epoch, branch.number))
    }

    fn last_branch(&self, writer: Uuid) -> Option<(u32, &Branch)> {
        let of_writer = self.0.iter().filter(|identity| identity.writer == writer);
        let branches = of_writer.flat_map(|identity| identity.branches.iter().map(|branch| (identity.epoch, branch)));
        branches.max_by_key(|(epoch, branch)| (*epoch, branch.number))
    }

    /// The writer that continues after the last frame seen of `id`, in the same epoch. If none was seen it begins.
    ///
    /// For an identity that several processes share: they append on the condition that nobody else did meanwhile, see
    /// [`Condition::Behind`](crate::log::Condition::Behind).
    pub fn writer(&self, id: Uuid) -> Writer {
        match self.last_branch(id) {
            Some((epoch, branch)) => Writer::resume(id, epoch, branch.number, branch.digest),
            None => Writer::new(id, 1),
        }
    }

    /// The state as a manifest keeps it: the identity that wrote last at the end.
    pub fn to_stored(&self) -> Vec<StoredWriter> {
        self.0.iter().flat_map(StoredWriter::of).collect()
    }

    /// The present state of every identity that wrote since a manifest kept `stored`, the one that wrote last at the
    /// end. `Chain::after` puts the two together again.
    pub fn changed_since(&self, stored: &[StoredWriter]) -> Vec<StoredWriter> {
        let mut before: BTreeMap<(Uuid, u32), Vec<(u64, &str)>> = BTreeMap::new();
        for branch in stored {
            before.entry((branch.writer, branch.epoch)).or_default().push((branch.number, &branch.digest));
        }
        let wrote = |identity: &&Identity| {
            let ends: Vec<_> =
                identity.branches.iter().map(|branch| (branch.number, branch.digest.to_string())).collect();
            let known = before.get(&(identity.writer, identity.epoch));
            known.is_none_or(|known| {
                !known.iter().copied().eq(ends.iter().map(|(number, digest)| (*number, digest.as_str())))
            })
        };
        self.0.iter().filter(wrote).flat_map(StoredWriter::of).collect()
    }

    /// The state that a manifest kept; `None` if a digest is not readable.
    pub fn from_stored(stored: &[StoredWriter]) -> Option<Self> {
        let mut chain = Self::default();
        for (identity, branch) in stored.iter().map(|kept| Some((kept, kept.branch()?))).collect::<Option<Vec<_>>>()? {
            let (writer, epoch) = (identity.writer, identity.epoch);
            match chain.0.iter_mut().find(|known| (known.writer, known.epoch) == (writer, epoch)) {
                Some(known) => known.branches.push(branch),
                None => chain.0.push(Identity { writer, epoch, branches: vec![branch] }),
            }
        }
        Some(chain)
    }

    /// The state `before` some frames, with the state of those that wrote in them.
    pub(crate) fn after(before: &[StoredWriter], changed: &[StoredWriter]) -> Option<Self> {
        let wrote = |kept: &StoredWriter| {
            changed.iter().any(|changed| (changed.writer, changed.epoch) == (kept.writer, kept.epoch))
        };
        let stayed = before.iter().filter(|kept| !wrote(kept)).cloned();
        let all: Vec<StoredWriter> = stayed.chain(changed.iter().cloned()).collect();
        Self::from_stored(&all).map(Self::bounded)
    }

    /// The state without what [`Chain::admit`] would have forgotten on the way here.
    fn bounded(mut self) -> Self {
        let mut starts: BTreeMap<Uuid, usize> = BTreeMap::new();
        let mut kept: Vec<Identity> = Vec::with_capacity(self.0.len());
        for identity in self.0.drain(..).rev() {
            let count = starts.entry(directory(identity.writer)).or_default();
            *count += 1;
            if *count <= STARTS_MAX {
                kept.push(identity);
            }
        }
        kept.iter_mut().skip(WINDOWS_MAX).for_each(Identity::narrow);
        kept.reverse();
        Self(kept)
    }
}

/// What the identities of one data directory have in common: see
/// [`identity_of_start`](crate::frame::identity_of_start). Any other writer is one by itself.
fn directory(writer: Uuid) -> Uuid {
    match writer.get_version_num() {
        8 => Uuid::from_u64_pair(writer.as_u64_pair().0, 0),
        _ => writer,
    }
}
