//! The contract of a log, whatever stores it.

use std::{fmt, time::Duration};

use async_trait::async_trait;

use crate::{
    frame::{Digest, Frame},
    position::{Epoch, Seq},
    time::Timestamp,
};

/// The logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Every captured event.
    Clicks,
    /// What was later ruled about an event.
    Verdicts,
    /// Events that failed validation, with their original bytes.
    Rejected,
    /// Every document that was issued: invoices, credit notes and debit notes.
    Invoices,
}

impl Stream {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Clicks, Self::Verdicts, Self::Rejected, Self::Invoices];

    /// `clicks`, `verdicts`, `rejected`, `invoices`: the word in storage keys and file names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clicks => "clicks",
            Self::Verdicts => "verdicts",
            Self::Rejected => "rejected",
            Self::Invoices => "invoices",
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an acknowledgement of [`Log::append`] is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Durability {
    /// On stable storage of one machine: survives its power loss, not its disk.
    Fsync,
    /// On a majority of so many replicas, in memory or on storage.
    Replicated(u32),
    /// At best in the operating system's page cache: a power loss takes acknowledged frames. The text says why.
    Weak(String),
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fsync => f.write_str("fsync"),
            Self::Replicated(replicas) => write!(f, "replicated ({replicas})"),
            Self::Weak(why) => write!(f, "weak: {why}"),
        }
    }
}

/// What the log did with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Where the frame stands.
    pub seq: Seq,
    /// The log already held this very frame (same writer, writer epoch, number and digest) at `seq`, and appended
    /// nothing.
    pub duplicate: bool,
}

/// What must hold of the log at the instant of an append, or nothing is appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// This is its last frame; otherwise [`Error::Moved`]. For an identity that several processes share: of two that
    /// append behind the same frame, one is told so.
    Behind(Seq),
    /// The frame's number is unused; otherwise [`Error::Conflict`], if the frame there has other content. For a writer
    /// whose number says what is in the frame, as a line's number in a file does. A broker knows a number only within
    /// its duplicate window: whoever needs more asks the writers' chains first.
    NumberUnused,
}

/// A frame as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Its sequence: those that a reader sees are contiguous.
    pub seq: Seq,
    /// The time the log gave it. Not monotonic: it is the log's wall clock.
    pub logged_at: Timestamp,
    /// Header and payload as appended. Whether the payload fits its digest is checked by [`Frame::decode`].
    pub frame: Frame,
}

/// The state of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// How often this log had to be created anew.
    pub epoch: Epoch,
    /// The first frame that can still be read; `last.next()` if none can.
    pub first: Seq,
    /// The last frame appended; [`Seq::ZERO`] if there never was one. Never moves backwards, trimmed or not.
    pub last: Seq,
    /// Bytes stored.
    pub bytes: u64,
}

/// The most that [`Log::read`] returns.
#[derive(Debug, Clone, Copy)]
pub struct ReadLimit {
    /// At most so many frames; 0 means 1.
    pub frames: usize,
    /// No further frame once there are so many payload bytes. One frame is always returned.
    pub bytes: usize,
    /// How long to wait at the tail for a first frame.
    pub wait: Duration,
}

impl ReadLimit {
    /// A batch of usual size (256 frames, 8 MiB) that waits `wait` at the tail.
    pub const fn waiting(wait: Duration) -> Self {
        Self { frames: 256, bytes: 8 << 20, wait }
    }
}

/// Why a log did not do what it was asked, by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing was done: try again later.
    #[error("the log is not available: {0}")]
    Unavailable(String),
    /// An append may or may not have happened: send the same frame again until the outcome is known.
    #[error("the outcome of the append is unknown: {0}")]
    UnknownOutcome(String),
    /// The log's storage is full, nothing was appended: make room, then try again.
    #[error("the log is full: {0}")]
    Full(String),
    /// The frame's number is in the log with other content, and was to be unused: nothing was appended.
    #[error("number {0} is in the log with other content")]
    Conflict(String),
    /// The log goes on behind the frame that was to be its last: nothing was appended.
    #[error("frame {0} is not the last of the log any more")]
    Moved(Seq),
    /// The frames asked for were trimmed: read the archive.
    #[error("frame {from} was trimmed; the log begins at {first}")]
    Trimmed {
        /// The frame asked for.
        from: Seq,
        /// The first that can be read.
        first: Seq,
    },
    /// The log lost frames inside its range, or reports the wrong last one: a person must act.
    #[error("the log has no frame {expected}, although it reports frames up to {last}; {}", next_held(*found))]
    Gap {
        /// The frame that should be there.
        expected: Seq,
        /// The next one that is there.
        found: Option<Seq>,
        /// The last frame that the log reports.
        last: Seq,
    },
    /// A stored frame cannot be read: a person must act.
    #[error("frame {seq} of the log is corrupt: {reason}")]
    Corrupt {
        /// The frame.
        seq: Seq,
        /// What is wrong with it.
        reason: String,
    },
    /// Anything else that trying again does not cure: wrong set-up, wrong version.
    #[error("{0}")]
    Fatal(String),
}

/// The end of the sentence about a [`Error::Gap`].
fn next_held(found: Option<Seq>) -> String {
    found.map_or_else(|| "it holds none after it".to_owned(), |seq| format!("the next that it holds is {seq}"))
}

impl Error {
    /// Whether the same call may succeed later without anybody's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::UnknownOutcome(_) | Self::Full(_) => true,
            Self::Conflict(_)
            | Self::Moved(_)
            | Self::Trimmed { .. }
            | Self::Gap { .. }
            | Self::Corrupt { .. }
            | Self::Fatal(_) => false,
        }
    }
}

/// Refuses an epoch that a log cannot begin: one that is over, or one whose frames would get numbers that are taken.
pub(crate) fn check_begins(info: &Info, epoch: Epoch, first: Seq) -> Result<(), Error> {
    if epoch < info.epoch || first <= info.last {
        let (epoch, now, last) = (epoch.get(), info.epoch.get(), info.last);
        let taken = format!("epoch {epoch} cannot begin at frame {first}: the log is in epoch {now}, at frame {last}");
        return Err(Error::Fatal(taken));
    }
    Ok(())
}

/// The digest of the header of a frame; `None` if the log does not hold it: it was trimmed, or is not there yet.
///
/// # Errors
/// As [`Log::read`].
pub async fn digest_of(log: &dyn Log, seq: Seq) -> Result<Option<Digest>, Error> {
    if seq == Seq::ZERO {
        return Ok(None);
    }
    match log.read(seq, ReadLimit { frames: 1, bytes: 1, wait: Duration::ZERO }).await {
        Ok(found) => Ok(found.first().filter(|logged| logged.seq == seq).map(|logged| logged.frame.header.digest())),
        Err(Error::Trimmed { .. }) => Ok(None),
        // Behind the end of the log, and not only one frame behind it.
        Err(Error::Gap { found: None, last, .. }) if last < seq => Ok(None),
        Err(error) => Err(error),
    }
}

/// An append-only sequence of frames: one of the [`Stream`]s.
///
/// ```text
///            trim_to         from                     last
///    ┈ ┈ ┈ ┈ ┈ ┤ 5 │ 6 │ 7 │ 8 │ 9 │ … │ 41 │ 42 ├┄┄ append
///    trimmed     first                        tail: readers wait here
/// ```
///
/// **Durability.** When [`append`](Log::append) returns `Ok`, the frame is stored as durably as
/// [`durability`](Log::durability) says, and every later reader sees it. On
/// [`UnknownOutcome`](Error::UnknownOutcome) it may or may not be stored; on any other error it is not.
///
/// **Order.** Frames get sequences 1, 2, 3, … in the order in which they are stored. Of concurrent appends either
/// may come first. A writer that waits for each acknowledgement sees its frames in its own order.
///
/// **Idempotence.** A frame that the log holds already (same writer, epoch, number, and the same content) is not
/// appended again: the answer is its sequence, with `duplicate` set. The embedded log remembers every frame since it
/// was created. A broker forgets after its duplicate window, so readers drop what [`chain`](crate::chain) calls a
/// repeat. The same number with other content is another frame: it is appended, and readers raise the alarm. Who wants
/// it refused says so with a [`Condition`].
///
/// **Reading.** A reader gets contiguous sequences, beginning with the one it asks for. It sees every acknowledged
/// frame, and never one that later vanishes. At the tail it waits, and gets nothing if nothing comes. Below `first` it
/// gets [`Trimmed`](Error::Trimmed). A hole inside the range is a [`Gap`](Error::Gap), and a row that cannot be parsed
/// is [`Corrupt`](Error::Corrupt): neither is ever skipped in silence.
///
/// **Epochs.** A log that was lost, or is an older copy, goes on in a new epoch ([`begin_epoch`](Log::begin_epoch)):
/// with numbers that were never used, and with the epoch in every address.
///
/// **Trimming.** Frames are removed from the front, by whoever has archived and verified them; `last` stays.
#[async_trait]
pub trait Log: Send + Sync + fmt::Debug {
    /// Appends one frame and returns when it is durable. Frames of one writer are appended one at a time.
    async fn append(&self, frame: &Frame) -> Result<Appended, Error>;

    /// Appends one frame as [`append`](Log::append) does, if `condition` holds at that instant.
    async fn append_if(&self, frame: &Frame, condition: Condition) -> Result<Appended, Error> {
        let name = frame.header.message_id();
        Err(Error::Fatal(format!("this log cannot append frame {name} on the condition {condition:?}")))
    }

    /// The frames from `from` on, within `limit`; empty if there was none within `limit.wait`.
    ///
    /// `from` may be one past the last frame; the reader waits there. Further on is a [`Gap`](Error::Gap): whoever asks
    /// remembers frames that this log does not have.
    async fn read(&self, from: Seq, limit: ReadLimit) -> Result<Vec<Logged>, Error>;

    /// The present range.
    async fn info(&self) -> Result<Info, Error>;

    /// Removes all frames before `first_kept`. Frames already gone are no error; `first_kept` is at most `last.next()`.
    async fn trim(&self, first_kept: Seq) -> Result<(), Error>;

    /// Makes sure that what was trimmed cannot be read from the log's files either, where that is up to us. A broker
    /// frees what it stores by itself, in its own time.
    async fn scrub(&self) -> Result<(), Error> {
        Ok(())
    }

    /// What an acknowledgement is worth, according to the settings of whatever stores the frames.
    async fn durability(&self) -> Result<Durability, Error>;

    /// Begins the log anew under `epoch`: every frame leaves it, and the next one gets the sequence `first`. That lies
    /// behind every frame that anybody knows of, so no address is given out twice. Whoever calls has archived what
    /// there was. Handles of before answer no more: open the log again. Called again with the same arguments before
    /// anything was appended, it changes nothing.
    async fn begin_epoch(&self, epoch: Epoch, first: Seq) -> Result<(), Error> {
        Err(Error::Fatal(format!("this log cannot begin epoch {} at frame {first}", epoch.get())))
    }

    /// The present by the clock that gives frames their times; `None` if that is this machine's.
    async fn now(&self) -> Result<Option<Timestamp>, Error> {
        Ok(None)
    }
}
