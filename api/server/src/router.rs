//! All routes, and what happens to every request on its way through them.

use axum::{Router, body::Body, extract::Request, response::Response, routing};
use tower::ServiceExt as _;

use crate::{events, finish, pixel, problem, redeem, redirect, state::State, told::Operations};

/// Where batches arrive.
const BATCHES: &str = "/v1/events";
/// In front of what programs ask for, and wait for longer than a person would.
const PROGRAMS: &str = "/v1/";

/// The doors of a state.
pub(crate) fn router(state: State) -> Router {
    let operations = Operations { ready: state.ready.clone(), metrics: state.metrics.clone() };
    Router::new()
        .route("/c/{ad_id}", routing::get(redirect::redirect).post(redirect::redirect))
        .route("/i.gif", routing::get(pixel::pixel))
        .route(BATCHES, routing::post(events::events))
        .route("/v1/receipts/{token}", routing::get(redeem::redeem))
        .with_state(state)
        .merge(operations.routes())
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
}

/// Answers a request. Its client's address is its extension `ConnectInfo<SocketAddr>`.
pub(crate) async fn answer(router: Router, state: &State, request: Request<Body>) -> Response {
    // A person waits for a click, a program for a batch.
    let timeout = match request.uri().path().starts_with(PROGRAMS) {
        true => state.limits.request_timeout,
        false => state.limits.click_timeout,
    };
    let routed = async {
        let Ok(response) = router.oneshot(request).await;
        response
    };
    finish::finish(state, timeout, routed).await
}
