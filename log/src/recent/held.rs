//! What is held: frames with their rows, the last ones of a log.

use std::{
    collections::BTreeMap,
    fmt,
    ops::RangeInclusive,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arrow::array::RecordBatch;

use crate::{
    frame::{self, Frame},
    invariant,
    position::Seq,
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

struct Held {
    frames: BTreeMap<Seq, Kept>,
    bytes: usize,
    /// The first frame that the log may still have. One before it that somebody had fetched is not held any more.
    first: Seq,
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
    fn is_of(&self, logged_at: Timestamp, frame: &Frame) -> bool {
        self.logged_at == logged_at && self.frame == *frame
    }
}

impl Default for Held {
    fn default() -> Self {
        Self { frames: BTreeMap::new(), bytes: 0, first: Seq::ZERO }
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
    fn decode(&self, seq: Seq, logged_at: Timestamp, frame: &Frame) -> Result<RecordBatch, frame::Error> {
        if let Some(kept) = self.held().frames.get(&seq).filter(|kept| kept.is_of(logged_at, frame)) {
            return Ok(kept.rows.clone());
        }
        let rows = frame.decode()?;
        self.decoded.fetch_add(1, Ordering::Relaxed);
        // What had to go is freed when nobody waits for the lock any more.
        let _freed = self.keep(seq, Kept { logged_at, frame: frame.clone(), rows: rows.clone() });
        Ok(rows)
    }

    /// Holds a frame if there is room, and the log may still have it. Returns what had to go for it: the lowest, which
    /// may be this frame itself.
    fn keep(&self, seq: Seq, kept: Kept) -> Vec<Kept> {
        let mut held = self.held();
        if seq < held.first {
            return vec![kept];
        }
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
    pub(super) fn next_held(&self, from: Seq) -> Option<Seq> {
        self.held().frames.range(from..).next().map(|(seq, _)| *seq)
    }

    /// The frames of a range that are held, as far as none is missing between them: at most so many, and no further
    /// one once there are so many payload bytes. One is always given.
    pub(super) fn run(&self, range: RangeInclusive<Seq>, frames: usize, bytes: usize) -> Vec<(Seq, Timestamp, Frame)> {
        let held = self.held();
        let (mut run, mut taken, mut next) = (Vec::new(), 0, *range.start());
        for (seq, kept) in held.frames.range(next..) {
            let is_full = run.len() >= frames || taken >= bytes;
            if *seq != next || seq > range.end() || (!run.is_empty() && is_full) {
                break;
            }
            taken += kept.frame.payload.len();
            run.push((*seq, kept.logged_at, kept.frame.clone()));
            next = seq.next();
        }
        run
    }

    /// Lets go of what the log has no more, for good.
    pub(super) fn forget_before(&self, first_kept: Seq) {
        let mut held = self.held();
        held.first = held.first.max(first_kept);
        while let Some((seq, _)) = held.frames.first_key_value()
            && *seq < first_kept
        {
            held.take_first();
        }
    }

    /// Lets go of everything.
    pub(super) fn forget(&self) {
        let mut held = self.held();
        held.frames.clear();
        held.bytes = 0;
    }
}

/// Where the rows of a frame are held, if anywhere: no part of what the frame is.
#[derive(Clone, Default)]
pub(crate) struct Place(Option<Arc<Recent>>);

impl Place {
    pub(crate) fn decode(&self, seq: Seq, logged_at: Timestamp, frame: &Frame) -> Result<RecordBatch, frame::Error> {
        self.0.as_ref().map_or_else(|| frame.decode(), |recent| recent.decode(seq, logged_at, frame))
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
