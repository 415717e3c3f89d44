//! `GET|POST|HEAD /c/{ad_id}`: a click, and the way to what the ad advertises.
//!
//! | request | event | answer |
//! |---|---|---|
//! | `GET`, `POST` | `click` | 302 to the registered target |
//! | `HEAD` | `probe` | the same |
//! | fetched ahead (`Sec-Purpose: prefetch` and older headers for it) | `prefetch` | 503: the click itself comes here
//! again |
//! | `GET`, `POST` of a paused ad | rejected `ad_paused`, never billed | 302 all the same |
//! | of an ad that is not registered | rejected `unknown_ad` | 404 |
//!
//! The target comes from the registry and from nowhere else: no parameter can make this an open redirect.

use std::borrow::Cow;

use axum::{
    body::Body,
    extract::{self, Request},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::Response,
};
use clicktrail_log::event::Kind;
use percent_encoding::percent_decode_str;

use crate::{
    problem::Problem,
    receipts,
    state::State,
    visit::{Subject, Visit},
};

/// The door's name in rejected records.
const SOURCE: &str = "http /c";
const PATH: &str = "/c/";
/// Stands for an ad whose name is no text: U+FFFD.
const NO_TEXT: &str = "\u{fffd}";

/// The ad that is clicked.
fn ad_id(request: &Parts) -> Cow<'_, str> {
    let ad_id = request.uri.path().strip_prefix(PATH).unwrap_or_default();
    percent_decode_str(ad_id).decode_utf8().unwrap_or(Cow::Borrowed(NO_TEXT))
}

/// A click on an ad.
///
/// # Errors
/// What to tell the client instead of the ad's target.
pub(super) async fn redirect(
    extract::State(state): extract::State<State>,
    request: Request,
) -> Result<Response, Problem> {
    let (request, _) = request.into_parts();
    let ad_id = ad_id(&request);
    let visit = Visit::of(&request, &state);
    let ads = state.registry.current();
    let target = match ads.get(&ad_id) {
        Some(ad) => Some(HeaderValue::from_str(&ad.target_url).map_err(|error| Problem::internal(&error))?),
        None => None,
    };
    let kind = visit.kind(Kind::Click);
    let subject = Subject { kind, ad_id: Some(&ad_id), own_parameter: None };
    let receipt = visit.capture(&state, &ads, SOURCE, subject).await?;
    if kind == Kind::Prefetch {
        return Err(Problem::prefetch());
    }
    let target = target.expect("a visit names no advertiser, so that of an ad that is not registered is refused");
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(header::LOCATION, target);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    receipts::hand_out(receipt, &mut response);
    Ok(response)
}

#[cfg(test)]
mod tests;
