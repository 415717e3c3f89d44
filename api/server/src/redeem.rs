//! `GET /v1/receipts/{token}`: what was promised is proved, or it is said where it stands.
//!
//! Whoever shows a receipt that we signed may see the proof. Of a receipt that is not signed, the digest of its row is
//! what nobody can guess: nothing is told of an event to whom does not know all of it. A proof takes reading, so few
//! are made at a time, whoever asks.

use axum::{
    body::Body,
    extract::{Path, State as Extract},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use clicktrail_evidence::receipt::SignedReceipt;
use serde_json::json;

use crate::{
    held,
    problem::{self, Problem},
    redeemed::Redeemed,
    state::State,
};

/// The longest token.
const TOKEN_BYTES_MAX: usize = 8 << 10;
/// When to ask again for what is not proved yet, in seconds.
const ASK_AGAIN_AFTER: &str = "600";

/// Answers whoever shows a receipt.
pub(super) async fn redeem(Extract(state): Extract<State>, Path(token): Path<String>) -> Result<Response, Problem> {
    let Some(redeem) = &state.redeem else { return Err(problem::not_found().await) };
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Problem::no_receipt("it is longer than a receipt can be"));
    }
    let receipt = SignedReceipt::read(token.as_bytes()).map_err(|error| Problem::no_receipt(&error.to_string()))?;
    let _slot = state.redemptions.try_acquire().map_err(|_| Problem::too_many_proofs())?;
    match redeem.redeem(&receipt).await {
        Redeemed::Proof { position, bundle } => proof(&state, &position, bundle),
        Redeemed::Waits { stands, detail } => Ok(waits(&receipt, stands, &detail)),
        Redeemed::Broken(detail) => Err(Problem::promise_broken(detail)),
        Redeemed::Forged => Err(Problem::receipt_forged()),
        Redeemed::Unknown => Err(Problem::receipt_unknown()),
        Redeemed::Unprovable(detail) => Err(Problem::unprovable(detail)),
        Redeemed::Unavailable => Err(Problem::archive_unavailable()),
    }
}

fn proof(state: &State, position: &str, bundle: Vec<u8>) -> Result<Response, Problem> {
    let mut claim = state.budget.claim();
    if !claim.grow(bundle.len()) {
        return Err(Problem::too_many_proofs());
    }
    let name = HeaderValue::try_from(format!("attachment; filename=\"receipt-{position}.zip\""));
    let mut response = Response::new(held::body(bundle, claim));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(name) = name {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

fn waits(receipt: &SignedReceipt, stands: &str, detail: &str) -> Response {
    let receipt = receipt.receipt();
    let position = receipt.position.map(|_| receipt.place());
    let answer = json!({"stands": stands, "event_id": receipt.event_id, "position": position, "detail": detail});
    let mut response = Response::new(Body::from(answer.to_string()));
    *response.status_mut() = StatusCode::ACCEPTED;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static(ASK_AGAIN_AFTER));
    response
}
