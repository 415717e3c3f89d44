//! Storing what a request brought, and counting it: the one place where items become logged, rejected or refused.

#![expect(clippy::disallowed_methods, reason = "how long storing took is measured")]

use arrow::array::RecordBatch;
use clicktrail_log::{
    committer::{Committed, Error},
    rejected::RejectedBuilder,
    time::Timestamp,
};
use tokio::time::Instant;

use crate::{intake, problem::Problem, state::State};

/// What a request brought.
#[derive(Debug, Default)]
pub(super) struct Batches {
    pub(super) events: Option<RecordBatch>,
    pub(super) rejected: Option<RecordBatch>,
    /// Whether receipts of the events are wanted.
    pub(super) wants_receipts: bool,
}

/// What became of it: where the events are, and whether the rejected events are stored.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) events: Result<Committed, Error>,
    pub(super) rejected: Result<(), Error>,
}

/// Stores both batches and waits until both are durable, or not.
///
/// The work is a task of its own: when the client hangs up and this future is dropped, the task goes on, so that
/// what the log holds and what the counters say stay equal.
pub(super) async fn store(state: &State, batches: Batches, captured_at: Timestamp) -> Stored {
    let task = state.commits.spawn(store_now(state.clone(), batches, captured_at));
    task.await.unwrap_or_else(|_| {
        tracing::error!("a commit panicked");
        Stored { events: Err(Error::Closed), rejected: Err(Error::Closed) }
    })
}

async fn store_now(state: State, batches: Batches, captured_at: Timestamp) -> Stored {
    let tally = &state.tally;
    let rows = |batch: &Option<RecordBatch>| batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
    let (events, rejected) = (rows(&batches.events), rows(&batches.rejected));
    tally.received.increment(events + rejected);
    let captured = (captured_at, captured_at);
    let started = Instant::now();
    let commit_events = async {
        match batches.events {
            Some(batch) if batch.num_rows() > 0 => {
                let committed = match batches.wants_receipts {
                    true => state.clicks.commit_with_places(batch, captured).await,
                    false => state.clicks.commit(batch, captured).await,
                };
                tally.acknowledged_after(started.elapsed());
                committed
            }
            Some(_) | None => Ok(Committed::default()),
        }
    };
    let commit_rejected = async {
        match batches.rejected {
            Some(batch) if batch.num_rows() > 0 => state.rejected.commit(batch, captured).await.map(drop),
            Some(_) | None => Ok(()),
        }
    };
    let (events_stored, rejected_stored) = tokio::join!(commit_events, commit_rejected);
    let count_if = |is_stored: bool, rows: u64, stored: &metrics::Counter| {
        if is_stored { stored.increment(rows) } else { tally.refused.increment(rows) }
    };
    count_if(events_stored.is_ok(), events, &tally.logged);
    count_if(rejected_stored.is_ok(), rejected, &tally.rejected);
    Stored { events: events_stored, rejected: rejected_stored }
}

/// Stores one rejected item and gives what to tell its client: the problem, or, where it could not be stored, to send
/// it again.
pub(super) async fn reject(
    state: &State,
    source: &str,
    problem: (&str, String, Problem),
    original: &[u8],
    captured_at: Timestamp,
) -> Problem {
    let (code, detail, answer) = problem;
    match keep_rejected(state, source, (code, &detail), original, captured_at).await {
        Ok(()) => answer,
        Err(try_again) => try_again,
    }
}

/// Stores one rejected item.
///
/// # Errors
/// To send it again.
pub(super) async fn keep_rejected(
    state: &State,
    source: &str,
    (code, detail): (&str, &str),
    original: &[u8],
    captured_at: Timestamp,
) -> Result<(), Problem> {
    let original = state.limits.original(original);
    let mut builder = RejectedBuilder::with_capacity(1);
    builder.push(&intake::rejected(source, 0, code, detail, original, captured_at));
    let batches = Batches { rejected: Some(builder.finish()), ..Batches::default() };
    store(state, batches, captured_at).await.rejected.map_err(|error| Problem::from(&error))
}
