//! Finds the newest checkpoint without listing all of them. Entries are numbered without a hole, so how many there are
//! is found by looking for a few; the newest checkpoint is among those of about that size.
//!
//! `transparency/checkpoint` says where to begin. It is a copy that is replaced: if it is gone, torn, or was put back
//! by a slower process, only the search takes longer.

use super::{
    error::{Error, damaged},
    objects::{Kept, Objects},
};
use crate::archive::keys::TransparencyKey;

impl Objects {
    /// The newest checkpoint, as it was signed; `None` if nothing was.
    pub(super) async fn newest(&self) -> Result<Option<Kept>, Error> {
        let hint = self.hint().await?;
        let entries = self.entries_from(hint).await?;
        if entries == hint
            && hint > 0
            && let Some(kept) = self.checkpoint(hint).await?
        {
            return Ok(Some(kept));
        }
        let mut beside = entries;
        loop {
            if let Some(size) = self.sizes_beside(beside).await?.last() {
                return self.checkpoint(*size).await;
            }
            let (_, first) = TransparencyKey::checkpoints_beside(beside);
            let Some(before) = first.checked_sub(1) else { return Ok(None) };
            beside = before;
        }
    }

    /// How many entries there are at least, as the copy of the newest checkpoint says.
    async fn hint(&self) -> Result<u64, Error> {
        let bytes = self.get(&TransparencyKey::Newest).await?;
        Ok(bytes.and_then(|bytes| Kept::parse(&bytes).ok()).map_or(0, |kept| kept.checkpoint.size))
    }

    /// How many entries there are, if the first `known` are there.
    pub(super) async fn entries_from(&self, known: u64) -> Result<u64, Error> {
        if !self.has_entry(known).await? {
            return Ok(known);
        }
        // The last that is known to be there, and the step to one that is not.
        let (mut there, mut step) = (known, 1);
        while self.has_entry(there + step).await? {
            there += step;
            step *= 2;
        }
        let mut beyond = there + step;
        while beyond - there > 1 {
            let middle = there + (beyond - there) / 2;
            if self.has_entry(middle).await? {
                there = middle;
            } else {
                beyond = middle;
            }
        }
        Ok(beyond)
    }

    /// The sizes of checkpoints that stand in one directory with those of `size`, in order.
    async fn sizes_beside(&self, size: u64) -> Result<Vec<u64>, Error> {
        self.sizes(&TransparencyKey::checkpoints_beside(size).0).await
    }

    /// The sizes of checkpoints below a prefix, in order.
    pub(super) async fn sizes(&self, prefix: &object_store::path::Path) -> Result<Vec<u64>, Error> {
        let mut sizes = Vec::new();
        for listed in self.archive.list(prefix).await? {
            match TransparencyKey::parse(listed.path.as_ref()) {
                Some(TransparencyKey::Checkpoint(size)) => sizes.push(size),
                Some(_) | None => return Err(damaged(&listed.path, "it stands among the checkpoints and is none")),
            }
        }
        sizes.sort_unstable();
        Ok(sizes)
    }
}
