//! `GET /metrics`: Prometheus text.

use axum::{
    extract,
    http::header,
    response::{IntoResponse, Response},
};

use crate::told::Operations;

pub(super) async fn metrics(extract::State(operations): extract::State<Operations>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], operations.metrics.render()).into_response()
}
