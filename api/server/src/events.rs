//! `POST /v1/events`: batches of events as a JSON list, one JSON object, or NDJSON; plain, gzip or zstd.

#![expect(clippy::disallowed_methods, reason = "a large body is taken in on a thread that may block")]

use axum::{
    body::Body,
    extract::State as Extract,
    http::{HeaderMap, Uri},
    response::Response,
};
use clicktrail_log::{committer, time::Timestamp};

use crate::{
    answer::{self, answer},
    body::{self, Encoding, Failure, Format},
    budget::Claim,
    intake::{self, Intake},
    problem::Problem,
    receipts,
    state::State,
    store::{self, Batches},
};
use clicktrail_capture::Context;

/// The door's name in rejected records.
const SOURCE: &str = "http /v1/events";
/// Bodies from here on are taken in on a blocking thread: below, moving them would cost more than the work.
const BLOCKING_BYTES: usize = 32 << 10;

/// Answers with one result per item, once all of them are durable.
pub(super) async fn events(
    Extract(state): Extract<State>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let mut claim = state.budget.claim();
    // Room is made as bytes arrive: a header that promises many costs nothing.
    let mut bytes = Vec::new();
    let read = body::read(body, &state.limits, &mut claim, &mut bytes).await;
    let captured_at = state.clock.now();
    let wants_receipts = receipts::is_asked(&headers) || receipts::is_asked_in(uri.query());
    let kind = read.and_then(|()| Ok(body::kind(&headers)?));
    let taken = match kind {
        Ok((format, encoding)) => {
            let request = Request { bytes, format, encoding, claim, captured_at, wants_receipts };
            take_in(&state, request).await?
        }
        Err(failure) => Err((bytes, failure)),
    };
    let (intake, claim) = match taken {
        Ok(taken) => taken,
        Err((original, Failure::Unusable(unusable))) => {
            let problem = (unusable.code(), unusable.to_string(), Problem::from(&unusable));
            return Err(store::reject(&state, SOURCE, problem, &original, captured_at).await);
        }
        Err((_, Failure::NoRoom)) => {
            state.tally.received.increment(1);
            state.tally.refused.increment(1);
            return Err(Problem::from(&committer::Error::Busy));
        }
    };
    let Intake { events, rejected, items } = intake;
    let batches = Batches { events: Some(events.clone()), rejected: Some(rejected), wants_receipts };
    let stored = store::store(&state, batches, captured_at).await;
    let receipts = match &stored.events {
        Ok(committed) if wants_receipts => receipts::of_batch(&state, &events, committed).await,
        Ok(_) | Err(_) => Vec::new(),
    };
    Ok(answer(&events, &items, &stored, receipts, claim))
}

/// A body that has been read.
struct Request {
    bytes: Vec<u8>,
    format: Format,
    encoding: Encoding,
    /// Held until the answer was taken.
    claim: Claim,
    captured_at: Timestamp,
    wants_receipts: bool,
}

/// A body that was of no use, with its bytes as they came.
type Useless = (Vec<u8>, Failure);

async fn take_in(state: &State, request: Request) -> Result<Result<(Intake, Claim), Useless>, Problem> {
    if request.bytes.len() < BLOCKING_BYTES && request.encoding == Encoding::Identity {
        return Ok(take_in_now(state, request));
    }
    let state = state.clone();
    let task = tokio::task::spawn_blocking(move || take_in_now(&state, request));
    task.await.map_err(|error| Problem::internal(&error))
}

fn take_in_now(state: &State, request: Request) -> Result<(Intake, Claim), Useless> {
    let Request { bytes, format, encoding, mut claim, captured_at, wants_receipts } = request;
    let limits = if wants_receipts { &state.limits.with_receipts() } else { &state.limits };
    let ads = state.registry.current();
    let context = Context { captured_at, ads: &ads, limits: &limits.capture };
    let taken = body::inflate(&bytes, encoding, limits.inflated_bytes_max, &mut claim).and_then(|body| {
        let intake = intake::take_in(&body, format, SOURCE, limits, &context, &*state.ids)?;
        // Before anything is stored: what is stored must be answered.
        match claim.grow(answer::bytes_max(&intake, wants_receipts)) {
            true => Ok(intake),
            false => Err(Failure::NoRoom),
        }
    });
    match taken {
        Ok(intake) => Ok((intake, claim)),
        Err(failure) => Err((bytes, failure)),
    }
}

#[cfg(test)]
mod tests;
