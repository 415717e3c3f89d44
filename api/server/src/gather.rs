//! Single events of many requests become rows of one batch, before they reach the committer.
//!
//! A batch of one row costs thirty times what a row of a batch costs, and the committer would only put them together
//! again. So visits push their event into the open batch, under a lock that is held for that push. While a batch is
//! being stored the next one fills: self-clocked, as the committer is, and an event that comes alone does not wait.
//! Under load a frame costs the log more than a handful of events is worth, so a batch that follows another stays open
//! while every turn of the runtime brings it more events, for a short time.

#![expect(
    clippy::disallowed_methods,
    reason = "how long a click waited is measured, and bounds how long a batch stays open"
)]

use std::time::Duration;

use clicktrail_log::{
    committer::{Committed, Error},
    event::Event,
};
use tokio::{sync::watch, time::Instant};

use crate::{
    open_batch::{OpenBatch, Outcome},
    receipts::Stands,
    state::State,
};

/// No batch stays open longer for more to come, however long the last one took.
const OPEN_MAX: Duration = Duration::from_millis(2);

/// An event in the open batch.
#[derive(Debug)]
pub(super) struct Waiting {
    since: Instant,
    outcome: watch::Receiver<Outcome>,
    /// Which row of the batch.
    row: usize,
}

/// Puts one event into the open batch, where it will be stored whether somebody waits for it or not. Only if its place
/// is wanted can [`Waiting::placed`] tell it.
///
/// # Errors
/// [`Error::Busy`]; the event is counted as refused.
pub(super) fn push(state: &State, event: &Event<'_>, wants_place: bool) -> Result<Waiting, Error> {
    let since = Instant::now();
    state.tally.received.increment(1);
    let mut open = state.open_batch.open();
    let (outcome, row) = open.push(event).inspect_err(|_| state.tally.refused.increment(1))?;
    open.wants_places |= wants_place;
    if !open.is_storing {
        open.is_storing = true;
        state.commits.spawn(store_all(state.clone()));
    }
    Ok(Waiting { since, outcome, row })
}

impl Waiting {
    /// Returns once the event is durable, or not.
    pub(super) async fn done(self, state: &State) -> Result<(), Error> {
        self.stored(state, |_, _| ()).await
    }

    /// The same, with where the event is, if that was wanted.
    pub(super) async fn placed(self, state: &State) -> Result<Option<Stands>, Error> {
        self.stored(state, Committed::place).await
    }

    async fn stored<T>(mut self, state: &State, what: impl FnOnce(&Committed, usize) -> T) -> Result<T, Error> {
        // The sender is gone without a word only if the task panicked.
        let stored = match self.outcome.wait_for(Option::is_some).await {
            Ok(stored) => match stored.as_ref() {
                Some(Ok(committed)) => Ok(what(committed, self.row)),
                Some(Err(error)) => Err(error.clone()),
                None => Err(Error::Closed),
            },
            Err(_) => Err(Error::Closed),
        };
        state.tally.acknowledged_after(self.since.elapsed());
        stored
    }
}

/// Stores batch after batch until none is open.
async fn store_all(state: State) {
    let _at_work = AtWork(&state.open_batch);
    while let Some(mut open) = state.open_batch.take() {
        let rows = open.events.rows() as u64;
        let started = Instant::now();
        let (events, captured) = (open.events.finish(), open.captured);
        let stored = match open.wants_places {
            true => state.clicks.commit_with_places(events, captured).await,
            false => state.clicks.commit(events, captured).await,
        };
        if stored.is_ok() {
            state.tally.logged.increment(rows)
        } else {
            state.tally.refused.increment(rows)
        }
        open.outcome.send_replace(Some(stored));
        state.open_batch.while_more_come(started.elapsed().min(OPEN_MAX)).await;
    }
}

/// Lets a new task start if this one panics.
struct AtWork<'a>(&'a OpenBatch);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.open().is_storing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{limits::Limits, testing::Doors};

    #[tokio::test]
    async fn clicks_of_one_moment_share_a_frame() {
        let doors = Doors::open(Limits::default()).await;
        let clicks: Vec<String> = (0..100).map(|click| format!("GET /c/known?eid={click}")).collect();
        let answers = futures::future::join_all(clicks.iter().map(|click| doors.ask(click, &[]))).await;
        assert!(answers.iter().all(|answer| answer.outcome() == "302"));
        let mut ids = doors.logged(&["event_id"]).await;
        ids.sort_by_key(|id| id.parse::<u32>().unwrap());
        assert_eq!(ids, (0..100).map(|click| click.to_string()).collect::<Vec<_>>());
        assert!(doors.frames().await <= 2, "{}", doors.frames().await);
        doors.check_counts((100, 0, 0));
    }
}
