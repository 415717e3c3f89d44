//! What happens to every request: an id, a deadline, and problems turned into documents.

use axum::{
    extract::{Request, State as Extract},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::time;

use super::{State, problem::Problem, request_id};

pub(super) async fn finish(Extract(state): Extract<State>, request: Request, next: Next) -> Response {
    let id = state.request_ids.next();
    let answered = time::timeout(state.limits.request_timeout, next.run(request)).await;
    let mut response = answered.unwrap_or_else(|_| Problem::timed_out().into_response());
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        problem.write_into(&mut response, &id);
    }
    response.headers_mut().insert(request_id::HEADER, id.header_value());
    response
}
