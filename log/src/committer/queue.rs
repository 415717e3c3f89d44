//! Requests on their way into a frame.

use std::collections::VecDeque;

use arrow::array::RecordBatch;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::{
    committer::{
        limits::{FRAME_ARROW_BYTES, FRAME_REQUESTS_MAX},
        outcome::{Committed, Error},
    },
    frame, invariant,
    time::Timestamp,
};

/// One caller's rows.
pub(super) struct Request {
    pub(super) batch: RecordBatch,
    /// Arrow bytes of the rows.
    pub(super) bytes: usize,
    /// When the first and the last of the rows were captured.
    pub(super) captured: (Timestamp, Timestamp),
    /// Whether the caller wants to know where in their frames its rows are.
    pub(super) wants_places: bool,
    pub(super) reply: oneshot::Sender<Result<Committed, Error>>,
    /// Its share of the queue, in rows and in bytes: taken when it entered it, given back when it is answered.
    pub(super) _permits: [OwnedSemaphorePermit; 2],
}

/// Requests that have left the queue and are in no frame yet.
#[derive(Default)]
pub(super) struct Waiting {
    requests: VecDeque<Request>,
    /// Rows of all of them.
    rows: usize,
    /// Arrow bytes of all of them.
    bytes: usize,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    pub(super) fn push(&mut self, request: Request) {
        self.rows += request.batch.num_rows();
        self.bytes += request.bytes;
        self.requests.push_back(request);
    }

    /// Whether waiting longer could not make the next frame any larger.
    pub(super) fn is_more_than_a_frame(&self) -> bool {
        let requests = self.requests.len();
        self.rows > frame::ROWS_MAX || self.bytes > FRAME_ARROW_BYTES || requests > FRAME_REQUESTS_MAX
    }

    /// Takes the first requests that fit one frame together. A request that is too large for a frame is taken alone.
    pub(super) fn take(&mut self) -> Vec<Request> {
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
        invariant!(I2, !group.is_empty() || self.requests.is_empty(), "{} requests wait for ever", self.requests.len());
        invariant!(I14, rows <= self.rows && bytes <= self.bytes, "{rows} of {} rows, {bytes} bytes", self.rows);
        self.rows -= rows;
        self.bytes -= bytes;
        let counted = (self.rows, self.bytes);
        invariant!(I14, !self.requests.is_empty() || counted == (0, 0), "nothing waits, and {counted:?} is counted");
        group
    }
}
