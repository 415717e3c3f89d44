//! The way into a running committer.

use std::sync::Arc;

use arrow::array::RecordBatch;
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::JoinHandle,
};

use crate::{
    batch::arrow_bytes,
    committer::{
        limits::{QUEUED_KIB_MAX, QUEUED_REQUESTS_MAX, QUEUED_ROWS_MAX},
        outcome::{Committed, Error},
        pulse::Pulse,
        queue::Request,
        sink::Sink,
        task::Task,
    },
    frame::Writer,
    time::Timestamp,
};

/// A handle on a running committer; clones share it.
#[derive(Debug, Clone)]
pub struct Committer {
    queue: mpsc::Sender<Request>,
    /// One permit for each row that may still be queued.
    rows: Arc<Semaphore>,
    /// One permit for each KiB of Arrow bytes that may still be queued.
    kib: Arc<Semaphore>,
    pulse: Pulse,
}

impl Committer {
    /// Starts a committer that owns `writer`. It stops when every handle is dropped, after the last queued frame.
    pub fn start(sink: Arc<dyn Sink>, writer: Writer) -> (Self, JoinHandle<()>) {
        let (queue, receiver) = mpsc::channel(QUEUED_REQUESTS_MAX);
        let pulse = Pulse::new();
        let task = tokio::spawn(Task::new(sink, writer, receiver, pulse.clone()).run());
        let free = |permits| Arc::new(Semaphore::new(permits));
        (Self { queue, rows: free(QUEUED_ROWS_MAX), kib: free(QUEUED_KIB_MAX), pulse }, task)
    }

    /// Whether frames leave.
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Commits rows: returns their positions when they are durable.
    ///
    /// `captured` is the earliest and the latest time at which a row was captured. Dropping the future does not undo
    /// the commit.
    ///
    /// # Errors
    /// See [`Error`]: whatever it is, no row was acknowledged.
    pub async fn commit(&self, batch: RecordBatch, captured: (Timestamp, Timestamp)) -> Result<Committed, Error> {
        self.commit_as(batch, captured, false).await
    }

    /// The same, with the [`Place`](super::Place) of each row too: for whoever hands out receipts.
    ///
    /// # Errors
    /// As [`Committer::commit`].
    pub async fn commit_with_places(
        &self,
        batch: RecordBatch,
        captured: (Timestamp, Timestamp),
    ) -> Result<Committed, Error> {
        self.commit_as(batch, captured, true).await
    }

    async fn commit_as(
        &self,
        batch: RecordBatch,
        captured: (Timestamp, Timestamp),
        wants_places: bool,
    ) -> Result<Committed, Error> {
        if batch.num_rows() == 0 {
            return Ok(Committed::default());
        }
        if let Some(stuck) = self.pulse.stuck_for() {
            return Err(Error::Unavailable(format!("it has not answered for {} seconds", stuck.as_secs())));
        }
        let bytes = arrow_bytes(&batch);
        let share = |free: &Arc<Semaphore>, wanted: usize, max: usize| {
            // What is larger than the whole queue waits alone.
            let permits = u32::try_from(wanted.min(max)).expect("a queue has fewer permits than 32 bits count");
            Arc::clone(free).try_acquire_many_owned(permits).map_err(|_| Error::Busy)
        };
        let rows = share(&self.rows, batch.num_rows(), QUEUED_ROWS_MAX)?;
        let kib = share(&self.kib, bytes.div_ceil(1 << 10), QUEUED_KIB_MAX)?;
        let (reply, answer) = oneshot::channel();
        let request = Request { batch, bytes, captured, wants_places, reply, _permits: [rows, kib] };
        self.queue.try_send(request).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Busy,
            mpsc::error::TrySendError::Closed(_) => Error::Closed,
        })?;
        answer.await.unwrap_or(Err(Error::Closed))
    }
}
