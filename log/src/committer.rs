//! Group commit: many requests become few frames, and nobody is answered before their frame is durable.
//!
//! Self-clocked: one frame is in flight; whatever arrives meanwhile is the next frame. So frames grow with the
//! log's latency and idle traffic pays no linger. As soon as more waits than a frame takes, the next frame is made
//! while the last is in flight; before that it would only be smaller than it could be. The queue is bounded: when it is
//! full, [`Committer::commit`] answers [`Error::Busy`] at once and memory does not grow.

use std::{collections::VecDeque, pin::pin, sync::Arc, time::Duration};

use arrow::{array::RecordBatch, compute::concat_batches};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tracing::{error, warn};

use crate::{
    frame::{self, Frame, Writer},
    log,
    position::{Epoch, Position, Seq},
    time::Timestamp,
};

/// Rows waiting for a frame, over all requests: what a second of heavy traffic needs. Full: [`Error::Busy`].
const QUEUED_ROWS_MAX: usize = 4 * frame::ROWS_MAX;
/// Requests waiting for a frame. Full: [`Error::Busy`].
const QUEUED_REQUESTS_MAX: usize = 8_192;
/// Arrow bytes gathered for one frame: events compress to half of it or less. What turns out larger is halved.
const FRAME_ARROW_BYTES: usize = 7 << 18;
/// Requests whose rows share a frame.
const FRAME_REQUESTS_MAX: usize = 4_096;
/// Rows that are compressed where the committer runs.
const INLINE_ROWS_MAX: usize = 256;
/// Pauses between attempts to append the same frame again.
const RETRY_PAUSES: [Duration; 5] = [
    Duration::from_millis(10),
    Duration::from_millis(50),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// Where a frame went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// Into the log, at this sequence.
    Logged(Seq),
    /// Onto the fsynced local spool: it will reach the log, its position is not known yet.
    Spooled,
}

/// Where the committer puts frames: the log itself, or the log with a spool before it.
#[async_trait::async_trait]
pub trait Sink: Send + Sync + std::fmt::Debug {
    /// Stores one frame durably. The same contract as [`log::Log::append`].
    async fn store(&self, frame: &Frame) -> Result<Stored, log::Error>;

    /// The epoch of the log behind it.
    fn epoch(&self) -> Epoch;
}

/// A log without a spool.
#[derive(Debug, Clone)]
pub struct Direct {
    log: Arc<dyn log::Log>,
    epoch: Epoch,
}

impl Direct {
    /// Asks the log for its epoch, once.
    ///
    /// # Errors
    /// As [`log::Log::info`].
    pub async fn new(log: Arc<dyn log::Log>) -> Result<Self, log::Error> {
        let epoch = log.info().await?.epoch;
        Ok(Self { log, epoch })
    }
}

#[async_trait::async_trait]
impl Sink for Direct {
    async fn store(&self, frame: &Frame) -> Result<Stored, log::Error> {
        self.log.append(frame).await.map(|appended| Stored::Logged(appended.seq))
    }

    fn epoch(&self) -> Epoch {
        self.epoch
    }
}

/// Consecutive rows of a commit that stand together in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The position of the first row; `None` while the frame waits on the spool.
    pub first: Option<Position>,
    /// How many rows.
    pub rows: u32,
}

/// A durable commit: spans that cover all its rows in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// In row order.
    pub spans: Vec<Span>,
}

impl Committed {
    /// The position of each row in order; `None` for rows on the spool.
    pub fn positions(&self) -> impl Iterator<Item = Option<Position>> + '_ {
        self.spans.iter().flat_map(|span| {
            (0..span.rows).map(move |row| {
                let row = u16::try_from(row).expect("a frame has at most 65,536 rows");
                span.first.map(|first| first.plus_rows(row))
            })
        })
    }
}

/// Why a commit failed. Nothing of it was acknowledged: the client sends it again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Too much is waiting already.
    #[error("too many events are waiting for the log")]
    Busy,
    /// Neither the log nor the spool takes frames.
    #[error("the log takes no frames: {0}")]
    Unavailable(String),
    /// The committer has stopped.
    #[error("the committer has stopped")]
    Closed,
    /// One row alone is larger than a frame may be, or the rows are no rows of this stream.
    #[error("the event does not fit a frame: {0}")]
    TooLarge(String),
}

struct Request {
    batch: RecordBatch,
    /// Arrow bytes of its rows.
    bytes: usize,
    captured: (Timestamp, Timestamp),
    reply: oneshot::Sender<Result<Committed, Error>>,
    /// Taken when the request entered the queue, given back when it is answered.
    _permit: tokio::sync::OwnedSemaphorePermit,
}

/// The door to a running committer; clones share it.
#[derive(Debug, Clone)]
pub struct Committer {
    queue: mpsc::Sender<Request>,
    rows: Arc<tokio::sync::Semaphore>,
}

impl Committer {
    /// Starts a committer that owns `writer`. It stops, after the last queued frame, when every handle is dropped.
    pub fn start(sink: Arc<dyn Sink>, writer: Writer) -> (Self, JoinHandle<()>) {
        let (queue, receiver) = mpsc::channel(QUEUED_REQUESTS_MAX);
        let task = tokio::spawn(Task { sink, writer, queue: receiver, waiting: Waiting::default() }.run());
        (Self { queue, rows: Arc::new(tokio::sync::Semaphore::new(QUEUED_ROWS_MAX)) }, task)
    }

    /// Commits rows: returns when they are durable, with their positions.
    ///
    /// `captured` is the earliest and latest time at which a row was captured. Dropping the future does not undo
    /// the commit.
    ///
    /// # Errors
    /// See [`Error`]: whatever it is, no row was acknowledged.
    pub async fn commit(&self, batch: RecordBatch, captured: (Timestamp, Timestamp)) -> Result<Committed, Error> {
        if batch.num_rows() == 0 {
            return Ok(Committed::default());
        }
        let permits = u32::try_from(batch.num_rows().min(QUEUED_ROWS_MAX)).expect("bounded above");
        let permit = Arc::clone(&self.rows).try_acquire_many_owned(permits).map_err(|_| Error::Busy)?;
        let (reply, answer) = oneshot::channel();
        let bytes = arrow_bytes(&batch);
        let request = Request { batch, bytes, captured, reply, _permit: permit };
        self.queue.try_send(request).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Busy,
            mpsc::error::TrySendError::Closed(_) => Error::Closed,
        })?;
        answer.await.unwrap_or(Err(Error::Closed))
    }
}

/// What the rows take in memory, whatever capacity is behind them.
fn arrow_bytes(batch: &RecordBatch) -> usize {
    // Not known for types that a batch of this stream never has.
    let bytes = |column: &arrow::array::ArrayRef| column.to_data().get_slice_memory_size().unwrap_or(0);
    batch.columns().iter().map(bytes).sum()
}

/// Requests that were taken from the queue and are in no group yet.
#[derive(Default)]
struct Waiting {
    requests: VecDeque<Request>,
    rows: usize,
    bytes: usize,
}

impl Waiting {
    fn push(&mut self, request: Request) {
        self.rows += request.batch.num_rows();
        self.bytes += request.bytes;
        self.requests.push_back(request);
    }

    fn is_more_than_a_frame(&self) -> bool {
        let requests = self.requests.len();
        self.rows > frame::ROWS_MAX || self.bytes > FRAME_ARROW_BYTES || requests > FRAME_REQUESTS_MAX
    }

    /// The first of them that fit one frame together, or the first alone.
    fn take(&mut self) -> Vec<Request> {
        let (mut rows, mut bytes, mut group) = (0, 0, Vec::new());
        while let Some(next) = self.requests.front() {
            let (with_rows, with_bytes) = (rows + next.batch.num_rows(), bytes + next.bytes);
            let is_full = with_rows > frame::ROWS_MAX || with_bytes > FRAME_ARROW_BYTES;
            if !group.is_empty() && (is_full || group.len() == FRAME_REQUESTS_MAX) {
                break;
            }
            (rows, bytes) = (with_rows, with_bytes);
            group.extend(self.requests.pop_front());
        }
        self.rows -= rows;
        self.bytes -= bytes;
        group
    }
}

struct Task {
    sink: Arc<dyn Sink>,
    writer: Writer,
    queue: mpsc::Receiver<Request>,
    waiting: Waiting,
}

/// The rows of one group of requests, in frames that carry them in order.
struct Group {
    requests: Vec<Request>,
    frames: VecDeque<Frame>,
}

impl Task {
    /// Stores group after group. Ends when every handle is dropped and nothing waits, or when a frame was refused for
    /// good: the writer must not go on past a number that never reached the log. Whoever then waits is told that the
    /// committer has stopped.
    async fn run(mut self) {
        let mut next = self.next_group().await;
        while let Some(group) = next {
            let sink = Arc::clone(&self.sink);
            let mut storing = pin!(store(sink.as_ref(), group));
            let stored = tokio::select! {
                biased;
                stored = storing.as_mut() => stored.map(|()| None),
                () = self.more_than_a_frame() => {
                    let ahead = async { Ok(self.next_group().await) };
                    tokio::try_join!(storing, ahead).map(|((), ahead)| Some(ahead))
                }
            };
            next = match stored {
                Ok(Some(ahead)) => ahead,
                Ok(None) => self.next_group().await,
                Err(Refused) => return,
            };
        }
    }

    /// Takes requests from the queue until they are more than a frame. Loses none when it is dropped.
    async fn more_than_a_frame(&mut self) {
        while !self.waiting.is_more_than_a_frame() {
            match self.queue.recv().await {
                Some(request) => self.waiting.push(request),
                None => std::future::pending().await,
            }
        }
    }

    /// Waits for a request, and makes frames of what waits and fits one. `None` if there will be no more.
    async fn next_group(&mut self) -> Option<Group> {
        loop {
            if self.waiting.requests.is_empty() {
                self.waiting.push(self.queue.recv().await?);
            }
            while !self.waiting.is_more_than_a_frame()
                && let Ok(request) = self.queue.try_recv()
            {
                self.waiting.push(request);
            }
            let requests = self.waiting.take();
            let (group, failed) = self.encode(requests).await?;
            for (request, error) in failed {
                let _ = request.reply.send(Err(error));
            }
            if !group.requests.is_empty() {
                return Some(group);
            }
        }
    }

    /// Makes the frames of a group. Compressing many rows would hold up every task of this worker thread, so it moves
    /// to another; for few the move would cost more than the work.
    async fn encode(&mut self, requests: Vec<Request>) -> Option<(Group, Vec<(Request, Error)>)> {
        let rows: usize = requests.iter().map(|request| request.batch.num_rows()).sum();
        if rows <= INLINE_ROWS_MAX {
            return Some(encode(&mut self.writer, requests));
        }
        // Moved, for a copy has no buffers; the one that stays is replaced, or was the last if the task panicked.
        let stays = self.writer.clone();
        let mut writer = std::mem::replace(&mut self.writer, stays);
        let encoded = tokio::task::spawn_blocking(move || (encode(&mut writer, requests), writer)).await;
        let (encoded, writer) = encoded.inspect_err(|cause| error!(%cause, "the committer stops")).ok()?;
        self.writer = writer;
        Some(encoded)
    }
}

/// A frame was refused for good.
struct Refused;

/// Stores the frames of a group and answers its requests.
async fn store(sink: &dyn Sink, mut group: Group) -> Result<(), Refused> {
    let mut spans = VecDeque::new();
    while let Some(frame) = group.frames.pop_front() {
        match store_frame(sink, &frame).await {
            Ok(stored) => {
                let first = match stored {
                    Stored::Logged(seq) => Some(Position::new(sink.epoch(), seq, 0)),
                    Stored::Spooled => None,
                };
                spans.push_back(Span { first, rows: frame.header.rows });
            }
            Err(cause) => {
                error!(frame = frame.header.message_id(), %cause, "a frame cannot be stored; its writer stops");
                for request in group.requests {
                    let _ = request.reply.send(Err(Error::Unavailable(cause.to_string())));
                }
                return Err(Refused);
            }
        }
    }
    for request in group.requests {
        let rows = u32::try_from(request.batch.num_rows()).expect("gathered within bounds");
        let _ = request.reply.send(Ok(Committed { spans: take(&mut spans, rows) }));
    }
    Ok(())
}

/// Stores one frame, again and again while its outcome is unknown: the next frame names this one.
async fn store_frame(sink: &dyn Sink, frame: &Frame) -> Result<Stored, log::Error> {
    let mut attempt = 0;
    loop {
        match sink.store(frame).await {
            Ok(stored) => return Ok(stored),
            Err(cause) if cause.is_transient() => {
                let pause = RETRY_PAUSES[attempt.min(RETRY_PAUSES.len() - 1)];
                attempt += 1;
                warn!(frame = frame.header.message_id(), attempt, %cause, "frame is sent again");
                tokio::time::sleep(pause).await;
            }
            Err(cause) => return Err(cause),
        }
    }
}

/// The next `rows` rows of the spans.
fn take(spans: &mut VecDeque<Span>, rows: u32) -> Vec<Span> {
    let mut taken = Vec::new();
    let mut wanted = rows;
    while wanted > 0 {
        let span = spans.front_mut().expect("the frames of a group hold every row of its requests");
        let here = wanted.min(span.rows);
        taken.push(Span { first: span.first, rows: here });
        wanted -= here;
        if here == span.rows {
            spans.pop_front();
        } else {
            span.rows -= here;
            let here = u16::try_from(here).expect("part of a frame of at most 65,536 rows");
            span.first = span.first.map(|first| first.plus_rows(here));
        }
    }
    taken
}

/// Makes the frames of a group. A request whose rows fit no frame is taken out alone, with its error.
fn encode(writer: &mut Writer, requests: Vec<Request>) -> (Group, Vec<(Request, Error)>) {
    let before = writer.clone();
    let mut frames = VecDeque::new();
    let whole = concat_batches(&requests[0].batch.schema(), requests.iter().map(|request| &request.batch));
    let captured = requests.iter().map(|request| request.captured).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    let captured = captured.expect("a group has at least one request");
    let sealed = match whole {
        Ok(batch) => seal(writer, &batch, captured, &mut frames),
        Err(error) => Err(Error::TooLarge(error.to_string())),
    };
    let Err(error) = sealed else { return (Group { requests, frames }, Vec::new()) };
    // Some request is at fault: go back, and give each its own frames. Rare, so simple beats fast.
    *writer = before;
    if requests.len() == 1 {
        let failed = requests.into_iter().map(|request| (request, error.clone())).collect();
        return (Group { requests: Vec::new(), frames: VecDeque::new() }, failed);
    }
    let (mut group, mut failed) = (Group { requests: Vec::new(), frames: VecDeque::new() }, Vec::new());
    for request in requests {
        let (one, errors) = encode(writer, vec![request]);
        group.requests.extend(one.requests);
        group.frames.extend(one.frames);
        failed.extend(errors);
    }
    (group, failed)
}

/// One frame, or the halves of the batch if it does not fit.
fn seal(
    writer: &mut Writer,
    batch: &RecordBatch,
    captured: (Timestamp, Timestamp),
    frames: &mut VecDeque<Frame>,
) -> Result<(), Error> {
    match writer.seal(batch, captured) {
        Ok(frame) => {
            frames.push_back(frame);
            Ok(())
        }
        Err(frame::Error::TooLarge { .. }) if batch.num_rows() > 1 => {
            let half = batch.num_rows() / 2;
            seal(writer, &batch.slice(0, half), captured, frames)?;
            seal(writer, &batch.slice(half, batch.num_rows() - half), captured, frames)
        }
        Err(error) => Err(Error::TooLarge(error.to_string())),
    }
}

#[cfg(test)]
mod tests;
