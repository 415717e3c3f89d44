//! Work that keeps a thread busy, on threads of its own and on a limited number of them.

#![expect(clippy::disallowed_methods, reason = "the one place of this room that hands work to threads")]

use std::sync::Arc;

use datafusion::{common::runtime::SpawnedTask, error::DataFusionError};
use tokio::sync::Semaphore;

use crate::error::Error;

/// So many threads.
#[derive(Debug, Clone)]
pub(super) struct Threads {
    pub(super) count: usize,
    free: Arc<Semaphore>,
}

/// Work that was started: dropped, it is not begun any more.
#[derive(Debug)]
pub(super) struct Task<T>(SpawnedTask<Result<T, Error>>);

impl Threads {
    pub(super) fn new(count: usize) -> Self {
        let count = count.max(1);
        Self { count, free: Arc::new(Semaphore::new(count)) }
    }

    /// Starts work as soon as a thread is free, whether or not anybody waits for it.
    pub(super) fn start<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Task<T> {
        let free = Arc::clone(&self.free);
        Task(SpawnedTask::spawn(async move {
            let _thread = free.acquire().await.expect("the semaphore is never closed");
            SpawnedTask::spawn_blocking(work).join_unwind().await.map_err(stopped)?
        }))
    }
}

impl<T: 'static> Task<T> {
    /// What the work gave; its panic, if it panicked.
    ///
    /// # Errors
    /// The work's own; [`Error::Query`] if the runtime shuts down.
    pub(super) async fn done(self) -> Result<T, Error> {
        self.0.join_unwind().await.map_err(stopped)?
    }
}

fn stopped(error: tokio::task::JoinError) -> Error {
    Error::from(DataFusionError::ExecutionJoin(Box::new(error)))
}
