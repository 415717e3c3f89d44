//! All routes, and what happens to every request on its way through them.

use axum::{Router, body::Body, extract::Request, response::Response, routing};
use tower::ServiceExt as _;

use crate::{events, finish, health, metrics, pixel, problem, redirect, state::State};

/// The doors of a state.
pub(crate) fn router(state: State) -> Router {
    Router::new()
        .route("/c/{ad_id}", routing::get(redirect::redirect).post(redirect::redirect))
        .route("/i.gif", routing::get(pixel::pixel))
        .route("/v1/events", routing::post(events::events))
        .route("/livez", routing::get(health::livez))
        .route("/readyz", routing::get(health::readyz))
        .route("/metrics", routing::get(metrics::metrics))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .with_state(state)
}

/// Answers a request. Its client's address is its extension `ConnectInfo<SocketAddr>`.
pub(crate) async fn answer(router: Router, state: &State, request: Request<Body>) -> Response {
    let routed = async {
        let Ok(response) = router.oneshot(request).await;
        response
    };
    finish::finish(state, routed).await
}
