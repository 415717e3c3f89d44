//! The frames that were decoded last, for all readers of one process: what one of them fetched, inflated and decoded,
//! the others are given as it is.
//!
//! A role reads the log through a [`RecentLog`] and decodes with [`Logged::decode`]. Each stands where it stands: none
//! waits for another, and whoever asks for a frame that is not held reads and decodes it by itself.
//!
//! - Held is only what was decoded without an error: a damaged frame is read and refused anew by every reader.
//! - Rows are given for a frame only if header and payload are the very ones that they were decoded from.
//! - Before a held frame is given, the log is asked for its range: what it trimmed is [`Trimmed`](Error::Trimmed), and
//!   a log that is away, lost frames or is in another epoch says so as ever.
//! - It is bounded by bytes. The lowest frames leave first, so a reader that is far behind, whose frames nobody else
//!   needs, drags out nothing that others do need.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arrow::array::RecordBatch;
use async_trait::async_trait;

use crate::{
    frame::{self, Frame},
    invariant,
    log::{Appended, Condition, Durability, Error, Info, Log, Logged, ReadLimit},
    position::{Epoch, Seq},
    time::Timestamp,
};

/// What the roles of a server hold: some seconds of a busy log, by which counting lies behind judging.
pub const BYTES_MAX: usize = 128 << 20;
/// What a held frame takes beside its bytes: the header, and what Arrow needs to know of each column.
const FRAME_BYTES: usize = 8 << 10;

/// The frames that are held, each by its number: those of one log, which readers reach by one handle or several.
pub struct Recent {
    bytes_max: usize,
    held: Mutex<Held>,
    decoded: AtomicU64,
}

#[derive(Default)]
struct Held {
    frames: BTreeMap<Seq, Kept>,
    bytes: usize,
}

struct Kept {
    logged_at: Timestamp,
    frame: Frame,
    rows: RecordBatch,
}

impl Kept {
    /// What it takes: its rows lie in the inflated payload.
    fn bytes(&self) -> usize {
        self.frame.inflated_bytes() + self.frame.payload.len() + FRAME_BYTES
    }

    /// Whether it was decoded from this very frame. A payload that is not the same memory is compared byte for byte.
    fn is_of(&self, logged: &Logged) -> bool {
        self.logged_at == logged.logged_at && self.frame == logged.frame
    }
}

impl Held {
    fn put(&mut self, seq: Seq, kept: Kept) -> Option<Kept> {
        self.bytes += kept.bytes();
        let before = self.frames.insert(seq, kept);
        self.bytes -= before.as_ref().map_or(0, Kept::bytes);
        before
    }

    fn take_first(&mut self) -> Option<Kept> {
        let (_, first) = self.frames.pop_first()?;
        self.bytes -= first.bytes();
        Some(first)
    }
}

impl fmt::Debug for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.held();
        write!(f, "{} frames of {} bytes, of at most {}", held.frames.len(), held.bytes, self.bytes_max)
    }
}

impl Recent {
    /// Room for so many bytes of frames; with 0 nothing is held, and every reader decodes by itself.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, held: Mutex::default(), decoded: AtomicU64::new(0) }
    }

    /// How many frames were decoded. Those that were given as they are do not count.
    pub fn decoded(&self) -> u64 {
        self.decoded.load(Ordering::Relaxed)
    }

    /// Bytes that are held, never more than the bound.
    pub fn bytes(&self) -> usize {
        self.held().bytes
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing in here panics between two changes that belong together.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows of a frame, decoded if they are not held.
    fn decode(&self, logged: &Logged) -> Result<RecordBatch, frame::Error> {
        if let Some(kept) = self.held().frames.get(&logged.seq).filter(|kept| kept.is_of(logged)) {
            return Ok(kept.rows.clone());
        }
        let rows = logged.frame.decode()?;
        self.decoded.fetch_add(1, Ordering::Relaxed);
        let kept = Kept { logged_at: logged.logged_at, frame: logged.frame.clone(), rows: rows.clone() };
        // Freed when nobody waits for the lock any more.
        let _freed = self.keep(logged.seq, kept);
        Ok(rows)
    }

    /// Holds a frame if there is room. Returns what had to go for it: the lowest, which may be this frame itself.
    fn keep(&self, seq: Seq, kept: Kept) -> Vec<Kept> {
        let mut held = self.held();
        let mut gone: Vec<Kept> = held.put(seq, kept).into_iter().collect();
        while held.bytes > self.bytes_max
            && let Some(first) = held.take_first()
        {
            gone.push(first);
        }
        invariant!(I14, held.bytes <= self.bytes_max, "{} bytes of frames are held, of {}", held.bytes, self.bytes_max);
        gone
    }

    /// The first that is held of this frame and those behind it.
    fn next_held(&self, from: Seq) -> Option<Seq> {
        self.held().frames.range(from..).next().map(|(seq, _)| *seq)
    }

    /// The frames that are held from `from` to `last`, as far as none is missing between them and `limit` allows.
    fn run(self: &Arc<Self>, from: Seq, last: Seq, limit: ReadLimit) -> Vec<Logged> {
        let held = self.held();
        let (mut run, mut bytes, mut next): (Vec<Logged>, _, _) = (Vec::new(), 0, from);
        for (seq, kept) in held.frames.range(from..) {
            let is_full = run.len() >= limit.frames || bytes >= limit.bytes;
            if *seq != next || *seq > last || (!run.is_empty() && is_full) {
                break;
            }
            bytes += kept.frame.payload.len();
            run.push(Logged::new(*seq, kept.logged_at, kept.frame.clone()).held_in(self));
            next = seq.next();
        }
        run
    }

    fn forget_before(&self, first_kept: Seq) {
        let mut held = self.held();
        while let Some((seq, _)) = held.frames.first_key_value()
            && *seq < first_kept
        {
            held.take_first();
        }
    }
}

/// Where the rows of a frame are held, if anywhere: no part of what the frame is.
#[derive(Clone, Default)]
pub(crate) struct Place(Option<Arc<Recent>>);

impl Place {
    pub(crate) fn decode(&self, logged: &Logged) -> Result<RecordBatch, frame::Error> {
        self.0.as_ref().map_or_else(|| logged.frame.decode(), |recent| recent.decode(logged))
    }
}

impl From<&Arc<Recent>> for Place {
    fn from(recent: &Arc<Recent>) -> Self {
        Self(Some(Arc::clone(recent)))
    }
}

impl PartialEq for Place {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Place {}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "shared" } else { "alone" })
    }
}

/// A log whose decoded frames are shared by its readers. Appending, trimming and waiting at the tail are the log's own.
#[derive(Debug)]
pub struct RecentLog {
    log: Arc<dyn Log>,
    recent: Arc<Recent>,
}

impl RecentLog {
    /// `log`, of which `recent` holds frames. Several handles of one log may share it.
    pub fn new(log: Arc<dyn Log>, recent: Arc<Recent>) -> Self {
        Self { log, recent }
    }

    /// What is held from `from` on, as far as the log still has it; nothing if the log has to be read.
    async fn read_held(&self, from: Seq, limit: ReadLimit) -> Result<Vec<Logged>, Error> {
        let info = self.log.info().await?;
        if from < info.first && from <= info.last {
            return Err(Error::Trimmed { from, first: info.first });
        }
        let run = self.recent.run(from, info.last, limit);
        let is_whole = run.iter().zip(from.get()..).all(|(logged, number)| logged.seq.get() == number);
        invariant!(I1, is_whole, "held frames from {from} are not contiguous");
        Ok(run)
    }
}

#[async_trait]
impl Log for RecentLog {
    async fn append(&self, frame: &Frame) -> Result<Appended, Error> {
        self.log.append(frame).await
    }

    async fn append_if(&self, frame: &Frame, condition: Condition) -> Result<Appended, Error> {
        self.log.append_if(frame, condition).await
    }

    async fn read(&self, from: Seq, limit: ReadLimit) -> Result<Vec<Logged>, Error> {
        let next_held = self.recent.next_held(from);
        if next_held == Some(from) {
            let run = self.read_held(from, limit).await?;
            if !run.is_empty() {
                return Ok(run);
            }
        }
        // No further than to what is held.
        let before =
            next_held.filter(|held| *held > from).and_then(|held| usize::try_from(held.get() - from.get()).ok());
        let limit = ReadLimit { frames: before.map_or(limit.frames, |before| limit.frames.min(before)), ..limit };
        let frames = self.log.read(from, limit).await?;
        Ok(frames.into_iter().map(|logged| logged.held_in(&self.recent)).collect())
    }

    async fn info(&self) -> Result<Info, Error> {
        self.log.info().await
    }

    async fn trim(&self, first_kept: Seq) -> Result<(), Error> {
        self.recent.forget_before(first_kept);
        self.log.trim(first_kept).await
    }

    async fn scrub(&self) -> Result<(), Error> {
        self.log.scrub().await
    }

    async fn durability(&self) -> Result<Durability, Error> {
        self.log.durability().await
    }

    async fn begin_epoch(&self, epoch: Epoch, first: Seq) -> Result<(), Error> {
        self.recent.forget_before(Seq::MAX);
        self.log.begin_epoch(epoch, first).await
    }

    async fn now(&self) -> Result<Option<Timestamp>, Error> {
        self.log.now().await
    }
}

#[cfg(test)]
mod tests;
