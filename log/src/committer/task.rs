//! The one task that makes frames and stores them.

#![expect(clippy::disallowed_methods, reason = "frames are encoded on a thread that may block")]

use std::{pin::pin, sync::Arc};

use tokio::sync::mpsc;
use tracing::error;

use crate::{
    committer::{
        group::{Group, Unfit, encode},
        limits::INLINE_ROWS_MAX,
        pulse::Pulse,
        queue::{Request, Waiting},
        sink::Sink,
        store::{Refused, store},
    },
    frame::Writer,
};

/// Owns the writer: nobody else numbers its frames.
pub(super) struct Task {
    sink: Arc<dyn Sink>,
    writer: Writer,
    queue: mpsc::Receiver<Request>,
    waiting: Waiting,
    pulse: Pulse,
}

impl Task {
    pub(super) fn new(sink: Arc<dyn Sink>, writer: Writer, queue: mpsc::Receiver<Request>, pulse: Pulse) -> Self {
        Self { sink, writer, queue, waiting: Waiting::default(), pulse }
    }

    /// Stores group after group.
    ///
    /// It ends when every handle is dropped and nothing waits. It also ends when the log refuses a frame for good: a
    /// writer must not go on past a number that never reached the log. Whoever waits then is told that the committer
    /// has stopped.
    pub(super) async fn run(mut self) {
        let mut next = self.next_group().await;
        while let Some(group) = next {
            next = match self.store_and_make_next(group).await {
                Ok(group) => group,
                Err(Refused) => return,
            };
        }
    }

    /// Stores a group and makes the next one; `None` if there will be no more.
    ///
    /// While the group is on its way to the log, requests gather. One of two things happens first:
    /// - The group is stored. Then the next frame is made, of whatever has gathered.
    /// - More gathers than one frame takes. Then the next frame is made at once, while the group is still on its way:
    ///   it would not become any larger, and it is ready when the group is stored.
    async fn store_and_make_next(&mut self, group: Group) -> Result<Option<Group>, Refused> {
        let sink = Arc::clone(&self.sink);
        let pulse = self.pulse.clone();
        let mut storing = pin!(store(sink.as_ref(), group, &pulse));
        let stored = tokio::select! {
            biased;
            stored = storing.as_mut() => Some(stored),
            () = self.more_than_a_frame() => None,
        };
        match stored {
            Some(Ok(())) => Ok(self.next_group().await),
            Some(Err(refused)) => Err(refused),
            None => {
                let next = async { Ok(self.next_group().await) };
                let ((), next) = tokio::try_join!(storing, next)?;
                Ok(next)
            }
        }
    }

    /// Returns when more waits than one frame takes. Dropped earlier, it loses no request.
    async fn more_than_a_frame(&mut self) {
        while !self.waiting.is_more_than_a_frame() {
            match self.queue.recv().await {
                Some(request) => self.waiting.push(request),
                None => std::future::pending().await,
            }
        }
    }

    /// Waits for a request, then makes frames of everything that waits and fits one frame. `None` if there will be no
    /// more requests.
    async fn next_group(&mut self) -> Option<Group> {
        loop {
            if self.waiting.is_empty() {
                self.waiting.push(self.queue.recv().await?);
            }
            while !self.waiting.is_more_than_a_frame()
                && let Ok(request) = self.queue.try_recv()
            {
                self.waiting.push(request);
            }
            let requests = self.waiting.take();
            let (group, unfit) = self.encode(requests).await?;
            for (request, error) in unfit {
                let _ = request.reply.send(Err(error));
            }
            if !group.requests.is_empty() {
                return Some(group);
            }
        }
    }

    /// Makes the frames of a group; `None` if that panicked.
    ///
    /// Compressing many rows would hold up every other task of this thread, so it is moved to a thread for such work.
    /// For few rows the move would cost more than the work.
    async fn encode(&mut self, requests: Vec<Request>) -> Option<(Group, Vec<Unfit>)> {
        let rows: usize = requests.iter().map(|request| request.batch.num_rows()).sum();
        if rows <= INLINE_ROWS_MAX {
            return Some(encode(&mut self.writer, requests));
        }
        // The writer itself moves, because it has the buffers; a clone, which has none, stands in for it. If encoding
        // panics the writer is lost, and the clone is never used: the committer stops.
        let stand_in = self.writer.clone();
        let mut writer = std::mem::replace(&mut self.writer, stand_in);
        let encoded = tokio::task::spawn_blocking(move || (encode(&mut writer, requests), writer)).await;
        let (encoded, writer) =
            encoded.inspect_err(|cause| error!(%cause, "frames cannot be made; the committer stops")).ok()?;
        self.writer = writer;
        Some(encoded)
    }
}
