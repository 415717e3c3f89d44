//! `GET /metrics`: Prometheus text.

use axum::{
    extract,
    http::header,
    response::{IntoResponse, Response},
};

use crate::state::State;

pub(super) async fn metrics(extract::State(state): extract::State<State>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], state.metrics.render()).into_response()
}
