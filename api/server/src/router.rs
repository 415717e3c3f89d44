//! All routes, and what happens to every request on its way through them.

use axum::{Router, body::Body, extract::Request, response::Response, routing};
use tower::ServiceExt as _;

use crate::{events, finish, pixel, problem, redirect, state::State, told::Operations};

/// Where batches arrive.
const BATCHES: &str = "/v1/events";

/// The doors of a state.
pub(crate) fn router(state: State) -> Router {
    let operations = Operations { ready: state.ready.clone(), metrics: state.metrics.clone() };
    Router::new()
        .route("/c/{ad_id}", routing::get(redirect::redirect).post(redirect::redirect))
        .route("/i.gif", routing::get(pixel::pixel))
        .route(BATCHES, routing::post(events::events))
        .with_state(state)
        .merge(operations.routes())
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
}

/// Answers a request. Its client's address is its extension `ConnectInfo<SocketAddr>`.
pub(crate) async fn answer(router: Router, state: &State, request: Request<Body>) -> Response {
    // A person waits for a click, a program for a batch.
    let timeout = match request.uri().path() == BATCHES {
        true => state.limits.request_timeout,
        false => state.limits.click_timeout,
    };
    let routed = async {
        let Ok(response) = router.oneshot(request).await;
        response
    };
    finish::finish(state, timeout, routed).await
}
