//! The way into a running committer.

use std::sync::Arc;

use arrow::array::RecordBatch;
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::JoinHandle,
};

use crate::{
    committer::{
        limits::{QUEUED_REQUESTS_MAX, QUEUED_ROWS_MAX},
        outcome::{Committed, Error},
        queue::{Request, arrow_bytes},
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
}

impl Committer {
    /// Starts a committer that owns `writer`. It stops when every handle is dropped, after the last queued frame.
    pub fn start(sink: Arc<dyn Sink>, writer: Writer) -> (Self, JoinHandle<()>) {
        let (queue, receiver) = mpsc::channel(QUEUED_REQUESTS_MAX);
        let task = tokio::spawn(Task::new(sink, writer, receiver).run());
        (Self { queue, rows: Arc::new(Semaphore::new(QUEUED_ROWS_MAX)) }, task)
    }

    /// Commits rows: returns their positions when they are durable.
    ///
    /// `captured` is the earliest and the latest time at which a row was captured. Dropping the future does not undo
    /// the commit.
    ///
    /// # Errors
    /// See [`Error`]: whatever it is, no row was acknowledged.
    pub async fn commit(&self, batch: RecordBatch, captured: (Timestamp, Timestamp)) -> Result<Committed, Error> {
        if batch.num_rows() == 0 {
            return Ok(Committed::default());
        }
        let permits = u32::try_from(batch.num_rows().min(QUEUED_ROWS_MAX)).expect("bounded by QUEUED_ROWS_MAX");
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
