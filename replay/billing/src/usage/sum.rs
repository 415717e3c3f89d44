//! Adds up the segments of a basis, several side by side: each worker has a sum of its own, and they are added at the
//! end, so the order in which segments are read decides nothing.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use clicktrail_log::{archive::Archive, invariant, time::Timestamp};
use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    everybody::Everybody,
    segment::{self, Clip, Sign},
};
use crate::{
    basis::{Basis, Read},
    error::Error,
};

/// Memory of segments that are read at a time. One that is larger is read alone.
const MEMORY_BYTES: u64 = 384 << 20;
/// Memory is shared out in pieces of this size.
const PIECE_BYTES: u64 = 1 << 20;
/// A segment's file and what of it is unpacked at a time, in file sizes.
const UNPACKED: u64 = 3;

const _: () = assert!(MEMORY_BYTES / PIECE_BYTES < 1 << 32, "pieces are counted in 32 bits");

/// Whoever adds up.
#[derive(Debug, Clone)]
pub struct Summing {
    /// Where the segments are.
    pub archive: Archive,
    /// How many are added up at a time.
    pub threads: usize,
    /// Only what this advertiser used; `None`: everybody.
    pub advertiser: Option<String>,
}

/// Segments that are waiting, and whether their numbers come or leave.
type Queue = Arc<Mutex<VecDeque<(Read, Sign)>>>;

impl Summing {
    /// The sum of a basis.
    ///
    /// # Errors
    /// A segment that is missing or damaged, by name; an archive out of reach; a sum beyond what its type holds.
    pub async fn fresh(&self, basis: &Basis) -> Result<Everybody, Error> {
        let reads = basis.segments().iter().map(|read| (read.clone(), Sign::Plus));
        let sum = self.add(Everybody::default(), basis.period(), reads).await?;
        let impossible = sum.impossible();
        invariant!(I7, impossible.is_none(), "{impossible:?} has fewer than no clicks in a sum of segments");
        Ok(sum)
    }

    /// The sum of a basis from that of an earlier one of the same period: less what left, and what came. The same as
    /// [`fresh`](Self::fresh), because nothing but integers is added.
    ///
    /// # Errors
    /// As [`fresh`](Self::fresh).
    pub async fn moved(&self, earlier: (&Basis, Everybody), basis: &Basis) -> Result<Everybody, Error> {
        let (before, sum) = earlier;
        let (left, came) = before.moves(basis);
        let left = left.into_iter().map(|read| (read.clone(), Sign::Minus));
        let came = came.into_iter().map(|read| (read.clone(), Sign::Plus));
        let moved = self.add(sum, basis.period(), left.chain(came)).await?;
        match moved.impossible() {
            None => Ok(moved),
            Some((advertiser, campaign)) => Err(Error::Contradiction(format!(
                "campaign {campaign:?} of {advertiser:?} would have fewer than no clicks: the kept sum is another's"
            ))),
        }
    }

    /// What segments come to: only the differences of some, if their signs say so.
    pub(crate) async fn add(
        &self,
        sum: Everybody,
        period: Range<Timestamp>,
        segments: impl Iterator<Item = (Read, Sign)>,
    ) -> Result<Everybody, Error> {
        let clip = Clip { period, advertiser: self.advertiser.clone() };
        let queue: Queue = Arc::new(Mutex::new(segments.collect()));
        let memory = Arc::new(Semaphore::new(permits(MEMORY_BYTES)));
        let mut workers = JoinSet::new();
        let (parts, rest) = Everybody::shared_out(self.threads.max(1));
        for part in parts {
            let (archive, clip) = (self.archive.clone(), clip.clone());
            let (queue, memory) = (Arc::clone(&queue), Arc::clone(&memory));
            workers.spawn(work(archive, clip, queue, memory, part));
        }
        let mut total = sum.within(rest);
        while let Some(ended) = workers.join_next().await {
            let part = ended.map_err(|panicked| Error::Contradiction(panicked.to_string()))??;
            total.add_all(&part).map_err(Error::Contradiction)?;
        }
        Ok(total)
    }
}

fn permits(bytes: u64) -> usize {
    let most = MEMORY_BYTES / PIECE_BYTES;
    usize::try_from(bytes.div_ceil(PIECE_BYTES).clamp(1, most)).expect("pieces are counted in 32 bits")
}

/// Adds segments to `sum`, as long as some are waiting.
async fn work(
    archive: Archive,
    clip: Clip,
    queue: Queue,
    memory: Arc<Semaphore>,
    mut sum: Everybody,
) -> Result<Everybody, Error> {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some((read, sign)) = next else { return Ok(sum) };
        if read.rows == 0 {
            continue;
        }
        let pieces = u32::try_from(permits(read.bytes.saturating_mul(UNPACKED))).unwrap_or(u32::MAX);
        let _share = memory.acquire_many(pieces).await.expect("the semaphore is never closed");
        let file = read.file();
        let bytes = archive.get_file(&file).await?;
        segment::add(&mut sum, &file.key, bytes, &clip, sign)?;
    }
}
