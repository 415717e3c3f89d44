//! What happens to every request: an id, a deadline, and problems turned into documents.

#![expect(clippy::disallowed_methods, reason = "a request has a deadline")]

use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use tokio::time;

use crate::{problem::Problem, request_id, state::State};

/// What a client gets: the answer, or that it took longer than `timeout`.
pub(super) async fn finish(state: &State, timeout: Duration, answering: impl Future<Output = Response>) -> Response {
    let id = state.request_ids.next();
    let answered = time::timeout(timeout, answering).await;
    let mut response = answered.unwrap_or_else(|_| Problem::timed_out().into_response());
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        problem.write_into(&mut response, &id);
    }
    response.headers_mut().insert(request_id::HEADER, id.header_value());
    response
}
