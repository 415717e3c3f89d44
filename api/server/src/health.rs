//! `GET /livez` and `GET /readyz`: whether the process runs, and whether it should get traffic.

use axum::{
    extract,
    response::{IntoResponse, Response},
};

use crate::{problem::Problem, told::Operations};

pub(super) async fn livez() -> Response {
    axum::Json(serde_json::json!({"status": "live"})).into_response()
}

pub(super) async fn readyz(extract::State(operations): extract::State<Operations>) -> Result<Response, Problem> {
    let reasons = operations.ready.reasons();
    if reasons.is_empty() {
        return Ok(axum::Json(serde_json::json!({"status": "ready"})).into_response());
    }
    Err(Problem::not_ready(reasons.join("; ")))
}
