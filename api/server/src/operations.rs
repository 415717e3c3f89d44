//! What operators ask of a process, whatever it does: whether it lives, whether it is well, and how much it did. A
//! server that captures answers this beside its doors; a process of other roles answers nothing else.

use axum::{Router, body::Body, extract::Request, response::Response, routing};
use tower::ServiceExt as _;

use crate::{health, metrics, problem, told::Operations};

impl Operations {
    /// The routes, to be merged with others.
    pub(crate) fn routes(self) -> Router {
        Router::new()
            .route("/livez", routing::get(health::livez))
            .route("/readyz", routing::get(health::readyz))
            .route("/metrics", routing::get(metrics::metrics))
            .with_state(self)
    }

    /// All that a process without doors answers.
    pub(crate) fn router(self) -> Router {
        let router = self.routes();
        router.fallback(problem::not_found).method_not_allowed_fallback(problem::method_not_allowed)
    }
}

/// Answers a request to a router that has no doors.
pub(crate) async fn answer(router: Router, request: Request<Body>) -> Response {
    let Ok(response) = router.oneshot(request).await;
    response
}
