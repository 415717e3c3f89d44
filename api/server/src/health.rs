//! `GET /livez` and `GET /readyz`: whether the process runs, and whether it should get traffic.

use axum::{
    extract,
    response::{IntoResponse, Response},
};

use crate::{problem::Problem, state::State};

pub(super) async fn livez() -> Response {
    axum::Json(serde_json::json!({"status": "live"})).into_response()
}

pub(super) async fn readyz(extract::State(state): extract::State<State>) -> Result<Response, Problem> {
    let reasons = state.ready.reasons();
    if reasons.is_empty() {
        return Ok(axum::Json(serde_json::json!({"status": "ready"})).into_response());
    }
    Err(Problem::not_ready(reasons.join("; ")))
}
