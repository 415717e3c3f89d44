//! The batch that single events of many requests fill, and what tells them when it is stored.

#![expect(clippy::disallowed_methods, reason = "how long a batch took bounds how long the next stays open")]

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use clicktrail_log::{
    committer::{Committed, Error},
    event::Event,
    schema::EventsBuilder,
    time::Timestamp,
};
use tokio::{sync::watch, time::Instant};

/// Rows of the open batch. Full: [`Error::Busy`].
const ROWS_MAX: usize = 16_384;
/// Text of the open batch in bytes. Full: [`Error::Busy`].
const TEXT_BYTES_MAX: usize = 32 << 20;

/// What became of a batch: `None` until that is known.
pub(crate) type Outcome = Option<Result<Committed, Error>>;

/// The batch that fills.
#[derive(Debug)]
pub(crate) struct OpenBatch(Mutex<Open>);

/// Its rows, and who waits for them.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) events: EventsBuilder,
    /// Earliest and latest.
    pub(crate) captured: (Timestamp, Timestamp),
    /// Whether somebody wants a receipt of a row.
    pub(crate) wants_places: bool,
    /// Tells everybody with a row in the batch.
    pub(crate) outcome: watch::Sender<Outcome>,
    /// Whether a task is at work that will come for this batch.
    pub(crate) is_storing: bool,
}

impl Open {
    fn new(rows: usize) -> Self {
        let never = (Timestamp::from_micros(i64::MAX), Timestamp::from_micros(i64::MIN));
        Self {
            events: EventsBuilder::with_capacity(rows),
            captured: never,
            wants_places: false,
            outcome: watch::channel(None).0,
            is_storing: false,
        }
    }

    /// Takes an event; who tells what becomes of the batch, and which of its rows the event is.
    pub(crate) fn push(&mut self, event: &Event<'_>) -> Result<(watch::Receiver<Outcome>, usize), Error> {
        if self.events.rows() >= ROWS_MAX || self.events.text_bytes() >= TEXT_BYTES_MAX {
            return Err(Error::Busy);
        }
        let row = self.events.rows();
        self.events.push(event);
        self.captured = (self.captured.0.min(event.captured_at), self.captured.1.max(event.captured_at));
        Ok((self.outcome.subscribe(), row))
    }
}

impl OpenBatch {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Open::new(64)))
    }

    pub(crate) fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when a turn of the runtime brings the open batch nothing, when it is half full, or when the time is
    /// over.
    pub(crate) async fn while_more_come(&self, at_most: Duration) {
        let started = Instant::now();
        let mut rows = 0;
        loop {
            tokio::task::yield_now().await;
            let before = rows;
            let is_half_full = {
                let open = self.open();
                rows = open.events.rows();
                rows >= ROWS_MAX / 2 || open.events.text_bytes() >= TEXT_BYTES_MAX / 2
            };
            if rows == before || is_half_full || started.elapsed() >= at_most {
                return;
            }
        }
    }

    /// The open batch, if it has rows; else no task is storing any more.
    pub(crate) fn take(&self) -> Option<Open> {
        let mut open = self.open();
        if open.events.rows() == 0 {
            open.is_storing = false;
            return None;
        }
        let next = Open { is_storing: true, ..Open::new(open.events.rows()) };
        Some(std::mem::replace(&mut *open, next))
    }
}
