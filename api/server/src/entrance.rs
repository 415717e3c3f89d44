//! Where every request comes in: a click goes straight to its handler, everything else through the router.
//!
//! Clicks are nearly all of the traffic, and little happens to one here: each is spared the router, its extractors and
//! its boxed layers.

use axum::{
    Router,
    body::Body,
    extract::Request,
    response::{IntoResponse as _, Response},
};
use tower::ServiceExt as _;

use super::{State, finish, redirect, router};

/// All doors.
#[derive(Debug)]
pub struct Entrance {
    state: State,
    router: Router,
}

impl Entrance {
    /// All doors of a state.
    pub fn new(state: State) -> Self {
        Self { router: router(state.clone()), state }
    }

    /// Answers a request. Its client's address is its extension `ConnectInfo<SocketAddr>`.
    pub async fn answer(&self, request: Request<Body>) -> Response {
        finish::finish(&self.state, self.open(request)).await
    }

    async fn open(&self, request: Request<Body>) -> Response {
        let (parts, body) = request.into_parts();
        if let Some(ad_id) = redirect::ad_id(&parts) {
            drop(body);
            return redirect::redirect(&self.state, &ad_id, &parts).await.into_response();
        }
        let Ok(response) = self.router.clone().oneshot(Request::from_parts(parts, body)).await;
        response
    }
}
